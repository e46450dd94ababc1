"""Rows of logits made again by the head: the same bits as the model's own, whatever it does after its head."""

import functools
from collections.abc import Callable
from typing import Any

import pytest
import torch
from transformers import (
    CohereConfig,
    CohereForCausalLM,
    Gemma2Config,
    Gemma2ForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    GraniteConfig,
    GraniteForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
)

from playground import catalog, engine
from playground.decoding.rows import Desk
from playground.decoding.trace import GenerationRequest, Trace
from playground.engines.huggingface.backend import HuggingFaceModel

V, WIDTH = 97, 32
LLAMA: dict[str, Any] = {
    "vocab_size": V, "hidden_size": WIDTH, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "initializer_range": 0.3, "bos_token_id": None, "eos_token_id": None,
    "pad_token_id": None,
}  # fmt: skip
GPT2: dict[str, Any] = {
    "vocab_size": V, "n_layer": 2, "n_head": 2, "n_embd": WIDTH, "initializer_range": 0.3, "bos_token_id": None,
    "eos_token_id": None,
}  # fmt: skip
KINDS: dict[str, Callable[[], Any]] = {
    "gpt2": lambda: GPT2LMHeadModel(GPT2Config(**GPT2)),
    "llama": lambda: LlamaForCausalLM(LlamaConfig(**LLAMA)),
    "gemma 2, capped": lambda: Gemma2ForCausalLM(
        Gemma2Config(**LLAMA, head_dim=8, sliding_window=8, final_logit_softcapping=3.0)
    ),
    "cohere, scaled": lambda: CohereForCausalLM(CohereConfig(**LLAMA, logit_scale=0.25)),
    "granite, divided": lambda: GraniteForCausalLM(GraniteConfig(**LLAMA, logits_scaling=3.0)),
    "neox": lambda: GPTNeoXForCausalLM(
        GPTNeoXConfig(
            **{k: v for k, v in LLAMA.items() if k != "num_key_value_heads"}, max_position_embeddings=64
        )
    ),
}  # fmt: skip


def model_of(kind: str, exact: bool = False) -> HuggingFaceModel:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return HuggingFaceModel(KINDS[kind](), kind, exact)


def run(model: HuggingFaceModel, desk: Desk, values: dict[str, Any] | None = None, new: int = 12) -> Trace:
    request = GenerationRequest((5, 6, 7), catalog.sampling(values or {}, True, 3), new, desk=desk)
    *_, trace = engine.generate(model, request)
    return trace


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_rows_made_again_are_the_rows_that_were(kind: str, exact: bool) -> None:
    model = model_of(kind, exact)
    held, made = run(model, Desk()), run(model, Desk(most=0))
    assert model.step_bytes == 4 * WIDTH
    assert held.token_ids == made.token_ids
    assert not any(step.row.is_kept for step in made.steps)
    for one, other in zip(held.steps, made.steps, strict=True):
        assert one.logits.dtype == torch.float32 and torch.equal(one.logits, other.logits)


def test_the_second_reading_of_guidance_is_made_again_too() -> None:
    model, values = model_of("gpt2"), {"guidance_scale": 1.7, "negative_prompt_ids": [9, 8]}
    held, made = run(model, Desk(), values), run(model, Desk(most=0), values)
    for i in range(len(held.steps)):
        ours, theirs = (trace.steps[i].situation.guidance for trace in (held, made))
        assert ours and theirs and not theirs.is_kept and torch.equal(ours.logits, theirs.logits)


def test_what_a_model_does_after_its_head_and_nobody_knows_keeps_whole_rows() -> None:
    class Odd(GPT2LMHeadModel):
        @functools.wraps(GPT2LMHeadModel.forward)
        def forward(self, *arguments: Any, **named: Any) -> Any:
            output = super().forward(*arguments, **named)
            output.logits = output.logits.sinh()
            return output

    model = HuggingFaceModel(Odd(GPT2Config(**GPT2)), "odd")
    assert model.step_bytes == 4 * V and not model.packed_bytes
    assert all(step.row.is_kept for step in run(model, Desk(most=0)).steps)


def test_a_run_that_goes_on_has_one_desk() -> None:
    model = model_of("gpt2")
    trace = run(model, Desk(), new=2)
    for length in range(3, 9):
        request = GenerationRequest((5, 6, 7), trace.request.strategy, length)
        *_, trace = engine.generate(model, request, trace)
    assert len({id(step.row._desk) for step in trace.steps}) == 1
