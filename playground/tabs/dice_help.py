"""The help beside a knob: what it does, its formula with the numbers of this step, its neutral value, its paper."""

from typing import Any

from playground.catalog import Parameter
from playground.tabs.dice_frames import Scene
from playground.views.formula import formula_numbers
from playground.views.notation import shorter


def knob_help(parameter: Parameter, scene: Scene) -> dict[str, Any]:
    """Where the knob is off, the numbers are those of its usual value, and the help says so."""
    t, name = scene.look.t, parameter.name
    lines = [{"text": t(f"parameter.{name}.help"), "kind": "text"}]
    value = scene.value(name)
    is_on = value != parameter.neutral
    tried = value if is_on else parameter.start
    stages = scene.trace.stages_at(scene.index, scene.processors({**scene.values, name: tried}))
    stage = next((s for s in stages if s.processor.name == name and not parameter.belongs_to), None)
    if stage is not None and stage.outgoing.kept:
        words = t("help.here" if is_on else "help.if_on", number=scene.index + 1, value=shorter(tried))
        numbers = formula_numbers(stage, scene.trace.context(scene.index))
        lines.append({"text": words, "kind": "where"})
        lines.append({"text": t(f"parameter.{name}.formula", **numbers), "kind": "numbers"})
    neutral = "help.usual" if parameter.belongs_to else "help.neutral"
    lines.append({"text": t(neutral, value=shorter(parameter.neutral)), "kind": "neutral"})
    if not parameter.paper:
        return {"lines": lines}
    return {"lines": lines, "paper": {"before": t("help.paper"), "text": parameter.paper, "url": parameter.url}}
