"""Rounded models: equal to transformers' own bfloat16, and to int8 products written out in whole numbers."""

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from playground import catalog, engine
from playground.decoding.beam_search import BeamSearch
from playground.decoding.trace import GenerationRequest
from playground.engines.huggingface import rounding
from playground.engines.huggingface.backend import Backend, HuggingFaceModel, in_fewer_bits, load
from playground.engines.huggingface.inspection import Inspection
from playground.errors import ModelUnavailableError
from playground.i18n import translator
from playground.panels import wording
from playground.runs.verification.beams import verify_beams
from playground.runs.verification.generate import verify
from playground.settings import How, read
from tests.conftest import ARCHITECTURES

STORYTELLER = str(Path(__file__).resolve().parents[3] / "assets" / "models" / "storyteller")
IDS = (5, 6, 7, 8, 9, 10)
t = translator()
needs_int8 = pytest.mark.skipif(not rounding.is_exact(), reason="this processor has no exact int8 products")
DTYPES = ["bfloat16", pytest.param("int8", marks=needs_int8)]


def module_of(kind: str) -> Any:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return ARCHITECTURES[kind](32, 96, 0.4).eval()


@pytest.fixture(scope="module", params=DTYPES)
def backend(request: pytest.FixtureRequest, storyteller: Backend) -> Backend:
    return in_fewer_bits(storyteller, request.param)


@torch.inference_mode()
@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_bfloat16_is_what_transformers_loads(kind: str, tmp_path: Path) -> None:
    module = module_of(kind)
    module.save_pretrained(tmp_path)
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.bfloat16).eval()
    ours = rounding.rounded(module, "bfloat16")
    logits = [m(input_ids=torch.tensor([IDS])).logits for m in (ours, theirs)]
    assert logits[0].dtype == torch.bfloat16 and torch.equal(*logits)
    assert module.dtype == torch.float32  # as it was


@needs_int8
@pytest.mark.parametrize("bias", [True, False])
def test_an_int8_product_is_the_product_of_whole_numbers(bias: bool) -> None:
    layer = torch.nn.Linear(70, 50, bias=bias)
    x = torch.randn(2, 3, 70, generator=torch.Generator().manual_seed(1))
    x[0, 0] = 0
    ours = rounding.Int8Linear(layer)
    scales = [v.abs().amax(-1, keepdim=True).double() / 127 for v in (layer.weight.detach(), x)]
    whole = [
        torch.where(s > 0, (v.double() / s).round(), 0) for v, s in zip((layer.weight.detach(), x), scales, strict=True)
    ]
    expected = (whole[1] @ whole[0].T) * scales[1] * scales[0][:, 0]
    expected += layer.bias.detach().double() if bias else 0
    with torch.inference_mode():
        assert float((ours(x).double() - expected).abs().max()) < 1e-6
        assert float((ours(x) - layer(x)).abs().max()) > 1e-4  # and not the float32 one
        alone = torch.stack([torch.stack([ours(row[None])[0] for row in rows]) for rows in x])
        assert torch.equal(alone, ours(x))  # whatever is read beside it


@needs_int8
@torch.inference_mode()
@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_int8_is_float32_with_every_product_rounded(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plain module, its two kinds of product replaced by ones that round as they are written in the docstring."""
    module = module_of(kind)
    ours = rounding.rounded(module, "int8")(input_ids=torch.tensor([IDS])).logits
    plain = module(input_ids=torch.tensor([IDS])).logits

    def on_steps(x: torch.Tensor) -> torch.Tensor:
        scale = x.abs().amax(-1, keepdim=True) / 127
        return (x / scale).round() * scale

    def linear(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor:
        product = (on_steps(x).double() @ on_steps(weight).double().T).float()
        return product if bias is None else product + bias

    from transformers.pytorch_utils import Conv1D

    monkeypatch.setattr(torch.nn.Linear, "forward", lambda self, x: linear(x, self.weight, self.bias))
    monkeypatch.setattr(Conv1D, "forward", lambda self, x: linear(x, self.weight.T.contiguous(), self.bias))
    expected = module(input_ids=torch.tensor([IDS])).logits
    assert float((ours - expected).abs().max()) < 0.2 * float((plain - expected).abs().max())
    assert float((ours - expected).abs().mean()) < 2e-3


def test_a_rounded_model_keeps_the_float32_one_and_leaves_it_alone(backend: Backend, storyteller: Backend) -> None:
    assert backend.reference is storyteller.model and storyteller.reference is storyteller.model
    assert not any(isinstance(part, rounding.Int8Linear) for part in storyteller.model.module.modules())
    assert storyteller.model.module.dtype == torch.float32
    rows = [model.logits(IDS).log_softmax(-1) for model in (backend.model, backend.reference)]
    assert 1e-4 < float((rows[0] - rows[1]).abs().max()) < 1
    assert backend.model.bytes > storyteller.model.bytes == backend.model.beside_bytes
    assert backend.info.dtype == backend.model.kernels == backend.model.dtype


@pytest.mark.parametrize("is_sampling", [True, False])
def test_a_rounded_run_is_that_of_generate_rounded_and_the_badge_says_so(backend: Backend, is_sampling: bool) -> None:
    strategy = catalog.sampling({"temperature": 0.8, "top_p": 0.9}, is_sampling, 3)
    *_, trace = engine.generate(backend.model, GenerationRequest(IDS, strategy, 20))
    found = verify(trace, backend.model)
    assert found.passed and found.equal == 20 and found.kernels == backend.info.dtype
    assert backend.info.dtype in str(wording.verification_badge(found, backend.vocabulary, t))
    assert backend.info.dtype in wording.model_line(backend.info, t)


def test_rounded_beams_are_those_of_generate_rounded(backend: Backend) -> None:
    strategy = BeamSearch(num_beams=3)
    *_, last = engine.search(backend.model, strategy, IDS, 8)
    found = verify_beams(last, strategy, IDS, 8, backend)
    assert found.passed and found.kernels == backend.info.dtype


def test_inside_reads_the_float32_weights(backend: Backend, storyteller: Backend) -> None:
    states = Inspection(backend).hidden_states(IDS)[1]
    assert torch.equal(states, Inspection(storyteller).hidden_states(IDS)[1])
    assert Inspection(backend).cache_shape.value_bytes == (2 if backend.info.dtype == "bfloat16" else 4)


def test_a_rounded_model_is_loaded_by_name() -> None:
    backend = load(STORYTELLER, how=How(dtype="bfloat16"))
    assert backend.info.dtype == "bfloat16" and backend.info.parameters == 6_967_296
    assert backend.reference.packed_bytes == 0 and backend.reference.dtype == "float32"


@pytest.mark.parametrize("how", [How(dtype="int8", device="mps"), How(dtype="int8")])
def test_int8_where_it_can_not_be_is_refused(how: How, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setattr(rounding, "is_exact", lambda: False)
    with pytest.raises(ModelUnavailableError, match="int8 needs a processor"):
        load(STORYTELLER, how=how)


def test_the_command_line_says_in_how_many_bits(capsys: pytest.CaptureFixture[str]) -> None:
    assert read([], {}).how.dtype == "float32" and read(["--dtype", "int8"], {}).how.dtype == "int8"
    with pytest.raises(SystemExit):
        read(["--dtype", "float16"], {})
    assert "--dtype" in capsys.readouterr().err


def test_a_copy_of_a_rounded_module_is_rounded(backend: Backend) -> None:
    twin = HuggingFaceModel(copy.deepcopy(backend.model.module), "copy")
    assert torch.equal(twin.logits(IDS), backend.model.logits(IDS))
