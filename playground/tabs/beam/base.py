"""What all handlers of the Beam search tab need: how its session, its controls and its recorded search are read."""

from typing import TYPE_CHECKING, Any

from playground.catalog import FOR_BEAMS
from playground.decoding.beam_steps import Hypothesis
from playground.decoding.beam_trace import BeamTrace
from playground.engines import prompts
from playground.engines.huggingface import context
from playground.engines.loading import ModelSlot
from playground.i18n import Translator, say
from playground.panels import wording
from playground.panels.beam import frames
from playground.panels.beam.frames import BeamLook
from playground.tabs import links, state_line
from playground.tabs.beam.controls import BeamValues, options, start_of
from playground.tabs.beam.examples import BeamExample
from playground.tabs.beam.session import BeamSession
from playground.tabs.brought import TALES, Brought
from playground.tabs.state_line import settings_of_search
from playground.tabs.visitor import Asks
from playground.views.beam_tree import BeamTree
from playground.vocabulary import Vocabulary

if TYPE_CHECKING:
    from playground.engines.protocol import Engine

Update = str  # a frame for the bus


def first_values(t: Translator, first: BeamExample) -> BeamValues:
    """What the controls say when the page opens with an example: the settings of the recorded search."""
    starts = {option.name: start_of(option, t) for option in options()}
    return BeamValues(
        first.prompt, first.strategy, first.length, 0, "aloud", starts | first.options,
        {p.name: first.processors.get(p.name, p.neutral) for p in FOR_BEAMS},
    )  # fmt: skip


class BeamBase:
    """Holds what all visitors share: the model, the recorded search and the language."""

    def __init__(
        self, slot: ModelSlot, first: tuple[BeamTrace, Hypothesis | None], first_vocabulary: Vocabulary, t: Translator,
        brought: Brought = TALES,
    ) -> None:  # fmt: skip
        """A search without a step is none: nothing was recorded with this model."""
        self.slot = slot
        self.brought = brought
        self.first, self.first_greedy = first
        self.first_vocabulary = first_vocabulary
        self.first_tree = BeamTree.of(self.first, first_vocabulary) if self.first.steps else BeamTree()
        self.t = t

    def new_session(self) -> BeamSession:
        name = self.brought.made_with or self.slot.display_name
        session = BeamSession(self.first, self.first_tree, name, self.first_greedy, self.first_example.key)
        if self.first.steps:
            session.is_recorded = True
            session.made = settings_of_search(first_values(self.t, self.first_example))
        return session

    @property
    def first_example(self) -> BeamExample:
        """The example that a visitor meets."""
        return self.brought.searches[0]

    def renew(self, session: BeamSession) -> None:
        """As in the Generate tab."""
        session.stop()
        fresh = self.new_session()
        session.restore(fresh.snapshot())
        session.waiting |= fresh.waiting
        session.lesson, session.is_stopped, session.told = fresh.lesson, False, {}
        session.asks = Asks()

    def look(self, session: BeamSession) -> BeamLook:
        return BeamLook(self.t, self.first_vocabulary if session.is_recorded else self.slot.get().vocabulary)

    def failed(self, session: BeamSession, words: str, ends_run: bool) -> dict[str, object]:
        return {"beam.notice": wording.notice(words, "bad")}

    def recorded_badge(self) -> dict[str, object]:
        """What the recorded search is: of the loaded model, or of another than is on its way (or has failed)."""
        if not self.first.steps:
            return wording.notice("")
        if self.slot.display_name == self.brought.made_with:
            return wording.badge(self.t("beam.badge.recorded"), "wait")
        words = self.t("beam.badge.recorded_with", recorded=self.brought.made_with, name=self.slot.display_name)
        return wording.badge(words, "wait")

    def heard(self, session: BeamSession, values: tuple[Any, ...]) -> None:
        said = BeamValues.of(values)
        session.controls = settings_of_search(said)
        if session.is_recorded and not session.model and said == first_values(self.t, self.first_example):
            session.asks = Asks()  # the page as everybody meets it
            return
        model = self.slot.name
        session.asks = links.asks(lambda: said.setup(model), {"speed": said.speed}, "beam", {}, session.asks)

    def standing(self, session: BeamSession) -> dict[str, object]:
        """How the search stands: what its buttons say, what made it, what has changed since."""
        t, state = self.t, session.state
        made = state_line.line(state, ((0, session.made),), session.controls, t, [])
        said = links.notice(session.link_words, t)
        is_ended = made["kind"] == "ended" and not session.is_recorded and session.trace.best is not None
        at = None if session.pinned is None or not session.asks.run else session.pinned - 1
        address = links.address(session.asks, at, self.best_ids(session) if is_ended else None)
        return {"beam.made": made, "beam.link": said, "beam.address": address, **state_line.buttons(state, t, "beam.")}

    def best_ids(self, session: BeamSession) -> tuple[int, ...]:
        """Of the winner of a search that has ended."""
        best = session.trace.best
        return () if best is None else best.token_ids

    def first_frame(self) -> dict[str, object]:
        """Every panel filled with the recorded search, before anybody presses a button."""
        look = BeamLook(self.t, self.first_vocabulary)
        last = len(self.first.steps) - 1
        alpha = self.first.length_penalty
        return {
            **self.standing(self.new_session()),
            **frames.whole(self.first, self.first_tree, last, self.first_greedy, None, alpha, look),
            "beam.badge": self.recorded_badge(),
            "beam.notice": wording.notice(""),
            "beam.lesson": {
                "parts": [self.t(f"beam.example.{self.first_example.key}.notice")] if self.first.steps else []
            },
        }

    def shown(self, session: BeamSession) -> dict[str, object]:
        """All panels of what the session has on the page."""
        trace = session.trace
        alpha = trace.length_penalty if session.alpha is None else session.alpha
        look = self.look(session)
        return frames.whole(trace, session.tree, session.inspected, session.greedy, session.picked, alpha, look)

    def looked_back(self, session: BeamSession) -> dict[str, object]:
        """Tables, pool and sentence as they stood at the step on show; nothing where there is none."""
        if session.inspected < 0:
            return {}
        trace, tree, look = session.trace, session.tree, self.look(session)
        headline = frames.headline(trace, tree, session.inspected, session.greedy, look)
        return frames.step_panels(trace, tree, session.inspected, session.greedy, look) | {"beam.headline": headline}

    def request(self, session: BeamSession, values: BeamValues, backend: "Engine") -> tuple[BeamTrace, str]:
        """What the controls ask for, its length cut to what fits, and a word on that. Raises PlaygroundErrors."""
        values.kind.check_engine(backend, say("beam.tab"))
        dialogue, rendered = values.dialogue, None
        if dialogue is None:
            ids = prompts.prompt(values.prompt, backend, not session.leaves_end_off)
        else:
            ids, rendered = prompts.turns(dialogue, backend)
        room = context.room(backend.model.context_length, ids)
        wanted, words = values.max_new_tokens(), ""
        if wanted > room:
            reason = self.t("notice.context", limit=backend.model.context_length)
            words = self.t("notice.shortened", tokens=room, reason=reason)
        elif not values.prompt and rendered is None:
            words = self.t("notice.empty_prompt", token=backend.vocabulary.label(ids[0]))
        read = values.prompt if dialogue is None else " ".join(turn.content for turn in dialogue.turns)
        words = f"{prompts.dropped_note(read, backend, self.t)} {words}".strip()
        return BeamTrace(ids, values.strategy(backend), min(wanted, room), rendered=rendered), words
