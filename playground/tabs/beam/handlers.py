"""The handlers of the Beam search tab: those of its parts, and what happens after a search and when a visitor comes."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import gradio as gr

from playground import engine
from playground.catalog import FOR_BEAMS
from playground.components.live_bus import frame
from playground.decoding.beam_search import BeamSearch
from playground.decoding.beam_steps import Hypothesis
from playground.decoding.beam_trace import BeamTrace
from playground.decoding.processors import NoRepeatNGram
from playground.engines import prompts
from playground.engines.protocol import runs_in_transformers
from playground.engines.shelf import split
from playground.errors import PlaygroundError
from playground.panels import wording
from playground.panels.beam import frames
from playground.panels.beam import words as beam_words
from playground.panels.prompt_end import prompt_end
from playground.runs import late
from playground.runs.strategies import STRATEGIES
from playground.tabs.beam.examples import BeamExample
from playground.tabs.beam.linked import Linked
from playground.tabs.beam.looking import Looking
from playground.tabs.beam.session import BeamSession
from playground.tabs.shell import reported
from playground.views.beam_tree import BeamTree
from playground.views.code import on_adapter

if TYPE_CHECKING:
    from playground.engines.huggingface.backend import Backend
    from playground.engines.protocol import Engine
    from playground.runs.verification.beams import BeamVerification

BANNED = 2  # n of the n-grams that the comparison forbids to repeat


def greedy_of(trace: BeamTrace, backend: "Engine") -> Hypothesis:
    """Greedy decoding under the rules of the same search: one beam that stops at its first end."""
    strategy = trace.strategy
    warpers = {p.name for p in FOR_BEAMS if p.sampling_only}  # greedy leaves them out, as in `generate`
    alone = BeamSearch(
        num_beams=1,
        length_penalty=trace.length_penalty,
        early_stopping=True,
        processors=tuple(p for p in strategy.processors if p.name not in warpers),
        min_new_tokens=strategy.min_new_tokens,
        stop=strategy.stop,
    )
    *_, last = engine.search(backend.model, alone, trace.prompt_ids, trace.max_new_tokens, trace.rendered)
    return last.finished[0]


class BeamTab(Linked, Looking):
    """All handlers of the tab."""

    @reported(if_current=True, send=lambda made: (made, gr.skip()))
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
            **frames.ending(trace, session.tree, trace.length_penalty, look),
        }
        yield frame(channels), trace.length_penalty

    def code(self, trace: BeamTrace, backend: "Engine") -> dict[str, object]:
        if not runs_in_transformers(backend):
            return {"parts": [self.t("code.elsewhere", name=backend.info.name)]}
        kind = STRATEGIES[trace.strategy.name]
        if kind.call and not backend.model.searches_in_generate:
            return {"parts": [self.t("beam.code.out_of_order")]}
        stop = trace.strategy.stop
        finds = stop is None or backend.tokenizer.finds(stop.strings)
        script = kind.script(trace, self.slot.public_name, trace.ends(backend.model), finds)
        if script is None:
            return {"parts": [self.t("beam.code.none")]}
        if backend.adapter:
            script = on_adapter(script, backend.base_name, split(self.slot.name)[1])
        return {"code": script, "copy": self.t("code.copy"), "copied": self.t("code.copied")}

    @reported("beam.badge", quiet=True, if_current=True)
    def verify(self, session: BeamSession) -> Iterator[str]:
        """Compare the search on the page with transformers, unless another one begins meanwhile."""
        trace, version = session.trace, session.version
        if not trace.is_finished or session.is_running or session.verified is trace or session.is_recorded:
            return
        backend = self.slot.get()
        if session.model_name != backend.info.name:
            return
        session.verified = trace
        if not runs_in_transformers(backend):
            yield frame({"beam.badge": wording.no_reference(backend.info, self.t)})
            return
        yield frame({"beam.badge": wording.badge(self.t("badge.wait"), "wait")})
        try:
            found = self.compared(trace, backend, lambda: session.version == version)
        except late.verification.Cancelled:
            session.verified = None
            return
        except ValueError:
            yield self.no_stop(trace)
            return
        yield frame({"beam.badge": beam_words.verification_badge(found, trace, self.t)})

    def no_stop(self, trace: BeamTrace) -> str:
        """While an error is handled: transformers' stop strings fail on tokenizers whose tokens don't spell themselves;
        another error is raised again."""
        if not trace.strategy.stop:
            raise  # the one that is being handled
        return frame({"beam.badge": wording.badge(self.t("beam.badge.no_stop"), "wait")})

    def compared(
        self, trace: BeamTrace, backend: "Backend", is_wanted: Callable[[], bool] = lambda: True
    ) -> "BeamVerification":
        """The verification of a finished search. Raises Cancelled once `is_wanted()` says no."""
        return late.beam_verification.verify_beams(
            trace.steps[-1],
            trace.strategy,
            trace.prompt_ids,
            trace.max_new_tokens,
            backend,
            is_wanted,
            trace.rendered,
        )

    @reported("beam.ban_words", quiet=True, if_current=True)
    def ban(self, session: BeamSession) -> Iterator[str]:
        """The same beams once more, with no pair of tokens twice."""
        trace, version, winner = session.trace, session.version, session.trace.best
        backend = self.slot.get()
        processors = trace.strategy.processors
        if winner is None or session.model_name != backend.info.name:
            yield frame({"beam.ban_words": {"parts": [self.t("beam.ban.first")]}})
            return
        if any(p.name == NoRepeatNGram.name for p in processors):
            yield frame({"beam.ban_words": {"parts": [self.t("beam.ban.already")]}})
            return
        yield frame({"beam.ban_words": wording.badge(self.t("beam.ban.wait"), "wait"), "beam.ban": frames.NO_TEXT})
        strategy = replace(trace.strategy, processors=(*processors, NoRepeatNGram(BANNED)))  # type: ignore[type-var]
        banned = BeamTrace(trace.prompt_ids, strategy, trace.max_new_tokens, rendered=trace.rendered)
        steps = engine.search(backend.model, strategy, trace.prompt_ids, trace.max_new_tokens, trace.rendered)
        for step in steps:
            if session.version != version:
                return  # another search has begun
            banned = banned.appended(step)
        assert banned.best is not None  # the search has ended
        table, words = beam_words.ban(winner, banned.best, backend.vocabulary, self.t)
        yield frame({"beam.ban": table, "beam.ban_words": words})

    @reported("beam.badge")
    def welcome(self, session: BeamSession) -> Iterator[str]:
        """A visitor came: verify the recorded search if its model is the one that is loaded."""
        try:
            backend = self.slot.get()
        except PlaygroundError:
            return  # the page says so already
        is_recorded = session.is_recorded
        is_others = is_recorded and self.is_others(session, backend)
        if is_others:
            yield frame(self.put_away(session, backend))
        offer = {"beam.turns": {"offered": prompts.speaks(backend)}}
        yield frame({"beam.prompt_end": prompt_end(backend, session.leaves_end_off, self.t), **offer})
        if not is_recorded or is_others or not runs_in_transformers(backend):
            return
        try:
            found = self.slot.once("first beams", lambda: self.compared(self.first, backend))
        except ValueError:
            yield self.no_stop(self.first)
            return
        if session.is_recorded:  # else a search has been made meanwhile, and has a badge of its own
            found = replace(found, tolerance=late.verification.RECORDED_TOLERANCE)
            badge = beam_words.verification_badge(found, self.first, self.t, is_recorded=True)
            yield frame({"beam.badge": badge, "beam.code": self.code(self.first, backend)})

    @reported("beam.badge")
    def arrive(self, session: BeamSession, *values: Any) -> Iterator[str]:
        """As in the Generate tab."""
        yield frame(self.first_frame())
        yield from self.welcome(session)

    @reported()
    def leave_end_off(self, session: BeamSession) -> str:
        """As in the Generate tab."""
        session.leaves_end_off = not session.leaves_end_off
        return frame({"beam.prompt_end": prompt_end(self.slot.get(), session.leaves_end_off, self.t)})

    def is_others(self, session: BeamSession, backend: "Engine") -> bool:
        """As in the Generate tab."""
        return backend.info.name != session.model_name or backend.vocabulary != self.first_vocabulary

    def put_away(self, session: BeamSession, backend: "Engine") -> dict[str, object]:
        """The recorded search is another model's: an empty page for the loaded one instead, and a word on that."""
        words = self.t("notice.put_away", recorded=session.model_name, loaded=backend.info.name)
        trace = replace(self.first, prompt_ids=prompts.ids_or_none(self.first_example.prompt, backend), steps=())
        session.put(trace, BeamTree(), backend.info.name, None)
        return {**self.shown(session), "beam.notice": wording.notice(words), "beam.lesson": frames.NO_TEXT}

    def lesson(self, example: BeamExample) -> str:
        """What to notice in an example; its words and numbers are those of the model that it was made with."""
        words = self.t(f"beam.example.{example.key}.notice")
        if self.brought.made_with in ("", self.slot.display_name):
            return words
        return self.t("lesson.made_with", recorded=self.brought.made_with, lesson=words)

    def nth_example(self, index: int, session: BeamSession) -> list[Any]:
        """The example of a chip."""
        return self.load_example(self.brought.searches[index], session)

    def load_example(self, example: BeamExample, session: BeamSession) -> list[Any]:
        """The settings of an example, for BeamControls.settable, then the frame with its lesson."""
        session.stop()
        session.lesson = example.key
        return [
            example.prompt, example.strategy, example.length, *example.options.values(),
            *(example.processors.get(p.name, p.neutral) for p in FOR_BEAMS), "",
            frame({"beam.lesson": {"parts": [self.lesson(example)]}}),
        ]  # fmt: skip
