"""Anatomy: tensors sorted into parts by their names, counted once."""

import pytest

from playground.views.anatomy import anatomy, part_of

SIZES = {
    "transformer.wte.weight": 100, "transformer.wpe.weight": 20, "transformer.h.0.ln_1.weight": 4,
    "transformer.h.0.attn.c_attn.weight": 48, "transformer.h.0.mlp.c_fc.bias": 16, "transformer.ln_f.bias": 4,
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("model.layers.3.self_attn.q_proj.weight", "attention"),
        ("model.layers.3.self_attn.q_norm.weight", "norm"),
        ("model.layers.3.post_attention_layernorm.weight", "norm"),
        ("model.layers.0.mlp.gate_proj.weight", "mlp"),
        ("model.embed_tokens.weight", "token_embedding"),
        ("transformer.wpe.weight", "position_embedding"),
        ("lm_head.weight", "head"),
        ("gpt_neox.layers.1.attention.dense.bias", "attention"),
        ("embed_out.weight", "head"),
        ("something.else", "other"),
    ],
)
def test_a_name_says_its_part(name: str, part: str) -> None:
    assert part_of(name) == part


def test_parts_are_summed_and_shared() -> None:
    view = anatomy(SIZES, is_tied=True, width=4, vocab_size=25)
    assert {p.name: p.count for p in view.parts} == {
        "token_embedding": 100, "position_embedding": 20, "attention": 48, "mlp": 16, "norm": 8,
    }  # fmt: skip
    assert view.total == view.base_total == 192
    assert sum(p.share for p in view.parts) == pytest.approx(1)
    assert view.head_count == 100


def test_a_head_of_its_own_is_not_in_the_base_model() -> None:
    view = anatomy(SIZES | {"lm_head.weight": 100}, is_tied=False, width=4, vocab_size=25)
    assert (view.total, view.base_total) == (292, 192)
