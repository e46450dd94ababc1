"""What all handlers of the Generate tab need: how its session, its controls and its recorded run are read."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from playground import catalog
from playground.catalog import ORDERS, PARAMETERS
from playground.decoding.dialogue import Rendered
from playground.decoding.trace import GenerationRequest, Trace, longest_run
from playground.engines import prompts
from playground.engines.huggingface import context
from playground.engines.loading import ModelSlot
from playground.engines.prompts import speller_of
from playground.engines.protocol import check_told
from playground.examples import Example
from playground.i18n import Translator
from playground.lists import LISTS
from playground.panels import wording
from playground.panels.generate import frames, tour
from playground.panels.generate.frames import Look
from playground.runs.links import query_of_choices
from playground.runs.setup import Setup
from playground.tabs import links, state_line
from playground.tabs.brought import TALES, Brought
from playground.tabs.generate import written_fields
from playground.tabs.generate.controls import Values
from playground.tabs.generate.session import Session
from playground.tabs.state_line import Parts, settings_of_text
from playground.tabs.visitor import Asks
from playground.views.notation import UNITS
from playground.vocabulary import Vocabulary
from playground.written import Speller

if TYPE_CHECKING:
    from playground.engines.protocol import Engine

Update = str  # a frame for the bus


def values_of(example: Example) -> Values:
    """What the controls say when an example has filled them, and when the page opens with it."""
    return Values(
        example.prompt, "sample" if example.do_sample else "greedy", example.seed, example.max_new_tokens,
        "lively", "nats", ORDERS["transformers"],
        {p.name: example.values.get(p.name, p.neutral) for p in PARAMETERS}, dict.fromkeys(LISTS, ""),
    )  # fmt: skip


class GenerateBase:
    """Holds what all visitors share: the model, the recorded run and the language."""

    def __init__(
        self, slot: ModelSlot, first_run: Trace, first_vocabulary: Vocabulary, t: Translator, brought: Brought = TALES
    ) -> None:
        """A `first_run` without a step is none: nothing was recorded with this model."""
        self.slot = slot
        self.brought = brought
        self.first_run = first_run
        self.first_vocabulary = first_vocabulary
        self.t = t

    def new_session(self) -> Session:
        session = Session(self.first_run, self.brought.made_with or self.slot.display_name)
        session.lesson = self.first.key
        if self.first_run.steps:
            session.pinned = self.first.inspect
            session.is_recorded = True
            session.ways = ((0, settings_of_text(values_of(self.first))),)
        return session

    @property
    def first(self) -> Example:
        """The example that a visitor meets."""
        return self.brought.examples[0]

    def renew(self, session: Session) -> None:
        """The session comes to this model from another one: what is on the page becomes what this one brings."""
        session.stop()
        fresh = self.new_session()
        session.restore(fresh.snapshot())
        session.past.clear()
        session.future.clear()
        session.waiting |= fresh.waiting
        session.lesson, session.is_stopped, session.told = fresh.lesson, False, {}
        session.asks = Asks()

    def look(self, session: Session, values: Values) -> Look:
        """How to show the session's trace under the controls. Raises OutOfRangeError."""
        speller = self.speller(session)
        return Look(values.processors(speller), values.unit, self.t, speller.vocabulary, values.sliders())

    def speller(self, session: Session) -> Speller:
        """What the session's text is spelt with: the recorded run needs no model for it."""
        return written_fields.shipped(self.first_vocabulary) if session.is_recorded else speller_of(self.slot.get())

    def failed(self, session: Session, words: str, ends_run: bool) -> dict[str, object]:
        return {"notice": wording.notice(words, "bad")}

    def recorded_badge(self) -> dict[str, object]:
        """What the recorded run is: a run of the loaded model, or of another one than is on its way (or has failed)."""
        if not self.first_run.steps:
            return wording.notice("")
        if self.slot.display_name == self.brought.made_with:
            return wording.badge(self.t("badge.recorded"), "wait")
        words = self.t("badge.recorded_with", recorded=self.brought.made_with, name=self.slot.display_name)
        return wording.badge(words, "wait")

    def heard(self, session: Session, values: tuple[Any, ...]) -> None:
        said = Values.of(values)
        session.controls = settings_of_text(said)
        is_met = session.is_recorded and not session.model and session.pinned == self.first.inspect
        if is_met and said == values_of(self.first):
            session.asks = Asks()  # the page as everybody meets it
            return
        plain, views = replace(said, texts={}), {"speed": said.speed, "unit": said.unit_name}
        model = self.slot.name

        def setup() -> Setup:
            seed = catalog.check_seed(plain.seed)  # type: ignore[arg-type]
            length, asked = plain.max_new_tokens(), plain.asked()
            return Setup(plain.mode, plain.parameters, seed, length, plain.order, **asked, model=model)

        session.asks = links.asks(setup, views, "generate", said.texts, session.asks)

    def standing(self, session: Session) -> dict[str, object]:
        """How the run stands: what its buttons say, what made the text, what has changed since."""
        t, state = self.t, session.state
        undo: Parts = [{"text": t("made.undo"), "kind": "action", "action": "undo"}] if session.past else []
        redo: Parts = [{"text": t("made.redo"), "kind": "action", "action": "redo"}] if session.future else []
        is_answer = session.trace.request.rendered is not None and state in ("ended", "paused", "stopped")
        reply: Parts = [{"text": t("made.reply"), "kind": "action", "action": "reply"}] if is_answer else []
        made = state_line.line(state, session.ways, session.controls, t, reply + undo + redo)
        is_led = len(session.ways) > 1
        is_ended = made["kind"] == "ended" and not session.is_recorded and not is_led
        at = session.pinned if session.asks.run and session.trace.steps else None
        asked = session.asks
        if is_ended:
            asked = asked._replace(run="&".join(part for part in (asked.run, self.choices(session)) if part))
        return {
            "made": made,
            "link": links.notice(session.link_words, t),
            "address": links.address(asked, at, session.trace.token_ids if is_ended else None),
            **state_line.buttons(state, t),
        }

    def choices(self, session: Session) -> str:
        """The tokens that were chosen by hand, as a part of an address."""
        chosen = [(step.index + 1, step.choice.token_id) for step in session.trace.steps if step.choice.by == "hand"]
        return query_of_choices(chosen)

    def first_frame(self) -> dict[str, object]:
        """Every panel filled with the recorded run, before anybody presses a button and before a model is loaded."""
        steps, unit = self.first_run.steps, next(iter(UNITS.values()))
        processors = steps[0].processors if steps else ()
        look = Look(processors, unit, self.t, self.first_vocabulary, values_of(self.first).sliders())
        return {
            **frames.whole(self.first_run, self.first.inspect, True, look),
            **({} if steps else frames.blank(look)),
            **self.standing(self.new_session()),
            "badge": self.recorded_badge(),
            "notice": wording.notice(""),
            "tour": tour.READY if steps else tour.NONE,
            "lesson": {"parts": [self.t(f"example.{self.first.key}.notice")] if steps else []},
            "model": {"parts": [self.t("model.loading", name=self.slot.display_name)], "kind": "wait"},
        }

    def asked(self, session: Session, values: Values, backend: "Engine") -> tuple[GenerationRequest, str]:
        """The request of these controls, as of `request`. Raises EmptyPromptError, UnknownTextError,
        PromptTooLongError, NoChatTemplateError, InvalidArgumentError."""
        dialogue = values.dialogue
        if dialogue is None:
            return self.request(values, backend, prompts.prompt(values.prompt, backend, not session.leaves_end_off))
        return self.request(values, backend, *prompts.turns(dialogue, backend))

    def request(
        self, values: Values, backend: "Engine", ids: tuple[int, ...], rendered: Rendered | None = None
    ) -> tuple[GenerationRequest, str]:
        """The request of these controls after a prompt, its length cut to what fits, and a word on that."""
        wanted = values.max_new_tokens()
        context_length = backend.model.context_length
        values.kind.check_engine(backend)
        strategy = values.strategy(speller_of(backend))
        check_told(backend, strategy)
        rows = 2 if strategy.guidance else 1  # the logits after the negative prompt are kept too
        negative = strategy.guidance.negative_prompt(ids) if strategy.guidance else ()
        room, memory = context.room(context_length, ids, negative), longest_run(backend.model, rows)
        words = ""
        if wanted > min(room, memory):
            reason = (
                self.t("notice.context", limit=context_length)
                if room <= memory
                else self.t("notice.memory", limit=memory)
            )
            words = self.t("notice.shortened", tokens=min(room, memory), reason=reason)
        elif not values.prompt and rendered is None and ids == backend.model.eos_ids[:1]:
            words = self.t("notice.empty_prompt", token=backend.vocabulary.label(ids[0]))
        if backend.can.told is not None:
            words = f"{words} {self.t('notice.told', name=backend.info.name, told=backend.can.told)}".strip()
        read = values.prompt if rendered is None else " ".join(turn.content for turn in rendered.dialogue.turns)
        words = f"{prompts.dropped_note(read, backend, self.t)} {words}".strip()
        return GenerationRequest(ids, strategy, min(wanted, room, memory), rendered=rendered), words

    def shown(self, session: Session, look: Look) -> dict[str, object]:
        """All panels of what the session has on the page; with a badge only for the recorded run."""
        trace = session.trace
        badge = self.recorded_badge() if trace is self.first_run else wording.notice("")
        empty = {} if trace.steps else frames.blank(look)
        return {
            **frames.whole(trace, session.inspected, session.pinned is not None, look), **empty, "badge": badge,
        }  # fmt: skip

    def inspected(self, session: Session, controls: Values) -> dict[str, object]:
        """The panels of the inspected step. Raises OutOfRangeError."""
        trace, index = session.trace, session.inspected
        if index < 0:
            return {}
        look, is_pinned = self.look(session, controls), session.pinned is not None
        return {
            **frames.looked_at(index, is_pinned),
            **frames.step_panels(trace, index, is_pinned, look),
            **frames.along_the_text(trace, index, look),
        }
