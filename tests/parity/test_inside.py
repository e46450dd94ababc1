"""Looking inside equals transformers: masks, attention weights, the written-out forward pass, the lens, the counts."""

import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    DynamicCache,
    Gemma2Config,
    Gemma2ForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)
from transformers.masking_utils import create_causal_mask, create_sliding_window_causal_mask

from playground.engines.huggingface import family, transparent
from playground.engines.huggingface.backend import Backend, HuggingFaceModel, from_parts
from playground.engines.huggingface.inspection import Inspection, built_mask, position_ids, windows_of
from playground.errors import NothingToInspectError
from playground.views.anatomy import anatomy
from playground.views.kv_cache import cache_size
from playground.views.masks import Batch, is_seen, masks

pytestmark = pytest.mark.parity

SMALL: dict[str, Any] = {
    "vocab_size": 32, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 3, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 96, "initializer_range": 0.3, "tie_word_embeddings": False,
    "bos_token_id": None, "eos_token_id": None, "pad_token_id": None,
}  # fmt: skip
WINDOW = 4


def gpt2(**changes: Any) -> GPT2LMHeadModel:
    shape = {"vocab_size": 32, "n_layer": 3, "n_head": 4, "n_embd": 32, "n_positions": 96, "initializer_range": 0.3}
    return GPT2LMHeadModel(GPT2Config(**shape, bos_token_id=None, eos_token_id=None, **changes))


MODELS: dict[str, Callable[[], Any]] = {
    "gpt2": gpt2,
    "gpt2, scaled by layer": lambda: gpt2(scale_attn_by_inverse_layer_idx=True, tie_word_embeddings=False),
    "llama": lambda: LlamaForCausalLM(LlamaConfig(**SMALL)),
    "llama, biased and tied": lambda: LlamaForCausalLM(
        LlamaConfig(**{**SMALL, "attention_bias": True, "mlp_bias": True, "tie_word_embeddings": True})
    ),
    "mistral": lambda: MistralForCausalLM(MistralConfig(**SMALL, sliding_window=WINDOW)),
    "mistral without a window": lambda: MistralForCausalLM(MistralConfig(**SMALL, sliding_window=None)),
    "qwen2": lambda: Qwen2ForCausalLM(Qwen2Config(**SMALL)),
    "qwen2, two kinds of layers": lambda: Qwen2ForCausalLM(
        Qwen2Config(**SMALL, use_sliding_window=True, sliding_window=WINDOW, max_window_layers=1)
    ),
    "qwen3": lambda: Qwen3ForCausalLM(Qwen3Config(**SMALL, head_dim=12)),
    "gemma2": lambda: Gemma2ForCausalLM(Gemma2Config(**SMALL, head_dim=8, sliding_window=WINDOW)),
    "gpt-neox": lambda: GPTNeoXForCausalLM(
        GPTNeoXConfig(**{k: v for k, v in SMALL.items() if k != "num_key_value_heads"})
    ),
}
WRITTEN_OUT = [name for name in MODELS if not name.startswith(("gemma", "gpt-neox"))]


@pytest.fixture(scope="module")
def laid_open(storyteller: Backend) -> Callable[[str], Inspection]:
    made: dict[str, Inspection] = {}

    def build(name: str) -> Inspection:
        if name not in made:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(len(name))
                module = MODELS[name]()
            backend = from_parts(module, storyteller.tokenizer._tokenizer, name)
            made[name] = Inspection(backend)
        return made[name]

    return build


def eager(inspection: Inspection) -> Any:
    """The same weights in a model of its own, built with eager attention from the start."""
    module = inspection.model.module
    other = AutoModelForCausalLM.from_config(module.config, attn_implementation="eager")
    other.load_state_dict(module.state_dict())
    return other.eval()


def text(seed: int, length: int = 11) -> tuple[int, ...]:
    return tuple(torch.randint(0, 32, (length,), generator=torch.Generator().manual_seed(seed)).tolist())


# ---- masks


def batches(count: int, longest: int = 12) -> Iterator[Batch]:
    dice = random.Random(7)
    for _ in range(count):
        texts = tuple(tuple(range(dice.randint(1, longest))) for _ in range(dice.randint(1, 4)))
        yield Batch(texts, dice.choice(("left", "right")))


CONFIGS = {
    "gpt2": GPT2Config(n_layer=2, n_head=2, n_embd=8),
    "llama": LlamaConfig(**SMALL),
    "mistral": MistralConfig(**SMALL, sliding_window=WINDOW),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_masks_equal_what_transformers_builds_on_two_hundred_batches(name: str) -> None:
    config = CONFIGS[name]
    config._attn_implementation = "eager"
    window = getattr(config, "sliding_window", None)
    build = create_sliding_window_causal_mask if window else create_causal_mask
    shapes = set()
    for batch in batches(220):
        told = torch.tensor(batch.attention_mask)
        theirs = build(config, torch.empty(*told.shape, 1), told, None)[:, 0] == 0
        ours = torch.tensor([is_seen(masks(batch, i, window).together) for i in range(len(batch.texts))])
        assert torch.equal(ours, theirs)
        assert torch.equal(built_mask(config, told, window), theirs)
        shapes.add((len(batch.texts), batch.length, batch.side))
    assert len(shapes) > 40


@pytest.mark.parametrize("name", MODELS)
def test_masks_equal_what_reaches_every_layer(name: str, laid_open: Callable[[str], Inspection]) -> None:
    inspection = laid_open(name)
    for batch in batches(8):
        told = torch.tensor(batch.attention_mask)
        in_use = inspection.masks_in_use(torch.tensor(batch.padded(1)), told)
        assert len(in_use) == len(inspection.windows)
        for mask, window in zip(in_use, inspection.windows, strict=True):
            ours = [is_seen(masks(batch, i, window).together) for i in range(len(batch.texts))]
            assert mask.tolist() == ours


def test_windows_are_those_of_the_layers(laid_open: Callable[[str], Inspection]) -> None:
    assert laid_open("mistral").windows == (WINDOW,) * 3
    assert laid_open("llama").windows == (None,) * 3
    assert laid_open("gemma2").windows == (WINDOW, None, WINDOW)
    assert laid_open("qwen2, two kinds of layers").windows == (None, WINDOW, WINDOW)
    assert windows_of(Qwen2Config(**SMALL)) == (None,) * 3


# ---- attention


@pytest.mark.parametrize("name", MODELS)
def test_attention_equals_output_attentions_of_an_eager_model(
    name: str, laid_open: Callable[[str], Inspection]
) -> None:
    inspection, other = laid_open(name), eager(laid_open(name))
    for seed in range(3):
        ids = text(seed)
        with torch.inference_mode():
            theirs = torch.stack(other(torch.tensor([ids]), output_attentions=True).attentions)[:, 0]
        ours = inspection.attentions(ids)
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-6)
        torch.testing.assert_close(ours.sum(-1), torch.ones_like(ours[..., 0]), rtol=0, atol=1e-5)
        for layer, window in zip(ours, inspection.windows, strict=True):
            seen = torch.tensor(is_seen(masks(Batch((ids,), "left"), 0, window).together))
            assert bool((layer[:, ~seen] == 0).all())  # blocked before the softmax: exactly nothing


@pytest.mark.parametrize("name", ["gpt2", "llama", "mistral", "qwen2, two kinds of layers"])
def test_a_growing_text_shows_the_rows_of_the_whole(name: str, laid_open: Callable[[str], Inspection]) -> None:
    inspection = laid_open(name)
    grown = list(inspection.grow(text(1, 5), 7, lambda logits: int(logits.argmax())))
    ids = tuple(i for growth in grown for i in growth.token_ids)
    assert [len(growth.token_ids) for growth in grown] == [5] + [1] * 7
    expected = inspection.model.module.generate(
        torch.tensor([ids[:5]]), do_sample=False, max_new_tokens=7, pad_token_id=0
    )
    assert ids == tuple(expected[0].tolist())
    whole = inspection.attentions(ids)
    row = 0
    for growth in grown:
        count = growth.rows.shape[2]
        keys = growth.rows.shape[3]
        torch.testing.assert_close(growth.rows, whole[:, :, row : row + count, :keys], rtol=0, atol=1e-5)
        row += count


# ---- the forward pass


@pytest.mark.parametrize("name", WRITTEN_OUT)
def test_our_own_forward_equals_the_library_in_every_block(name: str, laid_open: Callable[[str], Inspection]) -> None:
    inspection, other = laid_open(name), eager(laid_open(name))
    blocks: list[torch.Tensor] = []
    for block in other.transformer.h if name.startswith("gpt2") else other.model.layers:
        block.register_forward_hook(lambda _m, _a, out: blocks.append(out[0] if isinstance(out, tuple) else out))
    for seed in range(3):
        ids = text(seed)
        blocks.clear()
        with torch.inference_mode():
            output = other(torch.tensor([ids]), output_attentions=True, output_hidden_states=True)
        stations = transparent.forward(inspection.model.module, ids, inspection.windows)
        found = {(s.name, s.block): s.values for s in stations}
        theirs: dict[tuple[str, int | None], torch.Tensor] = {
            ("logits", None): output.logits[0],
            ("final_norm", None): output.hidden_states[-1][0],
            ("probabilities", None): output.logits[0].softmax(-1),
        }
        for i, block in enumerate(blocks):
            theirs["residual_mlp", i] = block.reshape(len(ids), -1)
            theirs["weights", i] = output.attentions[i][0]
        for place, expected in theirs.items():
            assert found[place].shape == expected.shape
            assert float((found[place] - expected).abs().max()) <= 1e-5, place
        # and the model that generates, with its own kernel
        assert float((found["logits", None] - inspection.logits(ids)).abs().max()) <= 5e-5


def test_the_default_model_is_reproduced_to_a_hundred_thousandth(storyteller: Backend) -> None:
    inspection = Inspection(storyteller)
    ids = storyteller.tokenizer.encode("The old king said to his son: take the golden key and go. " * 6)
    states, logits = inspection.hidden_states(ids)
    found = {
        (s.name, s.block): s.values for s in transparent.forward(storyteller.model.module, ids, inspection.windows)
    }
    assert float((found["logits", None] - logits).abs().max()) <= 1e-5
    assert float((found["final_norm", None] - states[-1]).abs().max()) <= 1e-5
    for i in range(5):
        assert float((found["residual_mlp", i] - states[i + 1]).abs().max()) <= 1e-5


@pytest.mark.parametrize("name", WRITTEN_OUT)
def test_the_stations_follow_from_each_other(name: str, laid_open: Callable[[str], Inspection]) -> None:
    inspection, ids = laid_open(name), text(4)
    stations = transparent.forward(inspection.model.module, ids, inspection.windows)
    found = {(s.name, s.block): s.values for s in stations}
    for i in range(3):
        before = found["residual_mlp", i - 1] if i else found.get(("embedding", None), found["token_embedding", None])
        middle = found["residual_attention", i]
        torch.testing.assert_close(middle, before + found["projection", i])
        torch.testing.assert_close(found["residual_mlp", i], middle + found["mlp", i])
        blocked = found["masked", i].isneginf()
        assert bool((found["weights", i][blocked] == 0).all())
        assert torch.equal(found["masked", i][~blocked], found["scores", i][~blocked])
        assert bool(blocked.any())


@pytest.mark.parametrize("name", ["gemma2", "gpt-neox"])
def test_an_architecture_that_is_not_written_out_is_said_to_be_so_and_the_rest_goes_on(
    name: str, laid_open: Callable[[str], Inspection]
) -> None:
    inspection = laid_open(name)
    with pytest.raises(NothingToInspectError, match="forward pass"):
        next(transparent.forward(inspection.model.module, text(0), inspection.windows))
    assert inspection.attentions(text(0)).shape == (3, 4, 11, 11)
    assert len(inspection.hidden_states(text(0))[0]) == 4


# ---- the lens


@pytest.mark.parametrize("name", [name for name in MODELS if not name.startswith("gemma")])
def test_the_lens_ends_with_the_model_itself(name: str, laid_open: Callable[[str], Inspection]) -> None:
    inspection, other, ids = laid_open(name), eager(laid_open(name)), text(2)
    layers = inspection.lens(ids)
    with torch.inference_mode():
        output = other(torch.tensor([ids]), output_hidden_states=True)
        norm = getattr(other.base_model, "ln_f", None) or getattr(other.base_model, "norm", None)
        norm = norm or other.base_model.final_layer_norm
        expected = [other.get_output_embeddings()(norm(state))[0] for state in output.hidden_states[:-1]]
    assert len(layers) == 4
    for part, layer in zip(inspection.lens(ids, 3, 7), layers, strict=True):
        assert torch.equal(part, layer[3:7])
    torch.testing.assert_close(layers[-1], output.logits[0], rtol=0, atol=1e-6)
    torch.testing.assert_close(
        layers[-1].softmax(-1), inspection.logits(ids).softmax(-1), rtol=0, atol=1e-5
    )  # the generating model's distribution
    for ours, theirs in zip(layers, expected, strict=False):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)
    assert float((layers[0] - layers[-1]).abs().max()) > 0.1


def test_a_head_that_does_more_than_multiply_has_no_lens(laid_open: Callable[[str], Inspection]) -> None:
    """Gemma 2 caps its logits: norm and head alone don't give them."""
    with pytest.raises(NothingToInspectError, match="logit lens"):
        laid_open("gemma2").lens(text(0))


# ---- padding


@pytest.mark.parametrize("name", ["gpt2", "llama", "mistral"])
def test_padding_on_the_left_with_mask_and_positions_changes_nothing(
    name: str, laid_open: Callable[[str], Inspection]
) -> None:
    inspection = laid_open(name)
    texts = (text(1, 9), text(2, 4), text(3, 2))
    for side in ("left", "right"):
        batch = Batch(texts, side)  # type: ignore[arg-type]
        told = torch.tensor(batch.attention_mask)
        found = inspection.padded_logits(torch.tensor(batch.padded(0)), told, True, True)
        for i, ids in enumerate(texts):
            place = -1 if side == "left" else len(ids) - 1
            torch.testing.assert_close(found[i, place], inspection.logits(ids)[-1], rtol=0, atol=2e-5)


def test_position_ids_are_those_of_generate(laid_open: Callable[[str], Inspection]) -> None:
    told = torch.tensor([[0, 0, 1, 1, 1], [1, 1, 1, 1, 1], [1, 1, 0, 0, 0]])
    module = laid_open("gpt2").model.module
    theirs = module._prepare_position_ids_for_generation(torch.ones_like(told), {"attention_mask": told})
    assert torch.equal(position_ids(told), theirs)


# ---- the KV cache


@pytest.mark.parametrize("name", ["gpt2", "llama", "mistral", "qwen2, two kinds of layers", "qwen3"])
@pytest.mark.parametrize("length", [1, 3, 11])
def test_the_size_of_the_cache_is_that_of_the_real_one(
    name: str, length: int, laid_open: Callable[[str], Inspection]
) -> None:
    inspection, ids = laid_open(name), text(0, length)
    shape = inspection.cache_shape
    numbers = [kept.kv_heads * (kept.key_size + kept.value_size) for kept in shape.layers]
    size = cache_size([kept.window for kept in shape.layers], numbers, shape.value_bytes, length, shape.state_bytes)
    cache = DynamicCache(config=inspection.model.module.config)
    with torch.inference_mode():
        for token in ids:
            inspection.model.module(torch.tensor([[token]]), use_cache=True, **{inspection.model.cache_argument: cache})
    real = sum(t.nbytes for layer in cache.layers for t in (layer.keys, layer.values))
    assert size.total == real
    assert inspection.cache_cost(ids)[0] == real


# ---- counts


def test_the_gpt2_family_is_counted() -> None:
    """The published figures, and the classes' own count."""
    members = {m.name: m for m in family.gpt2_family()}
    assert [m.parameters for m in members.values()] == [124_439_808, 354_823_168, 774_030_080, 1_557_611_200]
    assert {m.head_size for m in members.values()} == {64}
    large = members["gpt2-xl"]
    assert (large.layers, large.heads, large.width, large.vocab_size) == (48, 25, 1600, 50257)
    with torch.device("meta"):
        again = GPT2LMHeadModel(GPT2Config())
    assert members["gpt2"].parameters == sum(p.numel() for p in again.parameters())


@pytest.mark.parametrize("name", MODELS)
def test_the_parts_add_up_to_the_parameters_of_the_class(name: str, laid_open: Callable[[str], Inspection]) -> None:
    module = laid_open(name).model.module
    rows, width = module.get_output_embeddings().weight.shape
    view = anatomy(family.sizes(module), family.is_tied(module), width, rows)
    assert view.total == sum(p.numel() for p in module.parameters())
    assert sum(part.count for part in view.parts) == view.total
    assert view.base_total == sum(p.numel() for p in module.base_model.parameters())
    assert view.is_tied == module.config.tie_word_embeddings
    counts = {part.name: part.count for part in view.parts}
    assert "other" not in counts
    assert counts["token_embedding"] == 32 * 32
    assert ("head" in counts) == (not view.is_tied)


# ---- the model that generates is left alone


def hooks_of(module: Any) -> int:
    return sum(len(part._forward_hooks) + len(part._forward_pre_hooks) for part in module.modules())


def test_looking_inside_leaves_the_generating_model_as_it_was(fresh_tiny: Callable[..., HuggingFaceModel]) -> None:
    model = fresh_tiny("llama")
    backend = Backend(model, None, None, None)  # type: ignore[arg-type]
    before, hooks = model.module.config._attn_implementation, hooks_of(model.module)
    inspection = Inspection(backend)
    inspection.attentions(text(0))
    inspection.lens(text(0))
    inspection.masks_in_use(torch.ones(1, 4, dtype=torch.long), torch.ones(1, 4, dtype=torch.long))
    assert before == model.module.config._attn_implementation == "sdpa"
    assert inspection.twin.config._attn_implementation == "eager"
    assert hooks_of(model.module) == hooks
    assert sum(len(part._forward_pre_hooks) for part in inspection.twin.modules()) == 1  # the head's, as in the model
    ours = {p.data_ptr() for p in model.module.parameters()}
    assert {p.data_ptr() for p in inspection.twin.parameters()} == ours  # not one weight is copied
