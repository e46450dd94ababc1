"""Streaming: a text that grows, token by token: run, step, pause, stop, branch."""

import time
from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import gradio as gr

from playground.components.live_bus import frame
from playground.decoding.trace import GenerationRequest, Trace
from playground.panels import wording
from playground.panels.generate import frames, retokenization
from playground.panels.generate.frames import Look
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
        if session.pause():
            words = self.t("notice.paused", tokens=len(session.trace.steps))
            yield frame({"notice": wording.notice(words)})
            return
        yield from self.go_on(session, Values.of(values), single=False)

    @reported(ends_run=True)
    def stop(self, session: Session, *values: Any) -> Iterator[Update]:
        """Stop: the run is over, as it is."""
        if session.call_off():
            words = self.t("notice.stopped", tokens=len(session.trace.steps))
            yield frame({"notice": wording.notice(words)})

    @reported(ends_run=True)
    def branch(self, session: Session, event: gr.EventData, *values: Any) -> Iterator[Update]:
        """A bar was clicked: take that token at the inspected step, by id, and go on from there."""
        index, token_id = session.inspected, int(event.picked)
        if not session.has_choice(token_id):
            return
        was_auto = session.goes_by_itself
        session.stop()
        controls, backend = Values.of(values), self.slot.get()
        if session.model_name != backend.info.name:
            words = self.t("notice.other_model", recorded=session.model_name, loaded=backend.info.name)
            yield frame({"notice": wording.notice(words, "bad")})
            return
        # the text on the page is steered, even if the prompt field has another one by now
        old = session.trace.request
        request, words = self.request(controls, backend, old.prompt_ids, old.rendered)
        trace = session.branched(index, token_id, request.strategy, request.ends(backend.model))
        ids = trace.request.prompt_ids + trace.token_ids
        if old.rendered is None:  # the text of turns is no text of their own: special tokens stand between them
            words = words or retokenization.alarm(ids, backend, controls.unit, self.t, len(trace.request.prompt_ids))
        if was_auto and trace.finish_reason is None:
            yield from self.stream(session, controls, backend, trace, words, request, pinned=index)
            return
        session.rest(trace, index)  # the view stays at the branch
        channels = frames.whole(trace, session.inspected, True, self.look(session, controls))
        cleared = {"notice": wording.notice(words), "badge": wording.notice("")}
        yield frame({**channels, **cleared})

    def go_on(self, session: Session, controls: Values, single: bool) -> Iterator[Update]:
        """Continue the text on the page, or begin a new one: where the prompt (or the model) is another, or where the
        text is over and other settings are wanted. A text that is not over goes on with them."""
        session.stop()
        backend = self.slot.get()
        request, words = self.asked(session, controls, backend)
        trace, how = session.onward(request, backend.info.name, settings_of_text(controls))
        if how == "anew":
            words = words or self.t("notice.new_text")
        elif how == "ended":
            label = backend.vocabulary.label(trace.token_ids[-1])
            yield frame({"notice": wording.notice(self.t("notice.ended", token=label))})
            return
        elif how == "full":
            words = words or self.t("notice.full", tokens=len(trace.steps))
            yield frame({"notice": wording.notice(words)})
            return
        yield from self.stream(session, controls, backend, trace, words, request, single)

    def stream(
        self, session: Session, controls: Values, backend: "Engine", trace: Trace, words: str,
        request: GenerationRequest | None = None, single: bool = False, pinned: int | None = None,
    ) -> Iterator[Update]:  # fmt: skip
        """Take tokens after `trace` and show each, until the end or until something else is begun in this session.

        The view stays at token `pinned`, or follows the newest.
        """
        request, kept = request or trace.request, session.trace
        is_new_text = not session.goes_on(trace.request, backend.info.name)
        session.unit = None
        speed = None if single else controls.tokens_per_second
        shown, taken, drawn, clock = len(trace.steps), trace, trace, ChartClock(is_paced=speed is not None)
        made = settings_of_text(controls)
        try:
            with session.writing(backend, request, trace, made, speed, FRAME_SECONDS, single, pinned) as watch:
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
                for trace in watch.steps:
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
                    if not session.is_current(watch.run):
                        break  # taken back, or begun anew, while the frame was made
                    yield update
                    shown = len(trace.steps)
                if drawn is not taken and session.trace is taken:  # stopped between two drawings
                    asked = session.frames.now()
                    yield frame(self.progress(session, shown, look, PARTS), asked)
        except Exception:
            if session.trace is kept:  # not one token came of it: the last good picture comes back
                yield frame(self.shown(session, self.look(session, controls)))
            raise

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
