"""The help beside a knob: what it does, its formula, the numbers of this step in it, neutral value, paper."""

import math
from typing import Any

from playground.catalog import Parameter
from playground.tabs.dice_frames import Scene
from playground.views.knob_help import KnobNumbers, knob_numbers
from playground.views.notation import percent, shorter, significant

# Those whose formula is filled in with numbers of the step; every other says what went in and what came out.
FILLED = ("temperature", "top_k", "top_p", "min_p", "epsilon_cutoff", "eta_cutoff", "top_a", "p_less", "top_n_sigma")


def knob_help(parameter: Parameter, scene: Scene) -> dict[str, Any]:
    """Raises OutOfRangeError. Where the knob is off, the numbers are those of its usual value, and it says so."""
    t = scene.look.t
    name = parameter.name
    value = scene.value(name)
    is_on = value != parameter.neutral
    tried = value if is_on else parameter.start
    lines = [{"text": t(f"parameter.{name}.help"), "kind": "text"}]
    stages = scene.trace.stages_at(scene.index, scene.processors({**scene.values, name: tried}))
    stage = next((s for s in stages if s.processor.name == name), None)
    if stage is not None and stage.outgoing.kept:
        numbers = knob_numbers(stage, scene.look.vocabulary)
        words = t("help.here" if is_on else "help.if_on", number=scene.index + 1, value=shorter(tried))
        lines.append({"text": words, "kind": "where"})
        lines.append({"text": _filled(name, tried, numbers, scene), "kind": "numbers"})
    lines.append({"text": t("help.neutral", value=shorter(parameter.neutral)), "kind": "neutral"})
    return {"lines": lines}


def _filled(name: str, value: float, n: KnobNumbers, scene: Scene) -> str:
    t, unit = scene.look.t, scene.look.unit
    eta = min(value, math.sqrt(max(value, 0)) * n.eta_threshold)
    blanks: dict[str, object] = {
        "value": shorter(value), "top": n.top, "last": n.last, "tokens": n.tokens_after,
        "logit_before": f"{n.top_logit_before:.3f}", "logit_after": f"{n.top_logit_after:.3f}",
        "top_before": percent(n.top_before), "top_after": percent(n.top_after), "last_before": percent(n.last_before),
        "kept_mass": percent(n.kept_mass), "less_mass": percent(n.mass_without_last),
        "share_of_top": percent(value * n.top_before), "square_of_top": percent(value * n.top_before**2),
        "collision": percent(n.collision), "percent": percent(value), "eta": percent(eta),
        "entropy": significant(n.entropy_before), "highest": f"{n.highest_logit:.3f}", "spread": f"{n.spread:.3f}",
        "border": f"{n.highest_logit - value * n.spread:.3f}",
    }  # fmt: skip
    filled = [t(f"help.filled.{name}", **blanks)] if name in FILLED else []
    if n.removed:
        filled.append(
            t(
                "help.removes", before=n.tokens_before, after=n.tokens_after, mass=percent(1 - n.kept_mass),
                first_gone=n.first_gone, first_gone_before=percent(n.first_gone_before), last=n.last,
                last_before=percent(n.last_before),
            )
        )  # fmt: skip
    elif name != "temperature":
        filled.append(t("help.reshapes", top=n.top, before=percent(n.top_before), after=percent(n.top_after)))
    entropies = (unit.amount(n.entropy_before), unit.amount(n.entropy_after))
    filled.append(t("help.entropy", before=entropies[0], after=entropies[1], unit=unit.name))
    return "\n".join(filled)
