"""The numbers that a processor's formula takes at one step: so that its help speaks of the distribution on show."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from playground.decoding.distribution import Distribution
from playground.decoding.pipeline import Stage
from playground.decoding.processors import REMOVED, MinNewTokens
from playground.decoding.processors_adaptive import AdaptiveP
from playground.decoding.processors_community import XTC, TopNSigma
from playground.decoding.processors_constraints import ExponentialDecay
from playground.decoding.processors_mirostat import Mirostat, tokens_for, zipf_exponent
from playground.decoding.processors_penalties import DRY
from playground.decoding.processors_softening import DynamicTemperature, QuadraticSmoothing
from playground.decoding.processors_watermark import Watermark
from playground.views.notation import percent, shorter, significant


def formula_numbers(stage: Stage, context_ids: Sequence[int]) -> Mapping[str, str | int]:
    """By the names of the blanks in `parameter.<name>.formula`; every formula uses a part of them.

    `highest` is the largest probability that came in, `lowest` the smallest that stayed, `border` the number that the
    processor compares with, `mass` what stayed of the incoming probability; entropies in nats.
    """
    before, after, processor = Distribution.of(stage.before[0]), stage.outgoing, stage.processor
    stayed = after.logits > REMOVED
    kept = before.probabilities[stayed]
    seen = {i for i in context_ids if i < len(before.logits)}
    highest = float(before.probabilities.max())
    return {
        "value": shorter(processor.value),
        "incoming": before.kept,
        "kept": after.kept,
        "removed": before.kept - after.kept,
        "highest": percent(highest),
        "lowest": percent(float(kept.min())) if kept.size else percent(0),
        "mass": percent(min(1.0, float(kept.sum(dtype=np.float64)))),
        "entropy_before": significant(before.entropy),
        "entropy_after": significant(after.entropy),
        "seen": len(seen),
        "length": len(context_ids),
        **_own(stage, before, highest, context_ids),
    }


def _own(stage: Stage, before: Distribution, highest: float, context_ids: Sequence[int]) -> dict[str, str | int]:
    processor, value = stage.processor, stage.processor.value
    own: dict[str, str | int] = {}
    if processor.name == "min_p":
        own["border"] = percent(value * highest)
    elif processor.name == "top_a":
        own["border"] = percent(value * highest**2)
    elif processor.name == "epsilon_cutoff":
        own["border"] = percent(value)
    elif processor.name == "eta_cutoff":
        own["border"] = percent(min(value, math.sqrt(value) * math.exp(-before.entropy)))
    elif processor.name == "p_less":
        own["border"] = percent(float(np.square(before.probabilities, dtype=np.float64).sum()))
    elif processor.name == "top_h":
        first = Distribution.of(stage.before[0].topk(min(100, len(before.logits)))[0])
        own["border"] = significant(value * first.entropy)
    elif isinstance(processor, TopNSigma):
        top, border = float(before.logits.max()), float(processor.border(stage.before)[0, 0])
        own |= {"top": significant(top), "border": significant(border), "sigma": significant((top - border) / value)}
    elif isinstance(processor, DRY):
        copies = processor.copies(np.asarray(context_ids, dtype=np.int64))
        longest = max(copies.values(), default=0)
        own |= {
            "longest": longest, "border": significant(processor.penalty(longest)),
            "base": shorter(processor.base), "allowed": shorter(processor.allowed_length),
        }  # fmt: skip
    elif isinstance(processor, DynamicTemperature):
        own["border"] = significant(processor.chosen(stage.before[0]))
        own["low"] = shorter(max(0.0, processor.temperature - value))
        own["high"] = shorter(processor.temperature + value)
        own["exponent"] = shorter(processor.exponent)
    elif isinstance(processor, QuadraticSmoothing):
        own["k"] = significant((3 - processor.curve) / 2)
        own["s"] = significant((processor.curve - 1) / 2)
    elif isinstance(processor, XTC):
        coin = processor.coin_of(len(context_ids) - processor.prompt_length)
        own |= {"coin": significant(coin), "threshold": shorter(processor.threshold)}
        own["sign"] = "<" if coin < value else "≥"
    elif isinstance(processor, Mirostat):
        own |= {"border": significant(processor.bar), "tau": shorter(processor.tau), "eta": shorter(processor.eta)}
        own["k"] = f"{tokens_for(processor.bar, zipf_exponent(before), len(before.logits)):,}"
    elif isinstance(processor, AdaptiveP):
        own["border"] = significant(processor.aim)
    elif isinstance(processor, Watermark):
        own["green"] = int(len(before.logits) * processor.ratio)
    elif isinstance(processor, (MinNewTokens, ExponentialDecay)):
        own["taken"] = len(context_ids) - processor.prompt_length
        own["start"] = int(getattr(processor, "start", 0))
    return own
