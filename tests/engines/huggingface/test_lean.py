"""The lean forward against transformers' own: logits, ids and beams; and the calls that it leaves alone."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from playground.engines.huggingface import lean
from playground.engines.huggingface.kv_cache import cache_argument, fan_out, new_cache

pytestmark = pytest.mark.skipif(not lean.is_available(), reason="this build of torch has no oneDNN")

V, BOUND = 97, 1e-4
ENDS: dict[str, Any] = {"bos_token_id": None, "eos_token_id": None, "pad_token_id": None}
GPT2: dict[str, Any] = {
    "vocab_size": V, "n_layer": 3, "n_head": 2, "n_embd": 32, "n_positions": 64, "initializer_range": 0.3,
    "bos_token_id": None, "eos_token_id": None,
}  # fmt: skip
LLAMA: dict[str, Any] = {
    "vocab_size": V, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 3, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 64, "initializer_range": 0.3, **ENDS,
}  # fmt: skip
LEAN: dict[str, Callable[[], Any]] = {
    "gpt2": lambda: GPT2LMHeadModel(GPT2Config(**GPT2)),
    "gpt2 with relu": lambda: GPT2LMHeadModel(GPT2Config(**GPT2, activation_function="relu")),
    "gpt2 scaled by layer, head of its own": lambda: GPT2LMHeadModel(
        GPT2Config(**GPT2, scale_attn_by_inverse_layer_idx=True, tie_word_embeddings=False)
    ),
    "gpt2 without scale": lambda: GPT2LMHeadModel(GPT2Config(**GPT2, scale_attn_weights=False)),
    "llama": lambda: LlamaForCausalLM(LlamaConfig(**LLAMA)),
    "llama with biases": lambda: LlamaForCausalLM(LlamaConfig(**LLAMA, attention_bias=True, mlp_bias=True)),
    "llama 3": lambda: LlamaForCausalLM(
        LlamaConfig(
            **LLAMA,
            rope_parameters={
                "rope_type": "llama3", "rope_theta": 1e4, "factor": 8.0, "low_freq_factor": 1.0,
                "high_freq_factor": 4.0, "original_max_position_embeddings": 16,
            },
        )
    ),
    "mistral": lambda: MistralForCausalLM(MistralConfig(**LLAMA, sliding_window=None)),
    "qwen2": lambda: Qwen2ForCausalLM(Qwen2Config(**LLAMA)),
    "qwen3": lambda: Qwen3ForCausalLM(Qwen3Config(**LLAMA, head_dim=16)),
}  # fmt: skip


def built(make: Callable[[], Any]) -> tuple[Any, Any]:
    """(lean, plain), the same weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        plain = make().eval()
    changed = copy.deepcopy(plain)
    assert lean.make_lean(changed)
    return changed, plain


@pytest.fixture(scope="module", params=LEAN)
def pair(request: pytest.FixtureRequest) -> tuple[Any, Any]:
    return built(LEAN[request.param])


def ids_of(rows: int, length: int, seed: int = 0) -> Tensor:
    return torch.randint(0, V, (rows, length), generator=torch.Generator().manual_seed(seed))


@torch.inference_mode()
def test_logits_of_prompts_steps_and_chunks(pair: tuple[Any, Any]) -> None:
    """A prompt, five tokens of three sequences that share it, then four at once: each within the bound."""
    caches = [new_cache(module.config) for module in pair]
    for rows, length, seed in ((1, 12, 0), *((3, 1, i) for i in range(1, 6)), (3, 4, 9)):
        if (rows, seed) == (3, 1):
            for cache in caches:
                fan_out(cache, 3)
        ids = ids_of(rows, length, seed)
        ours, theirs = (
            module(input_ids=ids, use_cache=True, **{str(cache_argument(module)): cache}).logits
            for module, cache in zip(pair, caches, strict=True)
        )
        assert ours.shape == theirs.shape == (rows, length, V)
        assert float((ours - theirs).abs().max()) <= BOUND
        assert float(theirs.std()) > 0.3  # the bound is small beside what the logits say


@torch.inference_mode()
def test_only_the_last_logits_and_no_cache(pair: tuple[Any, Any]) -> None:
    ids = ids_of(2, 9)
    for arguments in ({"logits_to_keep": 1}, {"logits_to_keep": torch.tensor([0, 5])}, {}):
        ours, theirs = (module(input_ids=ids, use_cache=False, **arguments).logits for module in pair)
        assert ours.shape == theirs.shape
        assert float((ours - theirs).abs().max()) <= BOUND


SAMPLINGS: dict[str, dict[str, Any]] = {
    "greedy": {"do_sample": False},
    "plain": {"do_sample": True, "top_k": 0},
    "hot": {"do_sample": True, "top_k": 0, "temperature": 1.5},
    "top-p": {"do_sample": True, "top_k": 0, "top_p": 0.9, "temperature": 0.8},
    "top-k": {"do_sample": True, "top_k": 5},
    "beams": {"do_sample": False, "num_beams": 3},
}


@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_ids_of_generate_are_equal_or_part_within_the_measured_difference(kind: str, sampling: str) -> None:
    """200 prompts: ids equal, or first different where the choice's margin is below the difference of the logits."""
    changed, plain = built(LEAN[kind])
    parted: list[tuple[float, float]] = []
    for length in range(3, 11):
        prompts = ids_of(25, length, length)
        ours, theirs = (generated(module, prompts, length, sampling) for module in (changed, plain))
        parted += [
            margin(plain, changed, one, other)
            for one, other in zip(ours, theirs, strict=True)
            if one.tolist() != other.tolist()
        ]
    assert len(parted) <= 2, parted  # counted: near ties are rare
    assert all(margin <= 2 * difference for margin, difference in parted), parted


def generated(module: Any, prompts: Tensor, seed: int, sampling: str) -> Tensor:
    """25 texts of as many prompts, as one batch."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        arguments = {"max_new_tokens": 12, "pad_token_id": 0, "attention_mask": torch.ones_like(prompts)}
        return module.generate(prompts, **arguments, **SAMPLINGS[sampling])  # type: ignore[no-any-return]


@torch.inference_mode()
def margin(plain: Any, changed: Any, ours: Tensor, theirs: Tensor) -> tuple[float, float]:
    """Where two texts part: how far apart the two tokens' log-probabilities are, and the logits of the two modules."""
    at = next(i for i, (one, other) in enumerate(zip(ours, theirs, strict=True)) if one != other)
    rows = [module(input_ids=theirs[None, :at], use_cache=False).logits[0, -1] for module in (plain, changed)]
    logprobs = torch.log_softmax(rows[0], -1)
    return float((logprobs[ours[at]] - logprobs[theirs[at]]).abs()), float((rows[0] - rows[1]).abs().max())


# ---- what it leaves alone


def plain_calls() -> Iterator[tuple[str, dict[str, Any]]]:
    padded = torch.tensor([[0, 0, 1, 1, 1, 1]])
    yield "padding", {"attention_mask": padded, "position_ids": padded.cumsum(1).sub(1).clamp(0)}
    yield "attention weights", {"output_attentions": True}
    yield "hidden states", {"output_hidden_states": True}
    yield "labels", {"labels": ids_of(1, 6)}


@pytest.mark.parametrize(("what", "arguments"), list(plain_calls()))
def test_other_calls_run_transformers_own_forward(what: str, arguments: dict[str, Any]) -> None:
    changed, plain = built(LEAN["llama"])
    ids = ids_of(1, 6)
    with torch.inference_mode():
        ours, theirs = (module(input_ids=ids, use_cache=False, **arguments) for module in (changed, plain))
    assert torch.equal(ours.logits, theirs.logits)
    assert ours.keys() == theirs.keys()


def test_gradients_flow_through_the_plain_forward() -> None:
    changed, plain = built(LEAN["gpt2"])
    ids = ids_of(1, 6)
    for module in (changed, plain):
        module(input_ids=ids, labels=ids).loss.backward()
    ours, theirs = (module.transformer.h[1].mlp.c_fc.weight.grad for module in (changed, plain))
    assert torch.equal(ours, theirs)


@pytest.mark.parametrize(
    "make",
    [
        lambda: MistralForCausalLM(MistralConfig(**LLAMA, sliding_window=8)),
        lambda: GPT2LMHeadModel(GPT2Config(**GPT2, reorder_and_upcast_attn=True)),
        lambda: GPT2LMHeadModel(GPT2Config(**GPT2, add_cross_attention=True)),
        lambda: LlamaForCausalLM(LlamaConfig(**LLAMA)).to(torch.bfloat16),
        lambda: LlamaForCausalLM(LlamaConfig(**LLAMA, attn_implementation="eager")),
    ],
    ids=["windows", "upcast", "cross-attention", "bfloat16", "eager"],
)
def test_modules_built_otherwise_stay_as_they_are(make: Callable[[], Any]) -> None:
    module = make()
    kind = type(module)
    assert lean.make_lean(module) == 0
    assert type(module) is kind and not lean.is_lean(module)


def test_a_module_with_an_adapter_stays_as_it_is() -> None:
    class Adapter(torch.nn.Linear):
        """Stands for an adapter's layer, which is a Linear too."""

    module = LEAN["llama"]()
    module.model.layers[1].self_attn.q_proj = Adapter(32, 32, bias=False)
    assert lean.make_lean(module) == 0


def test_without_the_operators_a_module_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    assert lean.make_lean(LEAN["gpt2"]()) == 0


def test_a_copy_is_plain_and_shares_nothing_packed() -> None:
    changed, plain = built(LEAN["gpt2"])
    twin = copy.deepcopy(changed)
    assert lean.is_lean(changed) and not lean.is_lean(twin)
    with torch.inference_mode():
        ids = ids_of(1, 6)
        assert torch.equal(twin(input_ids=ids).logits, plain(input_ids=ids).logits)
    assert type(changed).__name__ == "GPT2LMHeadModel" and "lean" not in changed.state_dict()
