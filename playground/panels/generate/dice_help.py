"""The help beside a knob: what it does, its formula with the numbers of this step, its neutral value, its paper."""

from collections.abc import Mapping
from typing import Any

from playground.catalog import Parameter
from playground.decoding.processors_guidance import Guidance
from playground.decoding.stopping import StopStrings
from playground.lists import ListParameter
from playground.panels.generate.dice_frames import Scene
from playground.views.formula import formula_numbers
from playground.views.notation import shorter
from playground.vocabulary import printable

Said = dict[str, str]


def knob_help(parameter: Parameter | ListParameter, scene: Scene) -> dict[str, Any]:
    """Where the knob is off, the numbers are those of its usual value, and the help says so."""
    t, name = scene.look.t, parameter.name
    lines = [{"text": t(f"parameter.{name}.help"), "kind": "text"}]
    if isinstance(parameter, ListParameter):
        lines += _of_a_list(parameter, scene)
    else:
        lines += _of_a_number(parameter, scene)
        neutral = "help.usual" if parameter.belongs_to else "help.neutral"
        lines.append({"text": t(neutral, value=shorter(parameter.neutral)), "kind": "neutral"})
    if not parameter.paper:
        return {"lines": lines}
    return {"lines": lines, "paper": {"before": t("help.paper"), "text": parameter.paper, "url": parameter.url}}


def _of_a_number(parameter: Parameter, scene: Scene) -> list[Said]:
    t, name = scene.look.t, parameter.name
    value = scene.value(name)
    is_on = value != parameter.neutral
    if parameter.processor is Guidance and scene.step.situation.guidance is None:
        return [{"text": t("help.guidance_needs_run", number=scene.index + 1), "kind": "where"}]
    tried = value if is_on else parameter.start
    words = t("help.here" if is_on else "help.if_on", number=scene.index + 1, value=shorter(tried))
    return [] if parameter.belongs_to else _numbers(name, {**scene.values, name: tried}, words, scene)


def _of_a_list(parameter: ListParameter, scene: Scene) -> list[Said]:
    t, name, number = scene.look.t, parameter.name, scene.index + 1
    entries = scene.values.get(name, ())
    if name == "negative_prompt_ids":
        if not entries or scene.step.situation.guidance is None:
            return [{"text": t("help.guidance_needs_run", number=number), "kind": "where"}] if entries else []
        return [{"text": t("help.negative", tokens=len(entries), taken=scene.index), "kind": "numbers"}]
    if not entries:
        return [{"text": t("help.list_off", number=number), "kind": "where"}]
    if name != "stop_strings":
        return _numbers(name, scene.values, t("help.list_on", number=number), scene)
    stop = StopStrings(entries, scene.look.vocabulary.pieces)
    complete = stop.which(scene.trace.context(scene.index), scene.step.choice.token_id)
    if complete is None:
        return [{"text": t("help.stop_not_here", number=number, count=len(entries)), "kind": "numbers"}]
    return [{"text": t("help.stop_here", number=number, text=printable(complete.encode())), "kind": "numbers"}]


def _numbers(name: str, values: Mapping[str, Any], words: str, scene: Scene) -> list[Said]:
    """The formula of a setting at the step on show, under these values; nothing where no token would be left."""
    stages = scene.trace.stages_at(scene.index, scene.processors(values))
    stage = next((s for s in stages if s.processor.name == name), None)
    if stage is None or not stage.outgoing.kept:
        return []
    numbers = formula_numbers(stage, scene.trace.context(scene.index))
    return [
        {"text": words, "kind": "where"},
        {"text": scene.look.t(f"parameter.{name}.formula", **numbers), "kind": "numbers"},
    ]
