"""Where a model computes: what is chosen, what is refused, and that a model elsewhere says what it says here."""

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from playground import catalog, engine
from playground.decoding.rows import Desk
from playground.decoding.trace import GenerationRequest, Trace
from playground.engines.huggingface import device
from playground.engines.huggingface.backend import Backend, HuggingFaceModel, load
from playground.engines.huggingface.inspection import Inspection
from playground.errors import ModelUnavailableError
from playground.runs.verification.generate import verify
from playground.settings import How
from tests.conftest import ARCHITECTURES
from tests.engines.huggingface import elsewhere

ROOT = Path(__file__).resolve().parents[3]
GIB = 2**30


@pytest.fixture
def cards(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Lets torch report CUDA cards with so many free bytes each, and no other."""

    def report(*free: int) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: bool(free))
        monkeypatch.setattr(torch.cuda, "device_count", lambda: len(free))
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda where: (free[where.index], 80 * GIB))
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)

    return report


def test_auto_takes_the_first_card_with_room(cards: Callable[..., None]) -> None:
    cards(GIB, 8 * GIB)
    assert device.present() == ("cuda:0", "cuda:1", "cpu")
    assert device.choose("auto", 4 * GIB) == torch.device("cuda:1")
    assert device.choose("auto", 100) == torch.device("cuda:1")  # the first has none to spare beside the weights
    assert device.choose("auto", 8 * GIB) == torch.device("cpu")
    assert device.choose("cuda", 100 * GIB) == torch.device("cuda:0")  # as it was said; torch will say if it is full
    assert device.choose("cpu", 100) == torch.device("cpu")


def test_auto_without_a_card_is_the_processor(cards: Callable[..., None]) -> None:
    cards()
    assert device.choose("auto", 1) == torch.device("cpu")


@pytest.mark.parametrize(("said", "is_lent"), [("true", True), ("1", True), ("false", False), ("", False)])
def test_the_card_of_a_zerogpu_space_is_none(
    said: str,
    is_lent: bool,
    cards: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """torch says there that a card is there, wherever it is asked; it is lent to single calls alone."""
    cards(80 * GIB)
    monkeypatch.setenv("SPACES_ZERO_GPU", said)
    assert device.choose("auto", GIB) == torch.device("cpu" if is_lent else "cuda:0")
    assert ("ZeroGPU" in caplog.text and "processor" in caplog.text) == is_lent
    if is_lent:
        with pytest.raises(device.NoDeviceError, match="no device cuda here; there is cpu"):
            device.choose("cuda", GIB)


@pytest.mark.parametrize("name", ["cuda", "cuda:0", "cuda:1", "mps"])
def test_a_device_that_is_not_here_is_refused_by_name(name: str, cards: Callable[..., None]) -> None:
    cards()
    with pytest.raises(device.NoDeviceError, match=f"no device {name} here; there is cpu"):
        device.choose(name, 1)
    with pytest.raises(ModelUnavailableError, match=f"no device {name} on this machine; there is cpu") as raised:
        load(str(ROOT / "assets" / "models" / "storyteller"), how=How(device=name))
    assert isinstance(raised.value.__cause__, device.NoDeviceError)


def test_a_second_card_that_is_not_here_is_refused(cards: Callable[..., None]) -> None:
    cards(GIB)
    with pytest.raises(device.NoDeviceError, match="there is cuda:0, cpu"):
        device.check("cuda:1")


# ---- a model elsewhere


@pytest.fixture(params=ARCHITECTURES)
def pair(request: pytest.FixtureRequest) -> Iterator[tuple[HuggingFaceModel, HuggingFaceModel, elsewhere.Device]]:
    """The same weights on the processor and elsewhere, while there is an elsewhere."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module: Any = ARCHITECTURES[request.param](32, 96, 0.4)
    module.generation_config.eos_token_id = None
    here = HuggingFaceModel(copy.deepcopy(module), "here", exact=True)
    with elsewhere.Device() as there:
        yield here, HuggingFaceModel(module.to(elsewhere.NAME), "there"), there


def run(model: HuggingFaceModel, desk: Desk, **settings: Any) -> Trace:
    values: dict[str, Any] = {"temperature": 0.8, "top_p": 0.9} | settings
    *_, trace = engine.generate(model, GenerationRequest((5, 6, 7), catalog.sampling(values, True, 3), 12, desk=desk))
    return trace


Pair = tuple[HuggingFaceModel, HuggingFaceModel, elsewhere.Device]


def test_a_run_elsewhere_is_the_run_here(pair: Pair) -> None:
    here, there, _ = pair
    assert there.device.type == elsewhere.NAME and there.packed_bytes == 0
    ours, theirs = (run(model, Desk(most=0)) for model in (here, there))
    assert ours.token_ids == theirs.token_ids
    for one, other in zip(ours.steps, theirs.steps, strict=True):
        assert one.logits.device == other.logits.device == torch.device("cpu")
        assert torch.equal(one.logits, other.logits)


def test_a_step_brings_its_row_and_what_the_head_read_and_nothing_else(pair: Pair) -> None:
    _, there, crossings = pair
    state = there.prefill((5, 6, 7)).advance([0], [1])  # the first of its kind is tried both ways
    before = crossings.crossings
    state.advance([0], [2])
    assert crossings.crossings - before == 2


@pytest.mark.parametrize("settings", [{}, {"guidance_scale": 1.7, "negative_prompt_ids": [9, 8]}])
def test_generate_elsewhere_says_the_same(pair: Pair, settings: dict[str, Any]) -> None:
    _, there, _ = pair
    found = verify(run(there, Desk(), **settings), there)
    assert found.equal == 12 and found.largest_difference < 1e-4  # torch takes other kernels for what it knows not


@pytest.mark.parametrize("mixes", [True, False])
def test_the_device_of_these_tests_refuses_two_devices(mixes: bool) -> None:
    with elsewhere.Device():
        there = torch.ones(3).to(elsewhere.NAME)
        assert (there + there).cpu().tolist() == [2, 2, 2]
        if mixes:
            with pytest.raises(RuntimeError, match="two devices"):
                there + torch.ones(3)


def test_inside_elsewhere_is_inside_here(pair: Pair) -> None:
    """Attention weights, hidden states and the lens: on the processor, the same."""
    ids, found = (5, 6, 7, 8), []
    for model in pair[:2]:
        inspection = Inspection(Backend(model, None, None, None))  # type: ignore[arg-type]  # only the model is asked
        states, logits = inspection.hidden_states(ids)
        found.append([inspection.attentions(ids), *states, logits, *inspection.lens(ids)])
    for one, other in zip(*found, strict=True):
        assert one.device == other.device == torch.device("cpu")
        assert float((one.float() - other.float()).nan_to_num(0, 0, 0).abs().max()) < 1e-5
