"""The handlers of the Compare tab: the run of all lanes, their verification, and looking at a step."""

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from playground import engine
from playground.components.gaze import as_pair
from playground.components.live_bus import frame
from playground.decoding.dialogue import Dialogue, Prompt
from playground.decoding.lanes import Comparison, Lane
from playground.engines import dialogues, prompts
from playground.engines.protocol import runs_in_transformers
from playground.errors import PlaygroundError
from playground.panels import wording
from playground.panels.compare import frames, saved
from playground.panels.compare.frames import Look
from playground.panels.compare.step import step as show_step
from playground.runs import late
from playground.runs.comparison import Writer, requests_of
from playground.runs.scoring import text_lane
from playground.runs.setup import Setup
from playground.runs.versions import versions
from playground.tabs.compare.clouds import Clouds
from playground.tabs.compare.controls import Controls
from playground.tabs.compare.session import MOST_LANES, TEXT_LANE_BYTES, Asked, CompareSession, OwnText, is_empty
from playground.tabs.generate.controls import SPEEDS
from playground.tabs.shell import FRAME_SECONDS, reported

if TYPE_CHECKING:
    from playground.engines.protocol import Engine

SAVED = ("lanes", "texts", "everything")
PANEL_SECONDS = 0.25  # between two drawings of the bars while a run goes on


class CompareTab(Clouds):
    """All handlers of the tab."""

    # the run

    @reported(ends_run=True)
    def run(self, session: CompareSession, *values: Any) -> Iterator[str]:
        """Run: all lanes from the prompt."""
        session.stop()
        yield from self.stream(session, values, None, single=False)

    @reported(ends_run=True)
    def run_example(self, session: CompareSession, *values: Any) -> Iterator[str]:
        """An example was chosen: run it, unless a model of it would have to be fetched; then Run has to be pressed."""
        if missing := self.to_fetch(one.setup for one in session.lanes):
            yield frame({"compare.notice": wording.notice(self.t("compare.model.to_fetch", names=missing))})
            return
        yield from self.run(session, *values)

    @reported(ends_run=True)
    def step(self, session: CompareSession, *values: Any) -> Iterator[str]:
        """Step: one token more in every lane, or the first where something else is asked for."""
        yield from self.go_on(session, values, single=True)

    @reported(ends_run=True)
    def pause(self, session: CompareSession, *values: Any) -> Iterator[str]:
        """Pause a run; resume one that waits."""
        if session.pause():
            steps = session.written.steps
            yield frame({"compare.notice": wording.notice(self.t("notice.paused", tokens=steps))})
            return
        yield from self.go_on(session, values, single=False)

    @reported(ends_run=True)
    def stop(self, session: CompareSession, *values: Any) -> Iterator[str]:
        """Stop: the run is over, as it is."""
        if session.call_off():
            steps = session.written.steps
            yield frame({"compare.notice": wording.notice(self.t("notice.stopped", tokens=steps))})

    def go_on(self, session: CompareSession, values: tuple[Any, ...], single: bool) -> Iterator[str]:
        session.stop()
        asked = self.asked(session, values)
        before: Comparison | None = session.written
        if session.comparison is None or session.asked != asked or not session.comparison.steps:
            before = None
        elif session.comparison.is_over:
            yield frame({"compare.notice": wording.notice(self.t("compare.ended"))})
            return
        yield from self.stream(session, values, before, single)

    def asked(self, session: CompareSession, values: tuple[Any, ...]) -> Asked:
        controls = Controls(*values)
        begins = controls.begins
        own = self.writer(Setup(), begins, session)
        lanes = tuple((one.key, one.setup) for one in session.lanes if not is_empty(one.setup))
        dialogue = begins if isinstance(begins, Dialogue) else None
        return Asked(own.prompt_ids, lanes, bool(controls.same_dice), own.backend.info.name, dialogue)

    def stream(
        self, session: CompareSession, values: tuple[Any, ...], before: Comparison | None, single: bool
    ) -> Iterator[str]:
        """Take steps after `before`, of all lanes that write, and show each, until the end or until something else is
        begun. Texts are read first."""
        with self.using(one.setup for one in session.lanes):
            yield from self.stream_lanes(session, values, before, single)

    def stream_lanes(
        self, session: CompareSession, values: tuple[Any, ...], before: Comparison | None, single: bool
    ) -> Iterator[str]:
        if coming := self.coming(one.setup for one in session.lanes):
            yield frame({"compare.notice": wording.notice(coming)})
        backend = self.slot.get()
        asked, prompt = self.asked(session, values), Controls(*values).begins
        if not asked.lanes:
            yield frame({"compare.notice": wording.notice(self.t("compare.text.empty"), "bad")})
            return
        setups = [source for _, source in asked.lanes if isinstance(source, Setup)]
        held = session.clouds.bytes + (len(asked.lanes) - len(setups)) * TEXT_LANE_BYTES
        writers = [self.writer(setup, prompt, session) for setup in setups]
        requests = requests_of(setups, writers, asked.same_dice, held)
        texts: dict[int, Lane] = {}
        vocabularies = {}
        for key, source in asked.lanes:
            reader = self.backend_of(source)
            if source.model:
                vocabularies[key] = reader.vocabulary
            if isinstance(source, OwnText):
                known = session.lane_of(key) if before else None
                texts[key] = known or text_lane(prompt, source.text, reader)

        def together(written: Comparison) -> Comparison:
            rest = iter(written.lanes)
            return Comparison(tuple(texts[key] if key in texts else next(rest) for key, _ in asked.lanes))

        kept = session.comparison, session.asked, session.badges, session.made, session.vocabularies
        session.vocabularies = vocabularies
        session.now = session.made = (prompt, asked.same_dice)
        if before is None:
            session.put(None, None)
            session.asked = asked
        session.badges, session.verified = {}, None
        speed = None if single else SPEEDS.get(values[2])
        unbegun = Comparison(tuple(Lane.before(request) for request in requests))
        models = [one.backend.model for one in writers]
        steps = engine.compare_each(models, requests, before if before and before.lanes else None)
        look = Look(self.t, backend.vocabulary)
        shown: dict[int, tuple[int, ...]] = {}
        next_panels = 0.0

        def take(run: int, written: Comparison) -> bool:
            return session.take(run, together(written))

        with session.watching(steps, speed, FRAME_SECONDS, take, single) as watch:
            try:
                dropped = self.dropped(prompt, backend, writers)
                yield frame({"compare.notice": wording.notice(dropped)})
                if texts and take(watch.run, before or unbegun):
                    yield frame(self.panels(session, shown, look), session.frames.now())
                for comparison in watch.steps:
                    now = time.monotonic()
                    with_step = single or comparison.is_over or now >= next_panels
                    if with_step:
                        next_panels = now + PANEL_SECONDS
                    asked_at = session.frames.now()
                    update = frame(self.panels(session, shown, look, with_step), asked_at)
                    if not session.is_current(watch.run):
                        break
                    yield update
            except Exception:
                if (session.comparison is None or not session.comparison.steps) and session.is_current(watch.run):
                    # the last good picture
                    session.comparison, session.asked, session.badges, session.made, session.vocabularies = kept
                raise
        if session.version == watch.run and session.comparison is not None:
            yield frame(self.whole(session), session.frames.now())

    def dropped(self, prompt: Prompt, own: "Engine", writers: Sequence[Writer]) -> str:
        """A sentence on the characters of the prompt that a model reads nothing of, by its name if it is a lane's."""
        others = {id(one.backend): one.backend for one in writers if one.backend is not own}.values()
        own_words = prompts.words(prompt, own)
        notes = [prompts.dropped_note(own_words, own, self.t)] if len(others) < len(writers) or not writers else []
        notes += [
            self.t("compare.model.note", name=one.info.name, note=note)
            for one in others
            if (note := prompts.dropped_note(prompts.words(prompt, one), one, self.t))
        ]
        return " ".join(filter(None, notes))

    @reported(if_current=True)
    def verify(self, session: CompareSession) -> Iterator[str]:
        """Each lane compared with its setup alone, and that with transformers."""
        comparison, version = session.comparison, session.version
        if comparison is None or session.asked is None or session.is_running or not comparison.is_over:
            return
        if session.verified is comparison or session.asked.model_name != self.slot.get().info.name:
            return
        session.verified = comparison
        with self.using(source for _, source in session.asked.lanes):
            yield from self.verify_lanes(session, comparison, session.asked, version)

    def verify_lanes(
        self, session: CompareSession, comparison: Comparison, asked: Asked, version: int
    ) -> Iterator[str]:
        def is_wanted() -> bool:
            return session.version == version

        for (key, source), lane in zip(asked.lanes, comparison.lanes, strict=True):
            backend = self.backend_of(source)
            is_known = session.badges.get(key, {}).get("kind", "wait") != "wait"
            if not lane.token_ids or lane.error is not None or is_known:
                continue
            if not runs_in_transformers(backend):
                session.badges[key] = {"text": self.t("badge.no_reference", name=backend.info.name), "kind": "wait"}
                yield self.badged(session)
                continue
            session.badges[key] = {"text": self.t("badge.wait"), "kind": "wait"}
            yield self.badged(session)
            try:
                if isinstance(source, OwnText):
                    badge = frames.text_badge(late.text_verification.verify_text(lane, backend, is_wanted), self.t)
                else:
                    found = late.lane_verification.verify_lane(lane, backend, is_wanted)
                    badge = frames.badge(found, lane, backend.vocabulary, self.t)
            except late.verification.Cancelled:
                return
            except Exception:
                if session.version == version:
                    del session.badges[key]
                    yield self.badged(session)
                raise
            if session.version != version:
                return
            session.badges[key] = badge
            yield self.badged(session)

    # looking

    @reported()
    def inspect(self, session: CompareSession, picked: Any, *values: Any) -> str:
        """A token was clicked: every lane shows that step; null follows again."""
        pair = as_pair(picked)
        is_there = pair is not None and 0 <= pair[0] < len(session.lanes) and pair[1] >= 0
        session.token = (session.lanes[pair[0]].key, pair[1]) if pair and is_there else None
        rows, look = self.rows(session), self.look(session)
        _, parts = frames.parting(rows, look)
        at = self.at(session, rows, parts, look)
        return frame(
            {
                **frames.lanes(rows, self.token(session), parts, MOST_LANES, look, at),
                **show_step(rows, at, look),
                **frames.surprisal(rows, at, look),
            }
        )

    def link_to(self, session: CompareSession) -> str:
        """The query of the address that makes again what is on the page; "" where there is none."""
        return ""

    @reported()
    def save(self, session: CompareSession, what: str, *values: Any) -> Iterator[str]:
        """One of SAVED as a file: what is on the page, nothing computed anew."""
        if session.comparison is None and not session.clouds.drawn:
            yield frame({"compare.notice": wording.notice(self.t("compare.save.nothing"), "bad")})
            return
        vocabulary, clouds = self.slot.get().vocabulary, session.clouds
        rows, drawn = self.rows(session), self.cloud_rows(session)
        if what == "lanes":
            text = saved.lanes_csv(rows, vocabulary)
        elif what == "texts":
            text = saved.clouds_csv(drawn, clouds.votes, vocabulary)
        else:
            ids = session.asked.prompt_ids if session.asked else clouds.prompt_ids
            model = session.asked.model_name if session.asked else clouds.model_name
            begun = session.made[0] if session.asked else clouds.prompt
            made = {
                "format": saved.COMPARISON, "link": self.link_to(session), "made_with": dict(versions()),
                "model": model,
                **(dialogues.to_json(begun) if isinstance(begun, Dialogue) else {"prompt": begun}), "prompt_ids": ids,
                "same_dice": session.asked.same_dice if session.asked else None, "clouds_prompt_ids": clouds.prompt_ids,
            }  # fmt: skip
            pairs = [(row, clouds.drawn[row.key].setup.to_json()) for row in drawn]
            text = saved.everything(made, rows, pairs, clouds.votes, vocabulary)
        kind = "json" if what == "everything" else "csv"
        mime = "application/json" if kind == "json" else "text/csv"
        sent = {"name": f"comparison-{what}.{kind}", "type": mime, "text": text}
        yield frame({"compare.save": sent, "compare.notice": wording.notice("")})

    @reported()
    def resync(self, session: CompareSession, *values: Any) -> str:
        """The browser has missed something: everything again."""
        found = self.whole(session)
        session.told = {}
        return frame({**found, **self.standing(session)})

    @reported()
    def welcome(self, session: CompareSession, *values: Any) -> Iterator[str]:
        """A visitor came to the tab: once there is a model, whether it takes turns."""
        try:
            self.slot.get()
        except PlaygroundError:
            return  # the page says so already
        yield frame({"compare.turns": self.offer(session)})

    @reported()
    def arrive(self, session: CompareSession, *values: Any) -> Iterator[str]:
        """Another model was chosen: nothing that the one before it wrote is left."""
        cleared = {"compare.lesson": {"parts": []}, "compare.notice": wording.notice("")}
        yield frame({**self.whole(session), **self.standing(session), **cleared})
        yield from self.welcome(session, *values)
