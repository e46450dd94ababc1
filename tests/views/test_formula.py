"""The formula of every processor, filled with the numbers of a step: each number worked out here once more in double
precision, from the row that came in and from what the processor is said to do."""

import math
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import torch

from playground import catalog, i18n
from playground.catalog import BY_NAME, MAIN
from playground.decoding import pipeline, rows
from playground.decoding.orders import TRANSFORMERS_ORDER
from playground.decoding.pipeline import Stage
from playground.decoding.processors import Situation
from playground.i18n import catalogue, translator
from playground.panels import wording
from playground.views.formula import formula_numbers
from playground.views.notation import percent, shorter, significant

Row = np.ndarray
t = translator()

SIZE, EOS, SEED, MU = 150, (7, 13, 40), 6, 4.6
CONTEXT = (1, 2, 3, 4, 9, 30, 1, 2, 3)  # the prompt ends before 30; 1 2 3 stood there before, and 4 followed
PROMPT = 5
LOGITS = torch.randn(SIZE, generator=torch.Generator().manual_seed(8)) * 2.2
NEGATIVE = torch.randn(SIZE, generator=torch.Generator().manual_seed(9)) * 1.5
SITUATION = Situation(PROMPT, EOS, SEED, rows.Row(NEGATIVE), {"mirostat": MU, "adaptive_target": 1.6})


def softmax(z: Row) -> Row:
    weights = np.exp(z - z[np.isfinite(z)].max())
    return weights / weights.sum()


def nats(p: Row) -> float:
    return float(-(p[p > 0] * np.log(p[p > 0])).sum())


Z = LOGITS.double().numpy()
P = softmax(Z)
H = nats(P)
ORDER = np.argsort(-P, kind="stable")
SORTED = P[ORDER]
SEEN = Counter(CONTEXT)
DISTANCE = np.abs(P - (2 * 0.3 - 1.6 / 4)) / 0.3  # of adaptive-p: the mean so far is 1.6 / (1 + 0.75 + …) = 1.6 / 4


def stage_of(values: Mapping[str, Any]) -> Stage:
    """The last of the processors that these settings switch on, at the step; alone unless the settings say more."""
    built = catalog.processors(values)
    return pipeline.run(built, torch.tensor([CONTEXT]), LOGITS[None], SITUATION)[-1]


def cut(stay: Row | int, **more: str | int) -> dict[str, str | int]:
    """What a formula may say of a cut: which tokens stay (by id, or that many of the most probable)."""
    ids = ORDER[:stay] if isinstance(stay, int) else np.flatnonzero(stay)
    return {
        "incoming": SIZE, "kept": len(ids), "removed": SIZE - len(ids), "mass": percent(P[ids].sum()),
        "lowest": percent(P[ids].min()), "highest": percent(P.max()), **more,
    }  # fmt: skip


def reshaped(z: Row, **more: str | int) -> dict[str, str | int]:
    """What a formula may say of new logits."""
    after = nats(softmax(z))
    return {"entropy_before": significant(H), "entropy_after": significant(after), "kept": SIZE, **more}


def prefix(reached: Row, bar: float) -> int:
    """How many of the most probable until their sum reaches the bar."""
    return int(np.searchsorted(np.cumsum(reached), bar)) + 1


def guidance(g: float) -> dict[str, str | int]:
    p, q = np.log(P), np.log(softmax(NEGATIVE.double().numpy()))
    return reshaped(q + g * (p - q))


def watermarked(bias: float, ratio: float) -> dict[str, str | int]:
    generator = torch.Generator().manual_seed(15485863 * CONTEXT[-1])
    green = torch.randperm(SIZE, generator=generator)[: int(ratio * SIZE)].numpy()
    z = Z.copy()
    z[green] += bias
    return reshaped(z, green=len(green))


def typical(mass: float) -> dict[str, str | int]:
    order = np.argsort(np.abs(-np.log(P) - H))
    stay = np.zeros(SIZE, dtype=bool)
    stay[order[: prefix(P[order], mass)]] = True
    return cut(stay, entropy_before=significant(H))


def tail_free(z: float) -> dict[str, str | int]:
    bends = np.abs(np.diff(SORTED, n=2))
    shares = np.cumsum(bends) / bends.sum()
    return cut(1 + int((shares <= z).sum()))


def top_h(share: float) -> dict[str, str | int]:
    head = SORTED[:100] / SORTED[:100].sum()
    border = share * nats(head)
    kept = int((np.cumsum(-head * np.log(head)) <= border).sum())
    assert 1 < kept < 100
    return cut(kept, border=significant(border))


def xtc(probability: float, threshold: float) -> dict[str, str | int]:
    step = len(CONTEXT) - PROMPT
    coin = float(torch.rand(50, generator=torch.Generator().manual_seed(0x58_54_43 + SEED))[step])
    stay = np.ones(SIZE, dtype=bool)
    if coin < probability:
        stay[ORDER[: int((threshold <= P).sum()) - 1]] = False
    return cut(
        stay, coin=significant(coin), sign="<" if coin < probability else "≥", threshold=shorter(threshold)
    )  # fmt: skip


def mirostat(version: int, tau: float, eta: float) -> dict[str, str | int]:
    """Zipf's exponent by a least-squares line through the origin, as the paper's appendix has it."""
    head = SORTED[:100]
    x, y = np.log(np.arange(2, 101) / np.arange(1, 100)), np.log(head[:-1] / head[1:])
    s = float(np.linalg.lstsq(x[:, None], y, rcond=None)[0][0])
    k = round((((s - 1) * 2**MU) / (1 - SIZE ** (1 - s))) ** (1 / s)) + 1
    kept = k if version == 1 else int((-np.log2(P) <= MU).sum())
    return cut(kept, border=significant(MU), tau=shorter(tau), eta=shorter(eta), k=str(k))


def dynamic(width: float, temperature: float, exponent: float) -> dict[str, str | int]:
    low, high = max(0.0, temperature - width), temperature + width
    chosen = low + (high - low) * (H / math.log(SIZE)) ** exponent
    return {
        "low": shorter(low), "high": shorter(high), "exponent": shorter(exponent), "border": significant(chosen),
        "entropy_before": significant(H), "incoming": SIZE,
    }  # fmt: skip


def smoothed(factor: float, curve: float) -> dict[str, str | int]:
    d, k, s = Z.max() - Z, (3 - curve) / 2, (curve - 1) / 2
    return reshaped(-(k * factor * d**2 + s * factor * d**3), k=significant(k), s=significant(s))


def seen(**more: str | int) -> dict[str, str | int]:
    return {"seen": len(SEEN), "length": len(CONTEXT), **more}


def biased() -> dict[str, str | int]:
    z = Z.copy()
    z[5] += 2.5
    z[8] += 4.0  # 3 stands before it; 2 does not
    return reshaped(z)


SIGMA = float(np.sqrt(np.mean((Z - Z.mean()) ** 2)))
CASES: dict[str, tuple[dict[str, Any], Callable[[], dict[str, str | int]]]] = {
    "guidance_scale": ({"guidance_scale": 1.5}, lambda: guidance(1.5)),
    "sequence_bias": ({"sequence_bias": [[[5], 2.5], [[3, 8], 4.0], [[2, 6], 9.0]]}, biased),
    "repetition_penalty": ({"repetition_penalty": 1.2}, seen),
    "presence_penalty": ({"presence_penalty": 0.5}, seen),
    "frequency_penalty": ({"frequency_penalty": 0.5}, seen),
    "dry_multiplier": (
        {"dry_multiplier": 0.8, "dry_base": 1.5, "dry_allowed_length": 1},
        lambda: {"longest": 3, "base": "1.5", "allowed": "1", "border": significant(0.8 * 1.5**2)},
    ),
    "no_repeat_ngram_size": ({"no_repeat_ngram_size": 3}, lambda: {"removed": 1}),  # 2 3 4 was there
    "bad_words_ids": ({"bad_words_ids": [[5], [3, 8], [2, 6]]}, lambda: {"removed": 2}),
    "min_new_tokens": ({"min_new_tokens": 20}, lambda: {"taken": 4, "removed": 3}),
    "exponential_decay_length_penalty": (
        {"exponential_decay_length_penalty": 1.05, "exponential_decay_start": 2}, lambda: {"taken": 4, "start": 2},
    ),
    "suppress_tokens": ({"suppress_tokens": [0, 9, SIZE + 5]}, lambda: {"removed": 2}),
    "temperature": ({"temperature": 0.8}, lambda: reshaped(Z / 0.8)),
    "dynatemp_range": (
        {"dynatemp_range": 0.5, "temperature": 1.2, "dynatemp_exponent": 2}, lambda: dynamic(0.5, 1.2, 2),
    ),
    "smoothing_factor": ({"smoothing_factor": 0.25, "smoothing_curve": 2}, lambda: smoothed(0.25, 2)),
    "top_h": ({"top_h": 0.4}, lambda: top_h(0.4)),
    "top_k": ({"top_k": 40}, lambda: cut(40)),
    "top_p": ({"top_p": 0.9}, lambda: cut(prefix(SORTED, 0.9))),
    "min_p": ({"min_p": 0.05}, lambda: cut(P.max() * 0.05 <= P, border=percent(0.05 * P.max()))),
    "typical_p": ({"typical_p": 0.8}, lambda: typical(0.8)),
    "epsilon_cutoff": ({"epsilon_cutoff": 0.01}, lambda: cut(P >= 0.01, border=percent(0.01))),
    "eta_cutoff": (
        {"eta_cutoff": 0.01},
        lambda: cut(
            min(0.01, 0.1 * math.exp(-H)) <= P, border=percent(min(0.01, 0.1 * math.exp(-H))),
            entropy_before=significant(H),
        ),
    ),
    "top_n_sigma": (
        {"top_n_sigma": 1.5},
        lambda: cut(
            Z.max() - 1.5 * SIGMA <= Z, top=significant(Z.max()), sigma=significant(SIGMA),
            border=significant(Z.max() - 1.5 * SIGMA),
        ),
    ),
    "p_less": ({"p_less": 1}, lambda: cut((P**2).sum() <= P, border=percent((P**2).sum()))),
    "top_a": ({"top_a": 0.2}, lambda: cut(0.2 * P.max() ** 2 <= P, border=percent(0.2 * P.max() ** 2))),
    "tfs_z": ({"tfs_z": 0.95}, lambda: tail_free(0.95)),
    "xtc_probability": ({"xtc_probability": 0.95, "xtc_threshold": 0.05}, lambda: xtc(0.95, 0.05)),
    "mirostat": ({"mirostat": 2, "mirostat_tau": 3, "mirostat_eta": 0.2}, lambda: mirostat(2, 3, 0.2)),
    "adaptive_target": (
        {"adaptive_target": 0.3, "adaptive_decay": 0.75},
        lambda: reshaped(5 - 10 * DISTANCE**2 / (1 + DISTANCE), border=significant(2 * 0.3 - 1.6 / 4)),
    ),
    "watermark_bias": (
        {"watermark_bias": 2, "watermark_greenlist_ratio": 0.3}, lambda: watermarked(2, 0.3),
    ),
    "renormalize_logits": ({"renormalize_logits": 1}, lambda: reshaped(Z)),
}  # fmt: skip
OTHERS: dict[str, tuple[dict[str, Any], Callable[[], dict[str, str | int]]]] = {
    "mirostat 1": ({"mirostat": 1, "mirostat_tau": 3, "mirostat_eta": 0.2}, lambda: mirostat(1, 3, 0.2)),
    "xtc at rest": ({"xtc_probability": 0.01, "xtc_threshold": 0.05}, lambda: xtc(0.01, 0.05)),
    "eta below its root": (
        {"eta_cutoff": 0.0001},
        lambda: cut(P >= 1e-4, border=percent(1e-4), entropy_before=significant(H)),
    ),
    "a cut of everything but one": ({"top_k": 1}, lambda: cut(1)),
}


def blanks(name: str) -> frozenset[str]:
    return i18n.blanks(catalogue("en")[f"parameter.{name}.formula"])


def test_every_processor_of_the_catalogue_has_a_formula_that_is_checked_here() -> None:
    assert set(CASES) == set(TRANSFORMERS_ORDER) >= {p.name for p in MAIN}
    for name in CASES:
        assert blanks(name), "a formula without numbers says nothing of the step"


@pytest.mark.parametrize(("values", "expected"), [*CASES.values(), *OTHERS.values()], ids=[*CASES, *OTHERS])
def test_every_number_of_the_formula_is_that_of_the_step(
    values: dict[str, Any], expected: Callable[[], dict[str, str | int]]
) -> None:
    stage = stage_of(values)
    name = stage.processor.name
    numbers, right = formula_numbers(stage, CONTEXT), expected()
    value = values[name]
    right["value"] = str(len(value)) if isinstance(value, list) else f"{value:g}"
    used = blanks(name)
    assert used <= set(right), f"no independent number for {used - set(right)}"
    assert {blank: numbers[blank] for blank in used} == {blank: right[blank] for blank in used}
    text = wording.formula(stage, CONTEXT, t)
    assert text == t(f"parameter.{name}.formula", **{blank: right[blank] for blank in used})
    assert "{" not in text


def test_a_stage_speaks_of_what_came_into_it_and_not_of_the_model() -> None:
    """After temperature and top-k: 30 tokens come in, and the highest probability is that of the softened 30."""
    stage = stage_of({"temperature": 1.4, "top_k": 30, "min_p": 0.2})
    kept = ORDER[:30]
    p = softmax(Z[kept] / 1.4)
    stay = p >= 0.2 * p.max()
    text = wording.formula(stage, CONTEXT, t)
    assert text == f"p ≥ 0.2 · {percent(p.max())} = {percent(0.2 * p.max())}: {stay.sum()} of 30 tokens stay"


def test_the_watermark_names_the_greens_of_a_vocabulary_of_any_size() -> None:
    for size, ratio in ((50_257, 0.25), (8192, 0.5)):
        built = catalog.processors({"watermark_bias": 1.0, "watermark_greenlist_ratio": ratio})
        (stage,) = pipeline.run(built, torch.tensor([[3]]), torch.zeros(1, size), SITUATION)
        raised = int((stage.logits[0] > 0).sum())
        assert formula_numbers(stage, (3,))["green"] == raised


def test_an_id_that_has_no_logit_is_not_counted_as_seen() -> None:
    built = catalog.processors({"presence_penalty": 1.0})
    (stage,) = pipeline.run(built, torch.tensor([[1, 2, 2, 99]]), torch.zeros(1, 10), SITUATION)
    assert formula_numbers(stage, (1, 2, 2, 99))["seen"] == 2


@pytest.mark.parametrize("parameter", [p for p in MAIN if p.is_flag], ids=lambda p: p.name)
def test_a_switch_has_no_value_in_its_formula(parameter: Any) -> None:
    assert "value" not in blanks(parameter.name)
    assert BY_NAME[parameter.name].is_flag
