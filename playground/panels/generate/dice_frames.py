"""Frames of the panels below the charts: the dice, the same dice under other settings, the survival map, the flow."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from playground import catalog
from playground.catalog import BY_NAME, MAIN
from playground.decoding import pipeline
from playground.decoding.distribution import Distribution
from playground.decoding.pipeline import Stage
from playground.decoding.processors import Processor
from playground.decoding.processors_guidance import Guidance
from playground.decoding.trace import Step, Trace
from playground.i18n import Translator
from playground.panels import wording
from playground.panels.figures.mass_flow import mass_flow_figure
from playground.panels.figures.race import race_figure
from playground.panels.figures.same_dice import same_dice_figure
from playground.panels.figures.survival_map import Shown, survival_map_figure
from playground.panels.figures.theme import nothing
from playground.panels.generate.frames import Look
from playground.panels.wording import Channels, Part
from playground.views.headline import end_of
from playground.views.mass_flow import OrderDifference, mass_flow, order_difference
from playground.views.notation import percent, shorter, significant
from playground.views.race import Race, drawn, noise, race
from playground.views.same_dice import Parting, never, same_dice
from playground.views.strip import spelt_together
from playground.views.survival_map import SurvivalMap, survival_map

COMPARE_ON = "on:"  # the action of a button: compare the rest of the run
_MAP_STEPS = 10  # rows and columns: so few that each number can be read from the last row


@dataclass(frozen=True)
class Scene:
    """What the panels are about: a step of a trace, and the settings that it is seen under, as if it were drawn.

    Attributes:
        values: of every parameter, by name; the lists that are on too.
        order: names of the stages, first to last.
        do_sample: whether the controls say so; the dice are shown either way.
    """

    trace: Trace
    index: int
    values: Mapping[str, Any]
    order: tuple[str, ...]
    do_sample: bool
    look: Look

    @property
    def step(self) -> Step:
        return self.trace.steps[self.index]

    def processors(self, values: Mapping[str, Any], order: tuple[str, ...] | None = None) -> tuple[Processor, ...]:
        built = catalog.processors(values, True, order or self.order, self.look.vocabulary)
        if self.step.situation.guidance is None:  # its second reading was not made here: the headline says so
            built = tuple(p for p in built if not isinstance(p, Guidance))
        return built

    def stages(self, order: tuple[str, ...] | None = None) -> tuple[Stage, ...]:
        return self.trace.stages_at(self.index, self.processors(self.values, order))

    def value(self, name: str) -> float:
        value: float = self.values.get(name, BY_NAME[name].neutral)
        return value


def before(trace: Trace, index: int, look: Look) -> str:
    return end_of(spelt_together(trace.context(index), look.vocabulary))


# ---- the dice --------------------------------------------------------------------------------------------------


def race_panel(scene: Scene) -> Channels:
    step = scene.step
    logits = pipeline.processed_logits(scene.stages(), step.logits[None])[0]
    view = race(step, logits, scene.look.vocabulary)
    return {"dice.race": race_figure(view, scene.look.t), "dice.race_words": {"parts": _race_words(view, scene)}}


def _race_words(view: Race, scene: Scene) -> list[Part]:
    t, winner = scene.look.t, view.winner
    sentence = t(
        "dice.race", seed=view.seed, number=view.index + 1, runners=view.runners,
        probability=percent(winner.probability), noise=significant(winner.noise),
        quotient=significant(winner.quotient), token=wording.MARK,
    )  # fmt: skip
    parts = wording.with_tokens(sentence, winner.label)
    taken_wins = winner.token_id == view.taken_id
    is_own = scene.do_sample and scene.processors(scene.values) == scene.step.processors
    if view.by == "multinomial" and is_own:
        key = "dice.race.drawn" if taken_wins else "dice.race.not_drawn"
        words = t(key, token=wording.MARK)
        parts += [" ", *wording.with_tokens(words, view.taken_label, "good" if taken_wins else "strong")]
    elif view.by == "multinomial":
        key = "dice.race.still" if taken_wins else "dice.race.otherwise"
        parts += [" ", *wording.with_tokens(t(key, token=wording.MARK), view.taken_label, "strong")]
    else:
        parts += [" ", *wording.with_tokens(t(f"dice.race.{view.by}", token=wording.MARK), view.taken_label, "strong")]
    return [*parts, "\n", {"text": t("dice.race.needle"), "kind": "muted"}]


# ---- the same dice, other settings ------------------------------------------------------------------------------


def same_dice_panel(
    scene: Scene, partings: Mapping[str, Parting], is_over: Callable[[], bool] = never
) -> Channels:  # fmt: skip
    """`partings` by the change of settings that makes them: "" for the settings as they stand, or "name=value". Once
    the time `is_over` no further knob is turned."""
    knobs = [p for p in MAIN if p.is_common or (p.sampling_only and scene.values.get(p.name, p.neutral) != p.neutral)]
    view = same_dice(scene.trace, scene.index, knobs, scene.values, scene.processors, scene.look.vocabulary, is_over)
    parts = _parting_words(scene, partings)
    if view.left_out:
        names = [scene.look.t(f"parameter.{name}.short") for name in view.left_out]
        words = scene.look.t("dice.same.left_out", names=", ".join(names))
        parts += ["\n", {"text": words, "kind": "muted"}]
    return {"dice.same": same_dice_figure(view, scene.look.t), "dice.same_words": {"parts": parts}}


def changes(scene: Scene) -> dict[str, dict[str, Any]]:
    """The settings worth comparing over the whole run: as they stand, and each common knob switched on or off."""
    found = {"": dict(scene.values)}
    for p in MAIN:
        if p.is_common:
            value = p.start if scene.value(p.name) == p.neutral else p.neutral
            found[f"{p.name}={shorter(value)}"] = {**scene.values, p.name: value}
    return found


def _parting_words(scene: Scene, partings: Mapping[str, Parting]) -> list[Part]:
    t = scene.look.t
    parts: list[Part] = [{"text": t("dice.same.over_the_run"), "kind": "strong"}]
    for change, parting in partings.items():
        name, _, value = change.partition("=")
        if not change:
            if scene.do_sample and all(s.processors == scene.processors(scene.values) for s in scene.trace.steps):
                continue  # the run's own settings
            words = t("dice.same.now")
        elif float(value) == BY_NAME[name].neutral:
            words = t("dice.same.off", name=t(f"parameter.{name}.short"))
        else:
            words = t("dice.same.change", name=t(f"parameter.{name}.short"), value=value)
        parts.append("\n")
        if parting.index is None and parting.steps < len(scene.trace.steps):
            so_far = t("dice.same.so_far", change=words, steps=parting.steps, total=len(scene.trace.steps))
            button = {"text": t("dice.same.compare_on"), "kind": "action", "action": COMPARE_ON}
            parts += [so_far, " ", button]
            continue
        if parting.index is None:
            parts.append(t("dice.same.never", change=words, steps=parting.steps))
            continue
        if parting.theirs is None:
            parts.append(t("dice.same.nothing_left", change=words, number=parting.index + 1))
            continue
        sentence = t("dice.same.parts", change=words, number=parting.index + 1, theirs=wording.MARK, ours=wording.MARK)
        parts += wording.with_tokens(sentence, parting.their_label, labels=(parting.our_label,))
        parts += [
            " ",
            {"text": t("dice.same.go"), "kind": "action", "action": f"go:{change}"},
        ]
    parts += ["\n", {"text": t("dice.same.beyond"), "kind": "muted"}]
    return parts


# ---- the survival map ---------------------------------------------------------------------------------------------


def survival_panel(scene: Scene, cut: str, shown: Shown) -> Channels:
    look, trace = scene.look, scene.trace
    temperature, value = scene.value("temperature"), scene.value(cut)
    values = _grid(cut)
    other = most_different(trace, scene.index)
    views = [_map(scene, i, cut, _temperatures(), values) for i in (scene.index, other)]
    vocab_size = scene.step.logits.shape[-1]
    sides = ("here", "there")
    channels: Channels = {}
    for side, index, view in zip(sides, (scene.index, other), views, strict=True):
        channels[f"dice.map_{side}"] = survival_map_figure(
            view, (temperature, value), shown, vocab_size, look.t, look.unit
        )
        channels[f"dice.map_{side}_words"] = {
            "parts": wording.with_tokens(
                look.t(
                    f"dice.map.{side}", number=index + 1, before=before(trace, index, look),
                    probability=percent(view.mode_probability), entropy=look.unit.amount(view.entropy),
                    unit=look.unit.name,
                ),
                "",
            )
        }  # fmt: skip
    channels["dice.map_words"] = {"parts": _contrast(scene, other, cut)}
    return channels


def _temperatures() -> tuple[float, ...]:
    low, high, _ = BY_NAME["temperature"].slider
    return tuple(round(high * i / _MAP_STEPS, 2) for i in range(1, _MAP_STEPS + 1) if high * i / _MAP_STEPS >= low)


def _grid(cut: str) -> tuple[float, ...]:
    """Round values of the cut-off: tenths of its slider; of whole numbers those that a person tries."""
    parameter = BY_NAME[cut]
    if parameter.is_whole:
        return (1, 2, 5, 10, 20, 40, 100, 200, 500, 1000)
    high = parameter.slider[1]
    return tuple(round(high * i / _MAP_STEPS, 3) for i in range(1, _MAP_STEPS + 1))


def _map(scene: Scene, index: int, cut: str, temperatures: tuple[float, ...], values: tuple[float, ...]) -> SurvivalMap:
    """Of a step as it comes to temperature and cut-off: with the penalties that stand before them, and no other cut."""
    first_of_two = min(scene.order.index("temperature"), scene.order.index(cut))
    shaping = [
        p for p in scene.processors(scene.values)
        if not p.truncates and p.name != "temperature" and scene.order.index(p.name) < first_of_two
    ]  # fmt: skip
    logits = scene.trace.steps[index].logits[None]
    penalised = pipeline.processed_logits(scene.trace.stages_at(index, shaping), logits)[0]
    first = scene.order.index("temperature") < scene.order.index(cut)
    return survival_map(penalised, cut, temperatures, values, first)


def most_different(trace: Trace, index: int) -> int:
    """The step whose entropy is farthest from that of step `index`: the surest if that one is unsure."""
    entropy = trace.steps[index].reading.entropy
    return max(range(len(trace.steps)), key=lambda i: abs(trace.steps[i].reading.entropy - entropy))


def _contrast(scene: Scene, other: int, cut: str) -> list[Part]:
    """What the chosen cut-off and the rigid (or the dynamic) one keep at the two steps, at the temperature in force."""
    t = scene.look.t
    parts: list[Part] = []
    for name in dict.fromkeys((cut, "top_p" if cut == "top_k" else "top_k")):
        parameter = BY_NAME[name]
        value = scene.value(name)
        value = parameter.start if value == parameter.neutral else value
        here, there = (
            _map(scene, i, name, (scene.value("temperature"),), (value,)).tokens[0][0] for i in (scene.index, other)
        )
        parts.append(
            {
                "text": t("dice.map.keeps", name=t(f"parameter.{name}.short"), value=shorter(value), here=here,
                          there=there),
                "kind": "strong",
            }
        )  # fmt: skip
        parts.append(t("dice.map.rigid" if name == "top_k" else "dice.map.dynamic"))
        parts.append("\n")
    left_out = [t(f"parameter.{p.name}.short") for p in scene.processors(scene.values) if p.truncates and p.name != cut]
    if left_out:
        parts.append(t("dice.map.left_out", names=t("headline.and").join(left_out)))
    return parts


# ---- the flow of the mass, in two orders --------------------------------------------------------------------------


def mass_panel(scene: Scene) -> Channels:
    look, step = scene.look, scene.step
    t = look.t
    sequences = {key: [p.name for p in scene.processors(scene.values, order)] for key, order in catalog.ORDERS.items()}
    mine = [p.name for p in scene.processors(scene.values)]
    preset = next((key for key, names in sequences.items() if names == mine), None)
    other = next((key for key, names in sequences.items() if names != mine), None)
    exponentials = noise(step.selection.seed, step.index, step.logits.shape[-1])
    results, channels = [], Channels()
    orders = (("here", scene.order), ("there", catalog.ORDERS[other or next(iter(catalog.ORDERS))]))
    for side, order in orders:
        stages = scene.stages(order)
        logits = pipeline.processed_logits(stages, step.logits[None])[0]
        token_id = drawn(logits, exponentials) if Distribution.of(logits).kept else step.choice.token_id
        results.append((Distribution.of(logits), look.vocabulary.label(token_id)))
        channels[f"dice.flow_{side}"] = mass_flow_figure(
            mass_flow(step.logits, stages, look.vocabulary, token_id), t, look.unit
        )
    difference = order_difference(results[0][0], results[1][0], results[0][1], results[1][1], look.vocabulary)
    arrow = t("dice.flow.then")

    def chain(names: list[str]) -> str:
        return arrow.join(t(f"parameter.{n}.short") for n in names) or t("dice.flow.nothing")

    own = t(f"dice.order.{preset.replace('.', '_')}") if preset else t("dice.order.own")
    theirs = t(f"dice.order.{(other or preset or 'transformers').replace('.', '_')}")
    there = sequences[other] if other else mine
    channels["dice.flow_here_words"] = {"parts": [{"text": own, "kind": "strong"}, " ", chain(mine)]}
    channels["dice.flow_there_words"] = {"parts": [{"text": theirs, "kind": "strong"}, " ", chain(there)]}
    channels["dice.flow_words"] = {"parts": _difference_words(difference, bool(other), look)}
    return channels


def _difference_words(found: OrderDifference, has_other: bool, look: Look) -> list[Part]:
    t = look.t
    if not has_other:
        return [t("dice.flow.one_order")]
    if found.is_none:
        return [t("dice.flow.equal")]
    parts: list[Part] = [
        {"text": t("dice.flow.differ", here=found.here, there=found.there, shifted=percent(found.shifted)),
         "kind": "strong"}
    ]  # fmt: skip
    for key, labels in (("dice.flow.only_here", found.only_here), ("dice.flow.only_there", found.only_there)):
        if labels:
            parts.append(t(key))
            for label in labels:
                parts += [" ", {"text": label, "kind": "token"}]
            parts.append(". ")
    if found.token_here != found.token_there:
        sentence = t("dice.flow.other_token", here=wording.MARK, there=wording.MARK)
        parts += wording.with_tokens(sentence, found.token_here, labels=(found.token_there,))
    else:
        parts += wording.with_tokens(t("dice.flow.same_token", token=wording.MARK), found.token_here)
    return parts


_CHANNELS = {  # of each panel: its pictures, and the line below them
    "race": (["dice.race"], "dice.race_words"),
    "same_dice": (["dice.same"], "dice.same_words"),
    "survival_map": (["dice.map_here", "dice.map_there"], "dice.map_words"),
    "mass_flow": (["dice.flow_here", "dice.flow_there"], "dice.flow_words"),
}


def blank(panels: Collection[str], t: Translator, words: str = "") -> Channels:
    """These panels without a picture: there is no token, or (in `words`) something went wrong."""
    channels: Channels = {}
    for pictures, line in (_CHANNELS[panel] for panel in panels if panel in _CHANNELS):
        for picture in pictures:
            channels[picture] = nothing(t("chart.empty"))
            channels[f"{picture}_words"] = wording.notice("")  # its caption, where it has one
        channels[line] = wording.notice(words, "bad")
    return channels
