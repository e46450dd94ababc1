"""The handlers of the Generate tab: what happens when a person runs, steps, stops, branches, looks."""

import json
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from functools import wraps
from typing import TYPE_CHECKING, Any

import gradio as gr

from playground import engine
from playground.backends.loading import ModelSlot
from playground.catalog import ORDERS, PARAMETERS
from playground.components.knob_bank import bank_value
from playground.components.live_bus import frame
from playground.decoding.sampling import Sampling
from playground.decoding.trace import GenerationRequest, Trace, longest_run
from playground.errors import EmptyPromptError, PlaygroundError, PromptTooLongError
from playground.examples import EXAMPLES, Example
from playground.i18n import Translator
from playground.lists import LISTS
from playground.settings import DEFAULT_MODEL_NAME
from playground.tabs import frames, retokenization, wording, written_fields
from playground.tabs.chart_clock import PARTS, ChartClock
from playground.tabs.controls import Values
from playground.tabs.frames import Look
from playground.tabs.session import Session
from playground.tabs.written_fields import speller_of
from playground.views.code import transformers_code
from playground.views.notation import UNITS
from playground.vocabulary import Vocabulary
from playground.written import Speller

if TYPE_CHECKING:
    from playground.backends.huggingface import Backend

FRAME_SECONDS = 0.04  # 25 frames a second: more can't be told apart, and a slow page falls behind
Update = str  # a frame for the bus


def reported(handler: Callable[..., Iterator[Update]]) -> Callable[..., Iterator[Update]]:
    """What a person can mend is said in the page, and the picture stays; everything else is raised."""

    @wraps(handler)
    def guarded(self: "GenerateTab", session: Session, *rest: Any) -> Iterator[Update]:
        try:
            yield from handler(self, session, *rest)
        except PlaygroundError as error:
            session.stop()
            yield frame({"notice": wording.notice(error.message(), "bad"), **self.pause_button(False)})

    return guarded


class GenerateTab:
    """The handlers of the tab. Holds what all visitors share: the model, the recorded run and the language."""

    def __init__(self, slot: ModelSlot, first_run: Trace, first_vocabulary: Vocabulary, t: Translator) -> None:
        self.slot = slot
        self.first_run = first_run
        self.first_vocabulary = first_vocabulary
        self.t = t

    # ---- what every handler needs ---------------------------------------------------------------------------

    def new_session(self) -> Session:
        session = Session(self.first_run, DEFAULT_MODEL_NAME)
        session.pinned = EXAMPLES[0].inspect
        session.is_recorded = True
        return session

    def look(self, session: Session, values: Values) -> Look:
        """How to show the session's trace under the controls. Raises OutOfRangeError."""
        speller = self.speller(session)
        return Look(values.processors(speller), values.unit, self.t, speller.vocabulary)

    def speller(self, session: Session) -> Speller:
        """What the session's text is spelt with: the recorded run needs no model for it."""
        return written_fields.shipped(self.first_vocabulary) if session.is_recorded else speller_of(self.slot.get())

    def pause_button(self, is_paused: bool) -> dict[str, object]:
        return {"pause": {"text": self.t("button.resume" if is_paused else "button.pause")}}

    def first_frame(self) -> dict[str, object]:
        """Every panel filled with the recorded run, before anybody presses a button and before a model is loaded."""
        strategy = self.first_run.steps[0]
        look = Look(strategy.processors, next(iter(UNITS.values())), self.t, self.first_vocabulary)
        return {
            **frames.whole(self.first_run, EXAMPLES[0].inspect, True, look),
            "badge": wording.badge(self.t("badge.recorded"), "wait"),
            "notice": wording.notice(""),
            "lesson": {"parts": [self.t(f"example.{EXAMPLES[0].key}.notice")]},
            "model": {"parts": [self.t("model.loading", name=self.slot.display_name)], "kind": "wait"},
        }

    def prompt_ids(self, prompt: str, backend: "Backend") -> tuple[int, ...]:
        """Raises EmptyPromptError, PromptTooLongError."""
        ids = backend.tokenizer.encode(prompt) or backend.model.eos_ids[:1]
        if not ids:
            raise EmptyPromptError()
        if len(ids) >= backend.model.context_length:
            raise PromptTooLongError(tokens=len(ids), limit=backend.model.context_length - 1)
        return ids

    def request(
        self, values: Values, backend: "Backend", prompt_ids: tuple[int, ...] | None = None
    ) -> tuple[GenerationRequest, str]:
        """The request of these controls (or of another prompt), its length cut to what fits, and a word on that."""
        ids = prompt_ids or self.prompt_ids(values.prompt, backend)
        wanted = values.max_new_tokens()
        vocab_size, context_length = backend.model.vocab_size, backend.model.context_length
        strategy = values.strategy(speller_of(backend))
        rows = 2 if strategy.guidance else 1  # the logits after the negative prompt are kept too
        negative = strategy.guidance.negative_prompt(ids) if strategy.guidance else ()
        if len(negative) >= context_length:
            raise PromptTooLongError(tokens=len(negative), limit=context_length - 1)
        room, memory = context_length - max(len(ids), len(negative)), longest_run(vocab_size, rows)
        words = ""
        if wanted > min(room, memory):
            reason = (
                self.t("notice.context", limit=context_length)
                if room <= memory
                else self.t("notice.memory", limit=memory, vocab_size=vocab_size)
            )
            words = self.t("notice.shortened", tokens=min(room, memory), reason=reason)
        elif not values.prompt and ids == backend.model.eos_ids[:1]:
            words = self.t("notice.empty_prompt", token=backend.vocabulary.label(ids[0]))
        return GenerationRequest(ids, strategy, min(wanted, room, memory)), words

    def goes_on(self, session: Session, request: GenerationRequest, backend: "Backend") -> bool:
        """Whether the trace on the page is the beginning of this request."""
        same_model = session.model_name == backend.info.name
        return same_model and session.trace.request.prompt_ids == request.prompt_ids

    # ---- streaming ---------------------------------------------------------------------------------------------

    @reported
    def run(self, session: Session, *values: Any) -> Iterator[Update]:
        """Run: a new text from the prompt."""
        session.stop()
        controls, backend = Values.of(values), self.slot.get()
        request, words = self.request(controls, backend)
        session.pinned = None
        if not any(e.key == session.lesson and e.prompt == controls.prompt for e in EXAMPLES):
            yield frame({"lesson": {"parts": []}})  # it spoke of another text
        yield from self.stream(session, controls, backend, Trace(request), words)

    @reported
    def run_example(self, session: Session, *values: Any) -> Iterator[Update]:
        """A new text that ends with its telling token under inspection."""
        yield from self.run(session, *values)
        example = next(e for e in EXAMPLES if e.key == session.lesson)
        if session.trace.finish_reason and not session.is_running and session.pinned is None:
            session.pinned = min(example.inspect, len(session.trace.steps) - 1)
            yield frame(self.inspected(session, Values.of(values)))

    @reported
    def step(self, session: Session, *values: Any) -> Iterator[Update]:
        """Step: one token more, or the first of a new text if the prompt is another."""
        yield from self.go_on(session, Values.of(values), single=True)

    @reported
    def pause(self, session: Session, *values: Any) -> Iterator[Update]:
        """Pause a run; resume one that waits."""
        if session.is_running:
            session.stop()
            session.is_auto = False
            words = self.t("notice.paused", tokens=len(session.trace.steps))
            yield frame({"notice": wording.notice(words), **self.pause_button(True)})
            return
        yield from self.go_on(session, Values.of(values), single=False)

    @reported
    def stop(self, session: Session, *values: Any) -> Iterator[Update]:
        """Stop: no token more."""
        if session.is_running:
            session.stop()
            session.is_auto = False
            words = self.t("notice.stopped", tokens=len(session.trace.steps))
            yield frame({"notice": wording.notice(words), **self.pause_button(True)})

    @reported
    def back(self, session: Session, *values: Any) -> Iterator[Update]:
        """Back: take the last token back."""
        session.stop()
        session.is_auto = False
        if not session.trace.steps:
            yield frame({"notice": wording.notice(self.t("notice.nothing_to_undo"))})
            return
        session.trace = session.trace.rewound(len(session.trace.steps) - 1)
        session.pinned = None
        look = self.look(session, Values.of(values))
        channels = frames.whole(session.trace, session.inspected, False, look)
        cleared = {"notice": wording.notice(""), "badge": wording.notice("")}
        yield frame({**channels, **cleared, **self.pause_button(True)})

    @reported
    def branch(self, session: Session, event: gr.EventData, *values: Any) -> Iterator[Update]:
        """A bar was clicked: take that token at the inspected step, by id, and go on from there."""
        index, token_id = session.inspected, int(event.picked)
        if index < 0:
            return
        was_auto = session.is_running or (session.is_auto and session.trace.finish_reason is not None)
        session.stop()
        controls, backend = Values.of(values), self.slot.get()
        if session.model_name != backend.info.name:
            words = self.t("notice.other_model", recorded=session.model_name, loaded=backend.info.name)
            yield frame({"notice": wording.notice(words, "bad")})
            return
        # the text on the page is steered, even if the prompt field has another one by now
        request, words = self.request(controls, backend, session.trace.request.prompt_ids)
        begun = replace(session.trace.request, strategy=request.strategy)  # its stop strings may be new
        trace = replace(session.trace, request=begun).branched(index, token_id, backend.model.eos_ids)
        ids = trace.request.prompt_ids + trace.token_ids
        words = words or retokenization.alarm(ids, backend, controls.unit, self.t)
        session.pinned = None
        if was_auto and trace.finish_reason is None:
            yield from self.stream(session, controls, backend, trace, words, request)
            return
        session.trace = trace
        session.is_auto = False
        channels = frames.whole(trace, session.inspected, False, self.look(session, controls))
        cleared = {"notice": wording.notice(words), "badge": wording.notice("")}
        yield frame({**channels, **cleared, **self.pause_button(True)})

    def go_on(self, session: Session, controls: Values, single: bool) -> Iterator[Update]:
        """Continue the text on the page, or begin a new one where the prompt (or the model) is another."""
        session.stop()
        backend = self.slot.get()
        request, words = self.request(controls, backend)
        trace = session.trace if self.goes_on(session, request, backend) else Trace(request)
        trace = trace.unstopped(getattr(request.strategy, "stop", None))
        if trace.finish_reason in ("stop", "stop_string"):
            label = backend.vocabulary.label(trace.token_ids[-1])
            yield frame({"notice": wording.notice(self.t("notice.ended", token=label)), **self.pause_button(False)})
            return
        if len(trace.steps) >= request.max_new_tokens:
            words = words or self.t("notice.full", tokens=len(trace.steps))
            yield frame({"notice": wording.notice(words), **self.pause_button(False)})
            return
        session.pinned = None
        yield from self.stream(session, controls, backend, trace, words, request, single)

    def stream(
        self, session: Session, controls: Values, backend: "Backend", trace: Trace, words: str,
        request: GenerationRequest | None = None, single: bool = False,
    ) -> Iterator[Update]:  # fmt: skip
        """Take tokens after `trace` and show each, until the end or until something else is begun in this session."""
        request = request or trace.request
        before = session.snapshot()
        session.trace, session.model_name = trace, backend.info.name
        session.is_recorded = session.is_recorded and bool(trace.steps)
        session.is_auto = not single
        run = session.begin()
        session.unit = None
        look = self.look(session, controls)
        yield frame(
            {
                **frames.whole(trace, session.inspected, False, look),
                "notice": wording.notice(words),
                "badge": wording.notice(""),
                **({} if single else self.pause_button(False)),
            }
        )
        speed = None if single else controls.tokens_per_second
        traces = engine.generate(backend.model, request, trace)
        wanted = engine.paced(traces, speed, lambda: session.is_current(run))
        shown, trace_at_start = len(trace.steps), trace
        taken, drawn, clock = trace, trace, ChartClock(is_paced=speed is not None)
        try:
            for trace in engine.latest_every(FRAME_SECONDS, wanted):
                if not session.take(run, trace):
                    break
                taken, now = trace, time.monotonic()
                parts = clock.due(now, trace.finish_reason is not None)
                drawn = trace if parts == PARTS else drawn
                look = replace(look, unit=session.unit or look.unit)
                channels = self.progress(session, shown, look, parts)
                if trace.finish_reason == "stop_string" and isinstance(request.strategy, Sampling):
                    assert request.strategy.stop
                    channels["notice"] = wording.stopped(trace, request.strategy.stop, self.t)
                update = frame(channels)
                clock.made(parts, now, time.monotonic() - now)
                if not session.is_current(run):
                    break  # taken back, or begun anew, while the frame was made
                yield update
                shown = len(trace.steps)
                if single:
                    break
            if drawn is not taken and session.trace is taken:  # stopped between two drawings
                yield frame(self.progress(session, shown, look, PARTS))
        except PlaygroundError:
            if session.trace is trace_at_start:  # not one token came of it: the last good picture comes back
                session.restore(before)
                look = self.look(session, controls)
                yield frame(frames.whole(session.trace, session.inspected, session.pinned is not None, look))
            raise
        finally:
            wanted.close()  # type: ignore[attr-defined]  # engine.paced is a generator
            session.end(run)
        if not session.is_running:
            yield frame(self.pause_button(session.trace.finish_reason is None))

    def progress(self, session: Session, shown: int, look: Look, parts: Collection[str]) -> dict[str, object]:
        """The new tokens, and those parts of the charts: of the newest step, or only the text's if one is pinned."""
        trace, inspected = session.trace, session.inspected
        channels: dict[str, object] = {"strip": frames.strip(trace, shown, inspected, look)}
        if "choice" in parts and session.pinned is None:
            channels |= frames.choice_panels(trace, inspected, False, look)
        if "temperature" in parts and session.pinned is None:
            channels |= frames.softened(trace, inspected, look)
        if "trajectory" in parts:
            channels |= frames.along_the_text(trace, inspected, look)
        return channels

    # ---- looking, without a forward pass -------------------------------------------------------------------

    def inspect(self, session: Session, event: gr.EventData, *values: Any) -> str:
        """A token was clicked: hold the view there; a second click lets it go."""
        index = int(event.picked)
        if not 0 <= index < len(session.trace.steps):
            return gr.skip()  # type: ignore[no-any-return]
        session.pinned = None if session.pinned == index else index
        return self.redraw(session, *values)

    def follow(self, session: Session, *values: Any) -> str:
        """Let the view follow the newest token again."""
        session.pinned = None
        return self.redraw(session, *values)

    def redraw(self, session: Session, *values: Any) -> str:
        """A setting was moved: the inspected step again, from its stored logits."""
        try:
            return frame({**self.inspected(session, Values.of(values)), "notice": wording.notice("")})
        except PlaygroundError as error:
            return frame({"notice": wording.notice(error.message(), "bad")})

    def change_unit(self, session: Session, *values: Any) -> str:
        """Another unit: every number on the page, those of the strip included."""
        session.unit = Values.of(values).unit  # a run that goes on takes it up
        try:
            look = self.look(session, Values.of(values))
        except PlaygroundError as error:
            return frame({"notice": wording.notice(error.message(), "bad")})
        trace = session.trace
        channels = frames.whole(trace, session.inspected, session.pinned is not None, look)
        while session.trace is not trace:  # a run went on meanwhile: not one token of it may be taken back
            trace = session.trace
            channels["strip"] = frames.strip(trace, 0, session.inspected, look)
        return frame(channels)

    def resync(self, session: Session, *values: Any) -> str:
        """The page has missed something: all of it again."""
        return self.change_unit(session, *values)

    def inspected(self, session: Session, controls: Values) -> dict[str, object]:
        """The panels of the inspected step. Raises OutOfRangeError."""
        trace, index = session.trace, session.inspected
        if index < 0:
            return {}
        look, is_pinned = self.look(session, controls), session.pinned is not None
        panels = {
            **frames.step_panels(trace, index, is_pinned, look),
            **frames.along_the_text(trace, index, look),
        }
        # last, because a run may have gone on meanwhile: not one token of it may be taken back
        return {"strip": {"start": len(session.trace.steps), "inspected": index, "tokens": []}, **panels}

    # ---- after a run, and at the start -------------------------------------------------------------------------

    def verify(self, session: Session) -> Iterator[str]:
        """Compare the run on the page with transformers, unless another one begins meanwhile."""
        trace, version = session.trace, session.version
        if not trace.steps or session.is_running or session.verified is trace or trace is self.first_run:
            return
        session.verified = trace
        from playground import verification  # imports transformers, which is there once a run has been made

        backend = self.slot.get()
        if session.model_name != backend.info.name:
            return
        yield frame({"badge": wording.badge(self.t("badge.wait"), "wait"), "code": self.code(trace, backend)})
        tolerance = verification.RECORDED_TOLERANCE if session.is_recorded else verification.TOLERANCE
        try:
            found = verification.verify(
                trace, backend.model, lambda: session.version == version, tolerance, backend.tokenizer
            )
        except verification.Cancelled:
            session.verified = None
            return
        yield frame({"badge": wording.verification_badge(found, backend.vocabulary, self.t)})

    def code(self, trace: Trace, backend: "Backend") -> dict[str, str]:
        script = transformers_code(trace, self.slot.public_name, backend.model.eos_ids, backend.model.vocab_size)
        return {"code": script, "copy": self.t("code.copy"), "copied": self.t("code.copied")}

    def welcome(self, session: Session) -> Iterator[str]:
        """A visitor came: say what is loaded as soon as it is; verify the recorded run if its model is this one."""
        try:
            backend = self.slot.get()
        except PlaygroundError as error:
            failed = {"parts": [self.t("model.failed", name=self.slot.display_name)], "kind": "bad"}
            yield frame({"model": failed, "notice": wording.notice(error.message(), "bad")})
            return
        yield frame({"model": {"parts": [wording.model_line(backend.info, self.t)], "kind": "good"}})
        if session.is_recorded and backend.info.name == session.model_name:
            from playground import verification

            tolerance = verification.RECORDED_TOLERANCE
            found = self.slot.once(
                "first run", lambda: verification.verify(self.first_run, backend.model, tolerance=tolerance)
            )
            if session.trace is not self.first_run:
                return  # a run has been made meanwhile, and has a badge of its own
            badge = wording.verification_badge(found, backend.vocabulary, self.t)
            yield frame({"badge": badge, "code": self.code(self.first_run, backend)})
        elif session.is_recorded:
            words = self.t("notice.other_model", recorded=session.model_name, loaded=backend.info.name)
            yield frame({"notice": wording.notice(words)})

    def load_example(self, example: Example, session: Session) -> list[Any]:
        """The settings of an example, for the controls that it fills, then the frame with its lesson."""
        session.stop()
        session.lesson = example.key
        return [
            example.prompt,
            "sample" if example.do_sample else "greedy",
            example.seed,
            example.max_new_tokens,
            bank_value({p.name: example.values.get(p.name, p.neutral) for p in PARAMETERS}),
            *("" for _ in LISTS),
            json.dumps(ORDERS["transformers"]),
            frame({"lesson": {"parts": [self.t(f"example.{example.key}.notice")]}, "written": {}}),
        ]
