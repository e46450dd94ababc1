"""The handlers of the Generate tab: those of its parts, and what happens after a run and when a visitor comes."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from playground.catalog import ORDERS, PARAMETERS
from playground.components.knob_bank import bank_value
from playground.components.live_bus import frame
from playground.decoding.trace import Trace
from playground.engines import prompts
from playground.engines.protocol import runs_in_transformers
from playground.engines.shelf import split
from playground.errors import PlaygroundError
from playground.examples import Example
from playground.lists import LISTS
from playground.panels import wording
from playground.panels.generate import tour
from playground.panels.generate.frames import Look
from playground.panels.prompt_end import prompt_end
from playground.runs import late
from playground.runs.text_run import Snapshot
from playground.tabs.generate import written_fields
from playground.tabs.generate.exporting import Exporting
from playground.tabs.generate.linked import Linked
from playground.tabs.generate.looking import Looking
from playground.tabs.generate.session import Session
from playground.tabs.generate.tour import Touring
from playground.tabs.generate.undo import Undo
from playground.tabs.shell import reported
from playground.views.code import on_adapter, transformers_code
from playground.views.notation import UNITS

if TYPE_CHECKING:
    from playground.engines.protocol import Engine


class GenerateTab(Linked, Undo, Looking, Touring, Exporting):
    """All handlers of the tab."""

    reread = written_fields.reread

    @reported("badge", quiet=True, if_current=True)
    def verify(self, session: Session) -> Iterator[str]:
        """Compare the run on the page with transformers, unless another one begins meanwhile."""
        trace, version = session.trace, session.version
        if not trace.steps or session.is_running or session.verified is trace:
            return
        session.verified = trace
        backend = self.slot.get()
        if session.model_name != backend.info.name:
            return
        if not runs_in_transformers(backend):
            yield frame({"badge": wording.no_reference(backend.info, self.t), "code": self.code(trace, backend)})
            return
        yield frame({"badge": wording.badge(self.t("badge.wait"), "wait"), "code": self.code(trace, backend)})
        try:
            found = late.verification.verify(
                trace, backend.model, lambda: session.version == version, tokenizer=backend.tokenizer,
                recorded=self.recorded(trace),
            )  # fmt: skip
        except late.verification.Cancelled:
            session.verified = None
            return
        yield frame({"badge": wording.verification_badge(found, backend.vocabulary, self.t)})

    def recorded(self, trace: Trace) -> int:
        """How many steps at the beginning of a trace are those of the recorded run, their logits read from its file."""
        pairs = zip(trace.steps, self.first_run.steps, strict=False)
        return next((i for i, (one, first) in enumerate(pairs) if one.row is not first.row),
                    min(len(trace.steps), len(self.first_run.steps)))  # fmt: skip

    def code(self, trace: Trace, backend: "Engine") -> dict[str, object]:
        if not runs_in_transformers(backend):
            return {"parts": [self.t("code.elsewhere", name=backend.info.name)]}
        stop = trace.request.strategy.stop
        finds = stop is None or backend.tokenizer.finds(stop.strings)
        eos_ids, vocab_size = backend.model.eos_ids, backend.model.vocab_size
        script = transformers_code(trace, self.slot.public_name, eos_ids, vocab_size, finds)
        if backend.adapter:
            script = on_adapter(script, backend.base_name, split(self.slot.name)[1])
        return {"code": script, "copy": self.t("code.copy"), "copied": self.t("code.copied")}

    @reported("badge")
    def welcome(self, session: Session) -> Iterator[str]:
        """A visitor came: say what is loaded as soon as it is; verify the recorded run if its model is this one, and
        put it away if it is not."""
        try:
            backend = self.slot.get()
        except PlaygroundError as error:
            failed = {"parts": [self.t("model.failed", name=self.slot.display_name)], "kind": "bad"}
            yield frame({"model": failed, "notice": wording.notice(error.message(self.t), "bad")})
            return
        name = f"{backend.info.name} · "  # the picker beside it says that, too
        said = wording.model_line(backend.info, self.t).removeprefix(name)
        line = {"parts": [{"text": name, "kind": "model-name"}, said], "kind": "good"}
        is_recorded = session.is_recorded and session.trace is self.first_run
        is_others = is_recorded and self.is_others(session, backend)
        yield frame({"model": line, **(self.put_away(session, backend) if is_others else {})})
        offer = {"turns": {"offered": prompts.speaks(backend)}}
        yield frame({"prompt_end": prompt_end(backend, session.leaves_end_off, self.t), **offer})
        if not is_recorded or is_others or not runs_in_transformers(backend):
            return
        steps = len(self.first_run.steps)
        found = self.slot.once(
            "first run", lambda: late.verification.verify(self.first_run, backend.model, recorded=steps)
        )
        if session.trace is not self.first_run:
            return  # a run has been made meanwhile, and has a badge of its own
        badge = wording.verification_badge(found, backend.vocabulary, self.t)
        yield frame({"badge": badge, "code": self.code(self.first_run, backend)})

    @reported("badge")
    def arrive(self, session: Session, *values: Any) -> Iterator[str]:
        """Another model was chosen: its page at once, then, when it has come, what is to be said of it."""
        yield frame(self.first_frame())
        yield from self.welcome(session)

    @reported()
    def leave_end_off(self, session: Session) -> str:
        """The special tokens that the tokenizer puts behind a prompt: without them from the next run on, or with."""
        session.leaves_end_off = not session.leaves_end_off
        return frame({"prompt_end": prompt_end(self.slot.get(), session.leaves_end_off, self.t)})

    def is_others(self, session: Session, backend: "Engine") -> bool:
        """Whether the recorded run is not of the loaded model: by its name, or by its vocabulary."""
        return backend.info.name != session.model_name or backend.vocabulary != self.first_vocabulary

    def put_away(self, session: Session, backend: "Engine") -> dict[str, object]:
        """The recorded run is another model's: an empty page for the loaded one instead, and a word on that."""
        words = self.t("notice.put_away", recorded=session.model_name, loaded=backend.info.name)
        request = replace(self.first_run.request, prompt_ids=prompts.ids_or_none(self.first.prompt, backend))
        session.restore(Snapshot(Trace(request), backend.info.name, False, None, ()))
        look = Look((), next(iter(UNITS.values())), self.t, backend.vocabulary)
        return {
            **self.shown(session, look),
            "notice": wording.notice(words),
            "lesson": {"parts": []},
            "tour": tour.NONE,
        }

    def lesson(self, example: Example) -> str:
        """What to notice in an example; its words and numbers are those of the model that it was made with."""
        words = self.t(f"example.{example.key}.notice")
        if self.brought.made_with in ("", self.slot.display_name):
            return words
        return self.t("lesson.made_with", recorded=self.brought.made_with, lesson=words)

    def nth_example(self, index: int, session: Session) -> list[Any]:
        """The example of a chip."""
        return self.load_example(self.brought.examples[index], session)

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
            "",
            frame({"lesson": {"parts": [self.lesson(example)]}, "written": {}}),
        ]
