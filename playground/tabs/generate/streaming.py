"""Streaming: a text that grows, token by token: run, step, pause, stop, branch."""

import time
from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import gradio as gr

from playground import engine
from playground.components.live_bus import frame
from playground.decoding.trace import GenerationRequest, Trace
from playground.panels import wording
from playground.panels.generate import frames, retokenization
from playground.panels.generate.frames import Look
from playground.runs.run import watched
from playground.tabs.generate.base import GenerateBase, Update
from playground.tabs.generate.chart_clock import PARTS, ChartClock
from playground.tabs.generate.controls import Values
from playground.tabs.generate.session import Session
from playground.tabs.shell import FRAME_SECONDS, reported
from playground.tabs.state_line import settings_of_text

if TYPE_CHECKING:
    from playground.engines.protocol import Engine


class Streaming(GenerateBase):
    """The handlers that make the text on the page longer, or stop it."""

    @reported(ends_run=True)
    def run(self, session: Session, *values: Any) -> Iterator[Update]:
        """Run: a new text from the prompt."""
        session.link_words = None  # it spoke of another text
        yield from self.new_text(session, *values)

    def new_text(self, session: Session, *values: Any) -> Iterator[Update]:
        session.stop()
        controls, backend = Values.of(values), self.slot.get()
        request, words = self.asked(session, controls, backend)
        if not any(e.key == session.lesson and e.prompt == controls.prompt for e in self.brought.examples):
            yield frame({"lesson": {"parts": []}})  # it spoke of another text
        yield from self.stream(session, controls, backend, Trace(request), words)

    @reported(ends_run=True)
    def run_example(self, session: Session, *values: Any) -> Iterator[Update]:
        """A new text that ends with its telling token under inspection."""
        yield from self.run(session, *values)
        example = next(e for e in self.brought.examples if e.key == session.lesson)
        if session.trace.finish_reason and not session.is_running and session.pinned is None:
            session.pinned = min(example.inspect, len(session.trace.steps) - 1)
            yield frame(self.inspected(session, Values.of(values)))

    @reported(ends_run=True)
    def step(self, session: Session, *values: Any) -> Iterator[Update]:
        """Step: one token more, or the first of a new text if the prompt is another."""
        yield from self.go_on(session, Values.of(values), single=True)

    @reported(ends_run=True)
    def pause(self, session: Session, *values: Any) -> Iterator[Update]:
        """Pause a run; resume one that waits. A run that was ended, or has come to its end, does not wait."""
        if session.is_running:
            session.stop()
            session.is_auto = False
            words = self.t("notice.paused", tokens=len(session.trace.steps))
            yield frame({"notice": wording.notice(words)})
            return
        yield from self.go_on(session, Values.of(values), single=False)

    @reported(ends_run=True)
    def stop(self, session: Session, *values: Any) -> Iterator[Update]:
        """Stop: the run is over, as it is."""
        if self.state(session) in ("running", "paused"):
            session.stop()
            session.is_auto, session.is_stopped = False, True
            words = self.t("notice.stopped", tokens=len(session.trace.steps))
            yield frame({"notice": wording.notice(words)})

    @reported(ends_run=True)
    def branch(self, session: Session, event: gr.EventData, *values: Any) -> Iterator[Update]:
        """A bar was clicked: take that token at the inspected step, by id, and go on from there."""
        index, token_id = session.inspected, int(event.picked)
        if index < 0 or not 0 <= token_id < session.trace.steps[index].row.size:
            return
        was_auto = session.is_running or (session.is_auto and session.trace.finish_reason is not None)
        session.stop()
        controls, backend = Values.of(values), self.slot.get()
        if session.model_name != backend.info.name:
            words = self.t("notice.other_model", recorded=session.model_name, loaded=backend.info.name)
            yield frame({"notice": wording.notice(words, "bad")})
            return
        # the text on the page is steered, even if the prompt field has another one by now
        old = session.trace.request
        request, words = self.request(controls, backend, old.prompt_ids, old.rendered)
        begun = replace(session.trace.request, strategy=request.strategy)  # its stop strings may be new
        trace = replace(session.trace, request=begun).branched(index, token_id, request.ends(backend.model))
        ids = trace.request.prompt_ids + trace.token_ids
        if old.rendered is None:  # the text of turns is no text of their own: special tokens stand between them
            words = words or retokenization.alarm(ids, backend, controls.unit, self.t, len(trace.request.prompt_ids))
        if was_auto and trace.finish_reason is None:
            yield from self.stream(session, controls, backend, trace, words, request, pinned=index)
            return
        session.put(trace, session.model_name, index)  # the view stays at the branch
        session.is_auto = session.is_stopped = False
        channels = frames.whole(trace, session.inspected, True, self.look(session, controls))
        cleared = {"notice": wording.notice(words), "badge": wording.notice("")}
        yield frame({**channels, **cleared})

    def goes_on(self, session: Session, request: GenerationRequest, backend: "Engine") -> bool:
        """Whether the trace on the page is the beginning of this request."""
        same_model = session.model_name == backend.info.name
        return same_model and session.trace.request.prompt_ids == request.prompt_ids

    def go_on(self, session: Session, controls: Values, single: bool) -> Iterator[Update]:
        """Continue the text on the page, or begin a new one: where the prompt (or the model) is another, or where the
        text is over and other settings are wanted. A text that is not over goes on with them."""
        session.stop()
        backend = self.slot.get()
        request, words = self.asked(session, controls, backend)
        trace = session.trace.unstopped(request.strategy.stop)
        if not self.goes_on(session, request, backend):
            trace = Trace(request)
        elif self.is_over(session, trace, request) and self.is_changed(session, controls):
            trace, words = Trace(request), words or self.t("notice.new_text")
        if trace.finish_reason in ("stop", "stop_string"):
            label = backend.vocabulary.label(trace.token_ids[-1])
            yield frame({"notice": wording.notice(self.t("notice.ended", token=label))})
            return
        if len(trace.steps) >= request.max_new_tokens:
            words = words or self.t("notice.full", tokens=len(trace.steps))
            yield frame({"notice": wording.notice(words)})
            return
        yield from self.stream(session, controls, backend, trace, words, request, single)

    def is_over(self, session: Session, trace: Trace, request: GenerationRequest) -> bool:
        """Whether nobody waits for the text to go on: it has come to its end, or was stopped. A text that ended at its
        length and may be longer now waits."""
        if trace.finish_reason == "length":
            return request.max_new_tokens <= len(trace.steps)
        return trace.finish_reason is not None or session.is_stopped

    def is_changed(self, session: Session, controls: Values) -> bool:
        """Whether the settings are others than those that made the newest token; the length makes none."""
        made, now = session.ways[-1][1] if session.ways else {}, settings_of_text(controls)
        return {**made, "length": None} != {**now, "length": None}

    def stream(
        self, session: Session, controls: Values, backend: "Engine", trace: Trace, words: str,
        request: GenerationRequest | None = None, single: bool = False, pinned: int | None = None,
    ) -> Iterator[Update]:  # fmt: skip
        """Take tokens after `trace` and show each, until the end or until something else is begun in this session.

        The view stays at token `pinned`, or follows the newest.
        """
        request = request or trace.request
        before = session.snapshot()
        is_new_text = not self.goes_on(session, trace.request, backend)
        session.put(trace, backend.info.name, pinned)
        session.make(len(trace.steps), settings_of_text(controls))
        session.is_auto = not single
        run = session.begin()
        session.unit = None
        speed = None if single else controls.tokens_per_second

        def traces(start: Trace) -> Iterator[Trace]:
            yield from engine.generate(backend.model, request, start)

        wanted = watched(
            session, run, traces(trace), speed, FRAME_SECONDS, lambda trace: session.take(run, trace), single
        )
        shown, trace_at_start = len(trace.steps), trace
        taken, drawn, clock = trace, trace, ChartClock(is_paced=speed is not None)
        try:
            look = self.look(session, controls)
            asked = session.frames.now()
            yield frame(
                {
                    **frames.whole(trace, session.inspected, session.pinned is not None, look),
                    **(frames.blank(look) if is_new_text else {}),
                    "notice": wording.notice(words),
                    "badge": wording.notice(""),
                },
                asked,
            )
            for trace in wanted:
                taken, now = trace, time.monotonic()
                parts = clock.due(now, trace.finish_reason is not None)
                drawn = trace if parts == PARTS else drawn
                look = replace(look, unit=session.unit or look.unit)
                asked = session.frames.now()
                channels = self.progress(session, shown, look, parts)
                if trace.finish_reason == "stop_string" and request.strategy.stop:
                    channels["notice"] = wording.stopped(trace, request.strategy.stop, self.t)
                update = frame(channels, asked)
                clock.made(parts, now, time.monotonic() - now)
                if not session.is_current(run):
                    break  # taken back, or begun anew, while the frame was made
                yield update
                shown = len(trace.steps)
            if drawn is not taken and session.trace is taken:  # stopped between two drawings
                asked = session.frames.now()
                yield frame(self.progress(session, shown, look, PARTS), asked)
        except Exception:
            if session.trace is trace_at_start:  # not one token came of it: the last good picture comes back
                session.take_back(before)
                yield frame(self.shown(session, self.look(session, controls)))
            raise
        finally:
            wanted.close()
            session.end(run)

    def progress(self, session: Session, shown: int, look: Look, parts: Collection[str]) -> dict[str, object]:
        """The new tokens, and those parts of the charts: of the newest step, or only the text's if one is pinned that
        is on show already; when the text has ended, its sentence once more, which says how many tokens there are."""
        trace, inspected = session.trace, session.inspected
        is_pinned = session.pinned is not None
        channels: dict[str, object] = {
            "strip": frames.strip(trace, shown, look),
            **frames.looked_at(inspected, is_pinned),
        }
        if session.pinned is not None and (session.pinned >= shown or trace.finish_reason):
            channels |= frames.step_panels(trace, inspected, True, look)
        if "choice" in parts and not is_pinned:
            still = look if trace.finish_reason else replace(look, sliders=None)  # a picture that goes on changing
            channels |= frames.choice_panels(trace, inspected, False, still)
        if "temperature" in parts and not is_pinned:
            channels |= frames.softened(trace, inspected, look)
        if "trajectory" in parts:
            channels |= frames.along_the_text(trace, inspected, look)
        return channels
