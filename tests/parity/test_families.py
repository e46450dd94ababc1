"""Families of models, tiny and random: every view equals transformers, or says plainly that it can't show it."""

import json
import math
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from playground import catalog, engine, settings
from playground.api.inside_endpoints import InsideEndpoints
from playground.components.live_bus import Frame
from playground.decoding.beam_search import BeamSearch
from playground.decoding.trace import GenerationRequest, Trace
from playground.engines.huggingface import transparent
from playground.engines.huggingface.backend import Backend, load
from playground.engines.huggingface.inspection import Inspection
from playground.engines.loading import ModelSlot
from playground.errors import InvalidArgumentError, ModelUnavailableError, NothingToInspectError
from playground.i18n import translator
from playground.runs.verification.beams import verify_beams
from playground.runs.verification.generate import verify
from playground.tabs.attention.handlers import AttentionTab
from playground.tabs.attention.session import AttentionSession
from playground.tabs.brought import TALES
from tests.parity import families
from tests.parity.families import FAMILIES, FOLDERS, NOT_LOADED, REFUSED, RESCORED, WRITTEN_OUT, build, open_family

TEXT = "The old king said to his three daughters"  # 8 tokens
LENGTH = 20  # across token 24, where the positions of the last Phis and of dynamic NTK switch
LOADED = [family for family in FAMILIES if family not in NOT_LOADED]
SAMPLED = {"temperature": 1.3}


@cache
def opened(family: str) -> Backend:
    return open_family(family)


@cache
def looked_into(family: str) -> Inspection:
    return Inspection(opened(family))


def ids() -> tuple[int, ...]:
    return families.tokenizer_ids(TEXT)


def run(backend: Backend, prompt: tuple[int, ...], length: int = LENGTH, seed: int = 3) -> Trace:
    request = GenerationRequest(prompt, catalog.sampling(SAMPLED, True, seed), length)
    return list(engine.generate(backend.model, request))[-1]


# ---- the table


@pytest.mark.parametrize("family", LOADED)
def test_a_run_equals_generate(family: str) -> None:
    trace = run(opened(family), ids())
    found = verify(trace, opened(family).model)
    assert (found.method, found.equal, found.tokens, found.largest_difference) == ("generate", LENGTH, LENGTH, 0.0)


@pytest.mark.parametrize("family", LOADED)
def test_beams_equal_generate(family: str) -> None:
    *_, last = engine.search(opened(family).model, BeamSearch(3), ids(), LENGTH)
    found = verify_beams(last, BeamSearch(3), ids(), LENGTH, opened(family))
    assert found.passed and found.sequences == 3, found
    assert found.method == ("rescored" if family in RESCORED else "generate")
    assert found.is_generate_out_of_order == (family in RESCORED)


@pytest.mark.parametrize("family", LOADED)
def test_attention_is_that_of_an_eager_model_or_is_not_shown(family: str) -> None:
    """The reference: the same weights in a network that was built with eager attention."""
    inspection = looked_into(family)
    if "Attention" in REFUSED.get(family, ()):
        with pytest.raises(NothingToInspectError, match="attention weights this page can’t open"):
            inspection.attentions(ids())
        return
    eager = build(family, attn_implementation="eager")
    eager.load_state_dict(opened(family).model.module.state_dict())
    with torch.inference_mode():
        output = eager(
            torch.tensor([ids()]), output_attentions=True, use_cache=False, **inspection.model.places(0, len(ids()))
        )
    layers, weights = inspection.attention_layers, inspection.attentions(ids())
    given = [layer for layer in output.attentions if layer is not None]
    theirs = given if len(given) == len(layers) else [given[i] for i in layers]
    torch.testing.assert_close(weights, torch.cat(theirs).float(), rtol=0, atol=1e-5)
    assert not weights.triu(1).any()  # nobody looks ahead
    *_, newest = inspection.grow(ids(), LENGTH, lambda logits: int(logits.argmax()))
    assert newest.rows.shape[-1] <= len(ids()) + LENGTH
    assert newest.rows.isfinite().all() and float(newest.rows.sum(-1).max()) <= 1 + 1e-4


@pytest.mark.parametrize("family", LOADED)
def test_the_attention_tab_fills_and_its_cache_is_counted_right(family: str) -> None:
    backend = opened(family)
    tab = AttentionTab(ModelSlot.filled(backend, family), backend.vocabulary, translator())
    channels: dict[str, Any] = {}
    for sent, *_ in tab.open(AttentionSession(), "\n".join(TALES.batch), "left", 0, TEXT):
        if isinstance(sent, Frame):
            channels |= json.loads(sent)["channels"]
    parts = channels["attention.cache_formula"]["parts"]
    assert parts[2]["text"].startswith("✓"), parts
    product, _, total = parts[0].rstrip(".").removesuffix(" bytes").rpartition(" = ")
    if not any("window" in str(part) for part in parts):
        factors = [int(n.replace(",", "")) for n in re.findall(r"[\d,]+", product.removeprefix("("))]
        state = looked_into(family).cache_shape.state_bytes
        added = factors.pop() if state else 0
        if product.startswith("("):  # of a key and of a value
            factors[:2] = [factors[0] + factors[1]]
        assert math.prod(factors) + added == int(total.replace(",", "")), parts[0]
    said = "".join(map(str, channels["attention.sentence"]["parts"]))
    assert "waiting" not in said
    assert ("can’t open" in said) == ("Attention" in REFUSED.get(family, ()))


@pytest.mark.parametrize("family", LOADED)
def test_the_lens_ends_with_the_model_or_is_not_shown(family: str) -> None:
    inspection = looked_into(family)
    if "Logit lens" in REFUSED.get(family, ()):
        with pytest.raises(NothingToInspectError, match="logit lens this page can’t open"):
            inspection.lens(ids())
        return
    layers = inspection.lens(ids())
    assert len(layers) == inspection.backend.info.layers + 1
    torch.testing.assert_close(layers[-1], inspection.logits(ids()), rtol=0, atol=1e-4)


@pytest.mark.parametrize("family", LOADED)
def test_the_forward_pass_is_the_models_or_is_not_shown(family: str) -> None:
    inspection = looked_into(family)

    def walk() -> torch.Tensor:
        stations = transparent.forward(inspection.twin, ids(), inspection.windows)
        return next(station.values for station in stations if station.name == "logits")

    if family in WRITTEN_OUT:
        torch.testing.assert_close(walk(), inspection.logits(ids()), rtol=0, atol=1e-4)
        return
    with pytest.raises(NothingToInspectError, match="forward pass this page can’t open"):
        walk()


@pytest.mark.parametrize("family", NOT_LOADED)
def test_what_is_not_loaded_is_told(family: str) -> None:
    with pytest.raises(ModelUnavailableError, match=NOT_LOADED[family]):
        open_family(family)


def test_the_table_of_the_documentation_is_what_is_found_here() -> None:
    assert families.table() in (settings.ASSETS.parent / "docs" / "families.md").read_text(encoding="utf-8")


# ---- shapes of folders


def saved(module: Any, folder: Path, shape: str) -> None:
    if shape == "bf16":
        module = module.to(torch.bfloat16)
    if shape == "own generation_config":
        module.generation_config.do_sample = True
        module.generation_config.temperature, module.generation_config.top_k = 0.3, 5
    if shape == "several eos":
        module.generation_config.eos_token_id = [0, 11, 500]
    module.save_pretrained(folder, **({"max_shard_size": "200KB"} if shape == "sharded" else {}))
    families.tokenizer().save_pretrained(folder)
    if shape == "sharded":
        assert len(list(folder.glob("model-*.safetensors"))) > 1
    if shape == ".bin only":
        (folder / "model.safetensors").unlink()
        torch.save(module.state_dict(), folder / "pytorch_model.bin")


@pytest.mark.parametrize("shape", FOLDERS)
def test_a_folder_of_any_shape_equals_generate(shape: str, tmp_path: Path) -> None:
    """Against the same folder as transformers itself loads it, with its own settings set aside."""
    saved(build("Llama 3", eos_token_id=[0, 11, 500] if shape == "several eos" else 0), tmp_path, shape)
    backend = load(str(tmp_path))
    assert backend.model.eos_ids == ((0, 11, 500) if shape == "several eos" else (0,))
    trace = run(backend, ids())
    found = verify(trace, backend.model)
    assert found.passed and found.largest_difference == 0.0, found
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float32)
    torch.manual_seed(3)
    output = theirs.generate(
        torch.tensor([ids()]), do_sample=True, temperature=1.3, top_k=0, max_new_tokens=LENGTH, pad_token_id=0
    )
    assert output[0, len(ids()) :].tolist() == list(trace.token_ids)
    *_, last = engine.search(backend.model, BeamSearch(3), ids(), LENGTH)
    assert verify_beams(last, BeamSearch(3), ids(), LENGTH, backend).passed
    inspection = Inspection(backend)
    assert float((inspection.lens(ids())[-1] - inspection.logits(ids())).abs().max()) < 1e-4
    assert not inspection.attentions(ids()).triu(1).any()


# ---- positions that switch with the length

SWITCHING = ["Phi-3, longrope", "PhiMoE, longrope", "Llama, dynamic NTK"]


@pytest.mark.parametrize("family", SWITCHING)
@pytest.mark.parametrize("kept", [2, 15, 16, 17, 18, 25])
def test_a_run_that_goes_on_from_anywhere_equals_one_that_never_stopped(family: str, kept: int) -> None:
    """Rewinds and prefix reuse across the switch at token 24, which is the 16th after the prompt."""
    straight = run(open_family(family), ids(), 30)
    backend = open_family(family)
    run(backend, ids(), 30)  # its cache is kept, and begins with the same tokens
    steps = Trace(straight.request, straight.steps[:kept])
    again = list(engine.generate(backend.model, straight.request, steps))[-1]
    assert again.token_ids == straight.token_ids
    for one, other in zip(straight.steps, again.steps, strict=True):
        assert torch.equal(one.logits, other.logits)


@pytest.mark.parametrize("family", SWITCHING)
def test_texts_read_in_turns_do_not_disturb_each_other(family: str) -> None:
    """A long text between two steps of a short one, and after it: both are what they are alone."""
    long, alone = families.tokenizer_ids(TEXT * 4), run(open_family(family), ids(), 30)
    backend = open_family(family)
    steps = engine.generate(backend.model, alone.request)
    for _ in range(30):
        trace = next(steps)
        backend.model.logits(long)
    for one, other in zip(alone.steps, trace.steps, strict=True):
        assert torch.equal(one.logits, other.logits)
    found = verify(run(backend, long[:30], 10), backend.model)
    assert found.passed and found.largest_difference == 0.0, found


@pytest.mark.parametrize("family", [*SWITCHING, "Jamba", "Zamba 2", "MiniMax", "RoBERTa decoder"])
def test_what_is_rescored_is_read_as_generate_reads_it(family: str) -> None:
    from playground.decoding.diverse_beam_search import DiverseBeamSearch

    strategy = DiverseBeamSearch(4, 2, 0.5)
    *_, last = engine.search(opened(family).model, strategy, ids(), LENGTH)
    found = verify_beams(last, strategy, ids(), LENGTH, opened(family))
    assert found.method == "rescored" and found.passed, found


def test_a_text_beyond_the_first_table_of_positions_is_not_walked_through_with_that_one() -> None:
    inspection, long = looked_into("Llama, dynamic NTK"), families.tokenizer_ids(TEXT * 4)
    with pytest.raises(NothingToInspectError, match="forward pass"):
        list(transparent.forward(inspection.twin, long, inspection.windows))
    torch.testing.assert_close(inspection.lens(long)[-1], inspection.logits(long), rtol=0, atol=1e-4)


def test_a_model_whose_positions_never_change_is_left_as_it_is() -> None:
    from playground.engines.huggingface import positions

    module = opened("Llama 3").model.module
    assert not positions.switches(module)
    assert not any("forward" in vars(part) for part in module.modules())


# ---- caches of other shapes


@pytest.mark.parametrize("family", ["Jamba", "Qwen3-Next", "LFM2", "MiniMax", "Falcon-H1", "Gemma 3"])
def test_rows_of_a_hybrid_are_reordered_and_multiplied(family: str) -> None:
    """One row becomes three, then four in another order: each as if it had been read alone."""
    model = opened(family).model

    def alone(*more: int) -> torch.Tensor:
        state = model.prefill(ids())
        for token in more:
            state = state.advance([0], [token])
        return state.logits[0]

    three = model.prefill(ids()).advance([0, 0, 0], [1, 2, 3])
    four = three.advance([2, 0, 2, 1], [7, 8, 9, 7])
    for row, path in enumerate(((3, 7), (1, 8), (3, 9), (2, 7))):
        torch.testing.assert_close(four.logits[row], alone(*path), rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("family", "layers"), [("Jamba", (1,)), ("LFM2", (1,)), ("MiniMax", (1,)), ("Qwen2", (0, 1, 2))]
)
def test_layers_are_numbered_as_the_model_numbers_them(family: str, layers: tuple[int, ...]) -> None:
    assert looked_into(family).attention_layers == layers
    assert tuple(kept.layer for kept in looked_into(family).cache_shape.layers) == layers


def test_the_endpoint_takes_layers_by_the_models_own_numbers() -> None:
    endpoint = InsideEndpoints(ModelSlot.filled(opened("Jamba"), "jamba")).attention
    answer = endpoint(TEXT, layer=1, head=2)
    assert answer["weights"] == looked_into("Jamba").attentions(ids())[0, 2].tolist()
    with pytest.raises(InvalidArgumentError, match="layer must be one with attention: 1, and you gave 0"):
        endpoint(TEXT)


@pytest.mark.parametrize(
    ("family", "sizes", "is_latent"),
    [
        ("StarCoder", (1, 8, 8), False),  # one key for all heads
        ("Falcon", (1, 8, 8), False),
        ("DeepSeek-V2", (1, 16, 4), True),  # one compressed vector, and what is rotated
        ("Llama 3", (2, 8, 8), False),
    ],
)
def test_what_a_cache_keeps_is_read_off_a_real_one(family: str, sizes: tuple[int, int, int], is_latent: bool) -> None:
    shape = looked_into(family).cache_shape
    assert [(k.kv_heads, k.key_size, k.value_size) for k in shape.layers] == [sizes] * 3
    assert shape.is_latent == is_latent
