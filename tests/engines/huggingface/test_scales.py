"""An adapter at a scale: a model of its own on the shelf, whose numbers are peft's and whose weights are the base's."""

import contextlib
import io
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from playground import engine, settings
from playground.decoding.trace import GenerationRequest
from playground.engines.shelf import MOST_SCALES, Shelf, shipped, split
from playground.errors import UnknownModelError
from playground.runs import late
from playground.runs.setup import Setup
from playground.views.code import on_adapter, transformers_code

DETECTIVE = settings.MODELS / "detective"
TEXT = "The old man opened the door. “My dear Watson,” said Holmes"
pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")  # peft asks transformers so


@pytest.fixture(scope="module")
def shelf() -> Shelf:
    return Shelf(shipped(), lambda: None)


@pytest.fixture(scope="module")
def with_peft() -> Iterator[Any]:
    module = AutoModelForCausalLM.from_pretrained(settings.DEFAULT_MODEL, dtype=torch.float32)
    yield PeftModel.from_pretrained(module, str(DETECTIVE)).eval()


@torch.inference_mode()
def pefts(module: Any, ids: tuple[int, ...], scale: float) -> torch.Tensor:
    layers = [(part, dict(part.scaling)) for part in module.modules() if hasattr(part, "lora_A")]
    for part, trained in layers:
        part.scaling = {name: scale * value for name, value in trained.items()}
    try:
        logits: torch.Tensor = module(input_ids=torch.tensor([ids]), use_cache=False).logits[0]
        return logits
    finally:
        for part, trained in layers:
            part.scaling = trained


@pytest.mark.parametrize("scale", [0.0, 0.5, 1.35, 2.0])
def test_its_numbers_are_those_of_peft_to_the_last_bit(shelf: Shelf, with_peft: Any, scale: float) -> None:
    backend: Any = shelf.slot(f"detective*{scale}").get()
    ids = backend.tokenizer.encode(TEXT)
    assert torch.equal(backend.model.logits(ids), pefts(with_peft, ids, scale))


def test_it_shares_every_weight_and_changes_nobody_elses_numbers(shelf: Shelf) -> None:
    whole: Any = shelf.slot("detective").get()
    ids = whole.tokenizer.encode(TEXT)
    before = whole.model.logits(ids), whole.base.model.logits(ids)
    half: Any = shelf.slot("detective*0.5").get()
    assert not torch.equal(half.model.logits(ids), before[0])
    assert torch.equal(whole.model.logits(ids), before[0]) and torch.equal(whole.base.model.logits(ids), before[1])
    own = {name: weight.data_ptr() for name, weight in half.model.module.named_parameters()}
    assert own == {name: weight.data_ptr() for name, weight in whole.base.model.module.named_parameters()}
    assert shelf.slot("detective*0.5").bytes < whole.base.model.bytes / 10


def test_a_name_says_the_scale(shelf: Shelf) -> None:
    assert split("detective*0.5") == ("detective", 0.5) and split("detective*2.5") == ("detective*2.5", None)
    assert split("a*b") == ("a*b", None) and split("poet") == ("poet", None)
    assert shelf.slot("detective*0.50") is shelf.slot("detective*0.5") is not shelf.slot("detective")
    assert shelf.slot("detective*1") is shelf.slot("detective")
    assert shelf.entry("detective*0.5").shown == "storyteller + detective × 0.5" and "detective*0" in shelf
    for name in ("poet*0.5", "detective*3", "detective*-1", "detective*nan", "nobody*1"):
        assert name not in shelf
        with pytest.raises(UnknownModelError):
            shelf.slot(name)


def test_few_scales_are_kept() -> None:
    shelf = Shelf(shipped(), lambda: None)
    for number in range(30):
        shelf.slot(f"detective*{number / 20}")
    assert len(shelf._slots) <= MOST_SCALES + 1


@pytest.mark.parametrize("setup", [Setup("greedy", {}, None, 12), Setup("sample", {"temperature": 0.8}, 3, 12)])
def test_its_runs_equal_generate_and_the_script_writes_the_same(shelf: Shelf, setup: Setup) -> None:
    slot = shelf.slot("detective*0.5")
    backend: Any = slot.get()
    request = GenerationRequest(backend.tokenizer.encode("The old man opened the door."), setup.build(backend), 12)
    *_, trace = engine.generate(backend.model, request)
    assert late.verification.verify(trace, backend.model, tokenizer=backend.tokenizer).passed
    made = transformers_code(trace, slot.public_name, backend.model.eos_ids, backend.model.vocab_size)
    script, said = on_adapter(made, backend.base_name, split(slot.name)[1]), io.StringIO()
    assert "scaling" not in on_adapter(made, backend.base_name, None) and "0.5 * value" in script
    with contextlib.redirect_stdout(said):
        exec(script, {})
    assert said.getvalue().strip() == backend.tokenizer.decode(request.prompt_ids + trace.token_ids).strip()
