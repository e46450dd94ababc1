"""The handlers of the Beam search tab: what happens when a person runs, steps, stops, looks back, asks what if."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import wraps
from typing import TYPE_CHECKING, Any

import gradio as gr

from playground import engine
from playground.backends.loading import ModelSlot
from playground.catalog import FOR_BEAMS
from playground.components.live_bus import frame
from playground.decoding.beam_search import BeamSearch
from playground.decoding.beam_steps import Hypothesis
from playground.decoding.beam_trace import BeamTrace
from playground.decoding.processors import NoRepeatNGram
from playground.errors import EmptyPromptError, PlaygroundError, PromptTooLongError
from playground.i18n import Translator
from playground.settings import DEFAULT_MODEL_NAME
from playground.tabs import beam_frames as frames
from playground.tabs import beam_words, wording
from playground.tabs.beam_controls import BeamValues
from playground.tabs.beam_examples import BEAM_EXAMPLES, BeamExample
from playground.tabs.beam_frames import BeamLook
from playground.tabs.beam_session import BeamSession, LiveSearch
from playground.views.beam_code import beam_code
from playground.views.beam_tree import BeamTree
from playground.vocabulary import Vocabulary

if TYPE_CHECKING:
    from playground.backends.huggingface import Backend
    from playground.beam_verification import BeamVerification

FRAME_SECONDS = 0.04  # as in the Generate tab
PANEL_SECONDS = 0.15  # between two drawings of tables and the pool of a run without a pace
BANNED = 2  # n of the n-grams that the comparison forbids to repeat
Update = str  # a frame for the bus


def greedy_of(trace: BeamTrace, backend: "Backend") -> Hypothesis:
    """Greedy decoding under the rules of the same search: one beam that stops at its first end."""
    strategy = trace.strategy
    warpers = {p.name for p in FOR_BEAMS if p.sampling_only}  # greedy leaves them out, as in `generate`
    alone = BeamSearch(
        num_beams=1,
        length_penalty=trace.length_penalty,
        early_stopping=True,
        processors=tuple(p for p in getattr(strategy, "processors", ()) if p.name not in warpers),
        min_new_tokens=getattr(strategy, "min_new_tokens", 0),
        stop=getattr(strategy, "stop", None),
    )
    *_, last = engine.search(backend.model, alone, trace.prompt_ids, trace.max_new_tokens)
    return last.finished[0]


def reported(handler: Callable[..., Iterator[Update]]) -> Callable[..., Iterator[Update]]:
    """What a person can mend is said in the page, and the picture stays; everything else is raised."""

    @wraps(handler)
    def guarded(self: "BeamTab", session: BeamSession, *rest: Any) -> Iterator[Update]:
        try:
            yield from handler(self, session, *rest)
        except PlaygroundError as error:
            session.stop()
            yield frame({"beam.notice": wording.notice(error.message(), "bad"), **self.pause_button(False)})

    return guarded


class BeamTab:
    """The handlers of the tab. Holds what all visitors share: the model, the recorded search and the language."""

    def __init__(
        self, slot: ModelSlot, first: tuple[BeamTrace, Hypothesis], first_vocabulary: Vocabulary, t: Translator
    ) -> None:
        self.slot = slot
        self.first, self.first_greedy = first
        self.first_vocabulary = first_vocabulary
        self.first_tree = BeamTree.of(self.first, first_vocabulary)
        self.t = t

    # ---- what every handler needs -------------------------------------------------------------------------------

    def new_session(self) -> BeamSession:
        session = BeamSession(self.first, self.first_tree, DEFAULT_MODEL_NAME, self.first_greedy, BEAM_EXAMPLES[0].key)
        session.is_recorded = True
        return session

    def look(self, session: BeamSession) -> BeamLook:
        return BeamLook(self.t, self.first_vocabulary if session.is_recorded else self.slot.get().vocabulary)

    def pause_button(self, is_paused: bool) -> dict[str, object]:
        return {"beam.pause": {"text": self.t("button.resume" if is_paused else "button.pause")}}

    def first_frame(self) -> dict[str, object]:
        """Every panel filled with the recorded search, before anybody presses a button."""
        look = BeamLook(self.t, self.first_vocabulary)
        last = len(self.first.steps) - 1
        alpha = self.first.length_penalty
        return {
            **frames.whole(self.first, self.first_tree, last, self.first_greedy, None, alpha, look),
            "beam.badge": wording.badge(self.t("beam.badge.recorded"), "wait"),
            "beam.notice": wording.notice(""),
            "beam.lesson": {"parts": [self.t(f"beam.example.{BEAM_EXAMPLES[0].key}.notice")]},
        }

    def shown(self, session: BeamSession) -> dict[str, object]:
        """All panels of what the session has on the page."""
        trace = session.trace
        alpha = trace.length_penalty if session.alpha is None else session.alpha
        look = self.look(session)
        return frames.whole(trace, session.tree, session.inspected, session.greedy, session.picked, alpha, look)

    def request(self, values: BeamValues, backend: "Backend") -> tuple[BeamTrace, str]:
        """What the controls ask for, its length cut to what fits, and a word on that. Raises PlaygroundErrors."""
        ids = backend.tokenizer.encode(values.prompt) or backend.model.eos_ids[:1]
        if not ids:
            raise EmptyPromptError()
        room = backend.model.context_length - len(ids)
        if room < 1:
            raise PromptTooLongError(tokens=len(ids), limit=backend.model.context_length - 1)
        wanted, words = values.max_new_tokens(), ""
        if wanted > room:
            reason = self.t("notice.context", limit=backend.model.context_length)
            words = self.t("notice.shortened", tokens=room, reason=reason)
        elif not values.prompt:
            words = self.t("notice.empty_prompt", token=backend.vocabulary.label(ids[0]))
        return BeamTrace(ids, values.strategy(backend), min(wanted, room)), words

    # ---- streaming ------------------------------------------------------------------------------------------------

    @reported
    def run(self, session: BeamSession, *values: Any) -> Iterator[Update]:
        """Run: a new search from the prompt."""
        session.stop()
        controls, backend = BeamValues.of(values), self.slot.get()
        request, words = self.request(controls, backend)
        if not any(e.key == session.lesson and e.fits(controls) for e in BEAM_EXAMPLES):
            yield frame({"beam.lesson": {"parts": []}})  # it spoke of another search
        yield from self.stream(session, controls, backend, request, words)

    @reported
    def step(self, session: BeamSession, *values: Any) -> Iterator[Update]:
        """Step: one token more for every beam, or the first of a new search if the settings are others."""
        yield from self.go_on(session, BeamValues.of(values), single=True)

    @reported
    def pause(self, session: BeamSession, *values: Any) -> Iterator[Update]:
        """Pause a search; resume one that waits."""
        if session.is_running:
            yield from self.stop(session, *values)
            return
        yield from self.go_on(session, BeamValues.of(values), single=False)

    @reported
    def stop(self, session: BeamSession, *values: Any) -> Iterator[Update]:
        """Stop: no step more, until it is resumed."""
        if session.is_running:
            session.stop()
            session.is_auto = False
            words = self.t("beam.notice.stopped", steps=len(session.trace.steps))
            yield frame({"beam.notice": wording.notice(words), **self.pause_button(True)})

    def go_on(self, session: BeamSession, controls: BeamValues, single: bool) -> Iterator[Update]:
        """Continue the search on the page, or begin a new one where the settings (or the model) are others."""
        session.stop()
        backend = self.slot.get()
        request, words = self.request(controls, backend)
        search, trace = session.search, session.trace
        same = (trace.prompt_ids, trace.strategy, trace.max_new_tokens) == (
            request.prompt_ids, request.strategy, request.max_new_tokens,
        )  # fmt: skip
        if search is not None and same and session.model_name == backend.info.name:
            if session.trace.is_finished:
                yield frame({"beam.notice": wording.notice(self.t("beam.notice.ended")), **self.pause_button(False)})
                return
            yield from self.stream(session, controls, backend, trace, words, search, single)
            return
        yield from self.stream(session, controls, backend, request, words, None, single)

    def stream(
        self, session: BeamSession, controls: BeamValues, backend: "Backend", trace: BeamTrace, words: str,
        search: LiveSearch | None = None, single: bool = False,
    ) -> Iterator[Update]:  # fmt: skip
        """Take steps after `trace` and show each, until the end or until something else is begun in this session."""
        kept = session.snapshot()
        if search is None:
            steps = engine.search(backend.model, trace.strategy, trace.prompt_ids, trace.max_new_tokens)
            search = LiveSearch(trace, steps)
            session.put(trace, BeamTree(), backend.info.name, search)
        session.pinned = None
        session.is_auto = not single
        run = session.begin()
        look = BeamLook(self.t, backend.vocabulary)
        start = len(trace.steps)
        cleared = {"beam.notice": wording.notice(words), **frames.cleared()}
        opening = frames.tree(trace, session.tree, start, session.picked, look)
        yield frame({"beam.tree": opening, **cleared, **({} if single else self.pause_button(False))})
        speed = None if single else controls.steps_per_second
        wanted = engine.paced(search.traces(start), speed, lambda: session.is_current(run))
        shown, tree, next_panels = start, session.tree, 0.0
        try:
            for trace in engine.latest_every(FRAME_SECONDS, wanted):
                tree = tree.grown(trace, backend.vocabulary)
                if not session.take(run, trace, tree):
                    break
                now = time.monotonic()
                with_panels = now >= next_panels or trace.is_finished or single
                if with_panels:
                    next_panels = now + PANEL_SECONDS
                update = frame(self.progress(session, shown, look, with_panels))
                if not session.is_current(run):
                    break  # begun anew while the frame was made
                yield update
                shown = len(trace.steps)
                if single:
                    break
            if session.trace is trace and trace.steps:  # stopped, perhaps between two drawings
                yield frame(self.progress(session, shown, look, True))
        except PlaygroundError:
            if not trace.steps:  # not one step came of it: the last good picture comes back
                session.restore(kept)
                yield frame(self.shown(session))
            raise
        finally:
            wanted.close()  # type: ignore[attr-defined]  # engine.paced is a generator
            session.end(run)
        if not session.is_running:
            yield frame(self.pause_button(not session.trace.is_finished))

    def progress(self, session: BeamSession, shown: int, look: BeamLook, with_panels: bool) -> dict[str, object]:
        """The new layers of the tree, and what the other panels say of the newest step."""
        trace, tree = session.trace, session.tree
        channels: dict[str, object] = {"beam.tree": frames.tree(trace, tree, shown, session.picked, look)}
        if with_panels:
            index = session.inspected
            channels |= frames.step_panels(trace, index, session.greedy, look)
            channels |= frames.path(trace, tree, session.picked, look)
            channels["beam.headline"] = frames.headline(trace, tree, index, session.greedy, look)
        return channels

    # ---- after a run ------------------------------------------------------------------------------------------------

    def conclude(self, session: BeamSession) -> Iterator[tuple[str, float]]:
        """The search has ended: greedy beside it, other length penalties, why logs."""
        trace, version = session.trace, session.version
        if not trace.is_finished or session.is_running or session.greedy is not None or session.is_recorded:
            return
        backend = self.slot.get()
        if session.model_name != backend.info.name:
            return
        greedy = greedy_of(trace, backend)
        if session.version != version:
            return
        session.greedy, session.alpha = greedy, None
        look = self.look(session)
        channels = {
            "beam.headline": frames.headline(trace, session.tree, session.inspected, greedy, look),
            "beam.best_words": frames.best_words(trace, session.inspected, greedy, look),
            "beam.code": self.code(trace, backend),
            **frames.ending(trace, trace.length_penalty, look),
        }
        yield frame(channels), trace.length_penalty

    def code(self, trace: BeamTrace, backend: "Backend") -> dict[str, object]:
        script = beam_code(trace, self.slot.public_name, backend.model.eos_ids)
        if script is None:
            return {"parts": [self.t("beam.code.none")]}
        return {"code": script, "copy": self.t("code.copy"), "copied": self.t("code.copied")}

    def verify(self, session: BeamSession) -> Iterator[str]:
        """Compare the search on the page with transformers, unless another one begins meanwhile."""
        trace, version = session.trace, session.version
        if not trace.is_finished or session.is_running or session.verified is trace or session.is_recorded:
            return
        backend = self.slot.get()
        if session.model_name != backend.info.name:
            return
        session.verified = trace
        from playground import verification  # imports transformers, which is there once a search has been made

        yield frame({"beam.badge": wording.badge(self.t("badge.wait"), "wait")})
        try:
            found = self.compared(trace, backend, lambda: session.version == version)
        except verification.Cancelled:
            session.verified = None
            return
        except ValueError:  # transformers' stop strings fail on tokenizers whose tokens don't spell themselves
            if not getattr(trace.strategy, "stop", None):
                raise
            yield frame({"beam.badge": wording.badge(self.t("beam.badge.no_stop"), "wait")})
            return
        yield frame({"beam.badge": beam_words.verification_badge(found, trace, self.t)})

    def compared(
        self, trace: BeamTrace, backend: "Backend", is_wanted: Callable[[], bool] = lambda: True
    ) -> "BeamVerification":
        """The verification of a finished search. Raises Cancelled once `is_wanted()` says no."""
        from playground.beam_verification import verify_beams

        return verify_beams(trace.steps[-1], trace.strategy, trace.prompt_ids, trace.max_new_tokens, backend, is_wanted)

    def ban(self, session: BeamSession) -> Iterator[str]:
        """The same beams once more, with no pair of tokens twice."""
        trace, version, winner = session.trace, session.version, session.trace.best
        backend = self.slot.get()
        processors = getattr(trace.strategy, "processors", ())
        if winner is None or session.model_name != backend.info.name:
            yield frame({"beam.ban_words": {"parts": [self.t("beam.ban.first")]}})
            return
        if any(p.name == NoRepeatNGram.name for p in processors):
            yield frame({"beam.ban_words": {"parts": [self.t("beam.ban.already")]}})
            return
        yield frame({"beam.ban_words": {"parts": [self.t("beam.ban.wait")]}, "beam.ban": frames.NO_TEXT})
        strategy = replace(trace.strategy, processors=(*processors, NoRepeatNGram(BANNED)))  # type: ignore[type-var]
        try:
            banned = BeamTrace(trace.prompt_ids, strategy, trace.max_new_tokens)
            for step in engine.search(backend.model, strategy, trace.prompt_ids, trace.max_new_tokens):
                if session.version != version:
                    return  # another search has begun
                banned = banned.appended(step)
            assert banned.best is not None  # the search has ended
            table, words = beam_words.ban(winner, banned.best, backend.vocabulary, self.t)
            yield frame({"beam.ban": table, "beam.ban_words": words})
        except PlaygroundError as error:
            yield frame({"beam.ban_words": {"parts": [error.message()]}})

    # ---- looking, without a forward pass ------------------------------------------------------------------------

    def pick(self, session: BeamSession, event: gr.EventData) -> str:
        """A node was clicked: its sequence, as text and as a table."""
        picked = event.picked
        session.picked = None
        if picked is not None:
            step, index = int(picked[0]), int(picked[1])
            layers = session.tree.layers
            if 0 <= step < len(layers) and 0 <= index < len(layers[step]):
                session.picked = step, index
        return frame(frames.path(session.trace, session.tree, session.picked, self.look(session)))

    def scrub(self, session: BeamSession, event: gr.EventData) -> str:
        """The person looks back at an earlier step: the tables and the pool as they stood then."""
        picked = event.picked
        session.pinned = None if picked is None else max(1, int(picked))
        if session.inspected < 0:
            return gr.skip()  # type: ignore[no-any-return]
        trace, tree, look = session.trace, session.tree, self.look(session)
        channels = frames.step_panels(trace, session.inspected, session.greedy, look)
        channels["beam.headline"] = frames.headline(trace, tree, session.inspected, session.greedy, look)
        return frame(channels)

    def change_alpha(self, session: BeamSession, alpha: float) -> str:
        """The length-penalty slider: the finished sequences by another α."""
        if not session.trace.is_finished:
            return gr.skip()  # type: ignore[no-any-return]
        session.alpha = float(alpha)
        return frame(frames.length_penalty(session.trace, session.alpha, self.look(session)))

    def resync(self, session: BeamSession) -> str:
        """The page has missed something: all of it again."""
        return frame(self.shown(session))

    # ---- at the start ---------------------------------------------------------------------------------------------

    def welcome(self, session: BeamSession) -> Iterator[str]:
        """A visitor came: verify the recorded search if its model is the one that is loaded."""
        try:
            backend = self.slot.get()
        except PlaygroundError:
            return  # the page says so already
        if not session.is_recorded:
            return
        if backend.info.name != session.model_name:
            words = self.t("notice.other_model", recorded=session.model_name, loaded=backend.info.name)
            yield frame({"beam.notice": wording.notice(words)})
            return
        from playground.verification import RECORDED_TOLERANCE

        found = self.slot.once("first beams", lambda: self.compared(self.first, backend))
        if session.is_recorded:  # else a search has been made meanwhile, and has a badge of its own
            found = replace(found, tolerance=RECORDED_TOLERANCE)
            badge = beam_words.verification_badge(found, self.first, self.t)
            yield frame({"beam.badge": badge, "beam.code": self.code(self.first, backend)})

    def load_example(self, example: BeamExample, session: BeamSession) -> list[Any]:
        """The settings of an example, for BeamControls.settable, then the frame with its lesson."""
        session.stop()
        session.lesson = example.key
        return [
            example.prompt, example.strategy, example.num_beams, example.length, example.length_penalty,
            example.early_stopping, example.stop,
            *(example.processors.get(p.name, p.neutral) for p in FOR_BEAMS),
            frame({"beam.lesson": {"parts": [self.t(f"beam.example.{example.key}.notice")]}}),
        ]  # fmt: skip
