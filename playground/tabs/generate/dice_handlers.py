"""The handlers of the panels below the charts: what is asked for, what a click on a picture sets, where a run parts."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, cast, get_args

import gradio as gr

from playground.catalog import PARAMETERS, Parameter
from playground.components.knob_bank import bank_value
from playground.components.live_bus import FrameLog, frame
from playground.decoding.sampling import Sampling
from playground.decoding.trace import Step, Trace
from playground.errors import PlaygroundError
from playground.i18n import Translator
from playground.lists import LISTS, ListParameter
from playground.panels import wording
from playground.panels.figures.survival_map import Shown
from playground.panels.generate import dice_frames, frames
from playground.panels.generate.dice_frames import Scene
from playground.panels.generate.dice_help import knob_help
from playground.tabs.generate.base import Update
from playground.tabs.generate.budget import Budget
from playground.tabs.generate.controls import Values
from playground.tabs.generate.handlers import GenerateTab
from playground.tabs.generate.session import Session
from playground.tabs.shell import reported
from playground.tabs.visitor import Visitor
from playground.views.same_dice import Parting, carried_over, ended_by, never, parting
from playground.views.survival_map import CUTS

PANELS = ("race", "same_dice", "survival_map", "mass_flow")
PATIENCE = 1.5  # seconds that turning the knobs may take at one look, and as many again comparing the whole run


class DiceSession(Visitor):
    """What one visitor's panels know: the frames sent to them, and how far runs under other settings were compared.

    Attributes:
        waiting: the channels on which the page says that something is on its way.
        asked: the panels that were asked for last.
        wants_branch: whether the last click asked for the run to go on under the settings that it set.
    """

    def __init__(self) -> None:
        self.frames = FrameLog()
        self.waiting: set[str] = set()
        self.asked: tuple[str, ...] = ()
        self.wants_branch = False
        self._compared: dict[object, tuple[Step, Parting]] = {}

    def __deepcopy__(self, memo: object) -> "DiceSession":
        return DiceSession()

    def parting(self, scene: Scene, values: dict[str, Any], is_over: Callable[[], bool] = never) -> Parting:
        """Where a run under `values` parts from the trace. Steps that were compared before are not compared again, so
        what the time was too short for is found at one of the next looks."""
        trace, processors = scene.trace, scene.processors(values)
        key = (processors, trace.request.prompt_ids)
        after: Parting | None = None
        if key in self._compared:
            last, known = self._compared[key]
            if known.steps <= len(trace.steps) and trace.steps[known.steps - 1] is last:
                if known.index is not None:
                    return known
                after = known
        found = parting(trace, processors, scene.look.vocabulary, after, is_over)
        if len(self._compared) > 64:
            self._compared.clear()
        self._compared[key] = (trace.steps[found.steps - 1], found)
        return found

    def partings(self, scene: Scene, budget: Budget) -> dict[str, Parting]:
        """Of every change worth comparing, as far as the time allows; each has its share of it."""
        changes = dice_frames.changes(scene)
        return {
            change: self.parting(scene, values, budget.share(len(changes) - done))
            for done, (change, values) in enumerate(changes.items())
        }


class DiceTab:
    """The handlers. Built on those of the Generate tab, whose session and controls they read.

    Attributes:
        clock: counts seconds.
    """

    def __init__(self, tab: GenerateTab, clock: Callable[[], float] = time.monotonic) -> None:
        self.tab = tab
        self.clock = clock

    def scene(self, session: Session, controls: Values) -> Scene | None:
        """What is on show; None before the first token. Raises OutOfRangeError."""
        trace, index = session.trace, session.inspected
        if index < 0:
            return None
        look = self.tab.look(session, controls)
        settings = controls.settings(self.tab.speller(session))
        return Scene(trace, index, settings, controls.order, controls.do_sample, look)

    @reported()
    def ask(self, mine: DiceSession, session: Session, event: gr.EventData, cut: Any, shown: Any, *values: Any) -> str:
        """The page has these panels on screen: their numbers, from the stored logits."""
        wanted = [str(name) for name in event.picked] if isinstance(event.picked, list) else []
        return self.panels(mine, session, wanted, cut, shown, values)

    @reported()
    def redraw_map(self, mine: DiceSession, session: Session, cut: Any, shown: Any, *values: Any) -> str:
        """Another cut-off, or another measure, for the map."""
        return self.panels(mine, session, ["survival_map"], cut, shown, values)

    @reported()
    def compare_on(
        self, mine: DiceSession, session: Session, event: gr.EventData, cut: Any, shown: Any, *values: Any
    ) -> str:  # fmt: skip
        """The person asks for the rest of a comparison for which the time was too short."""
        if event.picked != dice_frames.COMPARE_ON:
            return gr.skip()  # type: ignore[no-any-return]
        return self.panels(mine, session, ["same_dice"], cut, shown, values)

    @reported()
    def resync(self, mine: DiceSession, session: Session, cut: Any, shown: Any, *values: Any) -> str:
        return self.panels(mine, session, list(PANELS), cut, shown, values)

    def panels(
        self, mine: DiceSession, session: Session, wanted: list[str], cut: Any, shown: Any, values: tuple[Any, ...]
    ) -> str:  # fmt: skip
        channels: dict[str, object] = {}
        mine.asked = tuple(wanted)
        try:
            scene = self.scene(session, Values.of(values))
            if scene is None:
                return frame(dice_frames.blank(wanted, self.tab.t))
            if scene.step.row.told is not None:  # every one of these pictures needs whole rows
                return frame(dice_frames.blank(wanted, self.tab.t, frames.untold(scene.step.row.told, self.tab.t)))
            if not _is_open(scene):
                return gr.skip()  # type: ignore[no-any-return]  # the last good picture stays
            if "race" in wanted:
                channels |= dice_frames.race_panel(scene)
            if "same_dice" in wanted:
                partings = mine.partings(scene, Budget(PATIENCE, self.clock))
                knobs_over = Budget(PATIENCE, self.clock).share()
                channels |= dice_frames.same_dice_panel(scene, partings, knobs_over)
            if "survival_map" in wanted:
                measure = cast(Shown, shown if shown in get_args(Shown) else "tokens")
                channels |= dice_frames.survival_panel(scene, cut if cut in CUTS else CUTS[0], measure)
            if "mass_flow" in wanted:
                channels |= dice_frames.mass_panel(scene)
            settings: list[Parameter | ListParameter] = [*PARAMETERS, *LISTS.values()]
            asked = [p for p in settings if f"help:{p.name}" in wanted]
            if asked:
                channels["dice.help"] = {p.name: knob_help(p, scene) for p in asked}
        except PlaygroundError:
            return gr.skip()  # type: ignore[no-any-return]  # the charts above say what is wrong
        return frame(channels) if channels else gr.skip()

    def turn(self, mine: DiceSession, session: Session, event: gr.EventData, *values: Any) -> str:
        """A place on a picture was clicked: the values of all knobs for their bank, with the new."""
        picked = event.picked
        mine.wants_branch = isinstance(picked, str) and picked.startswith("go:")
        wanted: dict[str, float] = {}
        if isinstance(picked, str):
            name, _, value = picked.removeprefix("go:").partition("=")
            if value:
                wanted[name] = float(value)
        elif isinstance(picked, list) and len(picked) == 3:
            wanted = {"temperature": picked[0], str(picked[1]): picked[2]}
        elif isinstance(picked, list) and len(picked) == 2:
            wanted = {str(picked[0]): picked[1]}
        settings = {**Values.of(values).parameters, **wanted}
        return bank_value(
            {p.name: p.check(settings[p.name]) if p.name in wanted else settings[p.name] for p in PARAMETERS}
        )

    @property
    def t(self) -> Translator:
        return self.tab.t

    def failed(self, session: DiceSession | Session, words: str, ends_run: bool) -> Mapping[str, object]:
        """Of a run, as the tab says it; of the panels, below each that was asked for, which is left empty."""
        if isinstance(session, Session):
            return self.tab.failed(session, words, ends_run)
        return dice_frames.blank(session.asked, self.t, words)

    @reported(ends_run=True)
    def part(self, session: Session, mine: DiceSession, *values: Any) -> Iterator[Update]:
        """Go on where a run under these settings, with the same dice, leaves the one on the page."""
        if not mine.wants_branch:
            return
        mine.wants_branch = False
        session.stop()
        tab, controls, backend = self.tab, Values.of(values), self.tab.slot.get()
        if session.model_name != backend.info.name:
            words = tab.t("notice.other_model", recorded=session.model_name, loaded=backend.info.name)
            yield frame({"notice": wording.notice(words, "bad")})
            return
        scene = self.scene(session, controls)
        if scene is None:
            return
        over = Budget(PATIENCE, self.clock).share()
        found = mine.parting(scene, dict(scene.values), over)
        if found.index is None or found.theirs is None:
            is_whole = found.index is not None or found.steps == len(scene.trace.steps)
            nowhere = (
                tab.t("dice.same.no_parting")
                if is_whole
                else tab.t("dice.same.not_yet", steps=found.steps, total=len(scene.trace.steps))
            )
            yield frame({"notice": wording.notice(nowhere)})
            return
        trace: Trace = carried_over(scene.trace, found.index, scene.processors(scene.values))
        request, words = tab.request(controls, backend, trace.request.prompt_ids)
        strategy, stop = cast(Sampling, trace.request.strategy), request.strategy.stop
        ended = ended_by(trace, stop)
        if ended is not None:
            yield frame({"notice": wording.notice(tab.t("dice.same.ended", number=ended + 1))})
            return
        request = replace(request, strategy=replace(strategy, stop=stop))
        yield from tab.stream(
            session, controls, backend, replace(trace, request=request), words or tab.t("dice.same.gone",
            number=found.index + 1), request, pinned=found.index,
        )  # fmt: skip


def _is_open(scene: Scene) -> bool:
    """Whether the settings leave anything to choose from at the inspected step."""
    stages = scene.stages()
    return not stages or stages[-1].outgoing.kept > 0
