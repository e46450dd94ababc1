"""What all handlers of the Compare tab use: how its run stands, and every panel of its page."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from playground.components.live_bus import frame
from playground.decoding.dialogue import Dialogue, Prompt
from playground.engines import prompts
from playground.engines.huggingface import context
from playground.engines.loading import ModelSlot
from playground.engines.protocol import check_whole
from playground.engines.shelf import Shelf, split
from playground.errors import PlaygroundError
from playground.i18n import Translator, said, say
from playground.lists import LISTS
from playground.panels import wording
from playground.panels.compare import frames
from playground.panels.compare.frames import Look, Places, Row
from playground.panels.compare.schema import chips
from playground.panels.compare.step import step
from playground.runs.comparison import Writer
from playground.runs.setup import Setup
from playground.tabs import state_line
from playground.tabs.brought import TALES, Brought
from playground.tabs.compare.controls import Controls
from playground.tabs.compare.session import MOST_LANES, CompareSession, OwnText, Source
from playground.tabs.state_line import Parts
from playground.views.strip import spelt_together
from playground.written import typed

if TYPE_CHECKING:
    from playground.engines.protocol import Engine

LEAD = 24  # characters of the prompt that stand before a text


class CompareBase:
    """What all handlers of the tab use."""

    def __init__(self, slot: ModelSlot, t: Translator, brought: Brought = TALES, shelf: Shelf | None = None) -> None:
        """`slot` is the model of the page, which writes what names no other; `shelf` those that may be named."""
        self.slot = slot
        self.shelf = shelf or Shelf.of(slot)
        self.brought = brought
        self.t = t

    def new_session(self) -> CompareSession:
        first = self.brought.comparisons[0]
        return CompareSession(first.lanes, first.key)

    def renew(self, session: CompareSession) -> None:
        """The session comes to this model from another one: what that one wrote goes; the lanes stay as they are."""
        session.stop()
        session.put(None, None)
        session.vocabularies = {}
        session.clouds.clear()
        session.lesson, session.is_stopped, session.told = "", False, {}

    # models

    def slot_of(self, source: Source) -> ModelSlot:
        """The model of a lane: its own, or that of the page. Raises UnknownModelError."""
        return self.shelf.slot(source.model) if source.model else self.slot

    def backend_of(self, source: Source) -> "Engine":
        """Waits for the model. Raises UnknownModelError, ModelUnavailableError."""
        return self.slot_of(source).get()

    @contextmanager
    def using(self, sources: Iterable[Source]) -> Iterator[None]:
        """Meanwhile the models of these lanes are not dropped."""
        with ExitStack() as held:
            for slot in {id(slot): slot for slot in map(self.slot_of, sources)}.values():
                held.enter_context(slot.using())
            yield

    def writer(self, source: Source, prompt: Prompt, session: CompareSession) -> Writer:
        """Who writes a lane, and the prompt as it reads it. Raises as `prompts.opening`, PromptTooLongError."""
        backend = self.backend_of(source)
        check_whole(backend, say("compare.tab"))
        ids, rendered = prompts.opening(prompt, backend, not session.leaves_end_off)
        context.room(backend.model.context_length, ids)
        return Writer(backend, ids, rendered)

    def offer(self, session: CompareSession) -> dict[str, object]:
        """Whether the prompt may be turns: where the page's model or that of a lane has a chat template. Of a model
        that is not loaded yet that is not known: turns that stand there already are left to it."""
        has_turns = session.now is not None and isinstance(session.now[0], Dialogue)
        named = [one.setup.model for one in session.lanes if one.setup.model and one.setup.model in self.shelf]
        slots = [self.slot, *map(self.shelf.slot, named)]
        return {"offered": any(prompts.speaks(one.get()) if one.is_ready else has_turns for one in slots)}

    def model_name(self, source: Source) -> str:
        """Of a lane that has a model of its own, as the page calls it; "" for that of the page."""
        if not source.model:
            return ""
        return self.shelf.entry(source.model).shown if source.model in self.shelf else source.model

    def coming(self, sources: Iterable[Source]) -> str:
        """Which models are waited for; "" for none."""
        names = [slot.display_name for slot in map(self.slot_of, sources) if not slot.is_ready]
        return self.t("compare.model.coming", names=self.t.listed(list(dict.fromkeys(names)))) if names else ""

    def to_fetch(self, sources: Iterable[Source]) -> str:
        """Which models are not on this machine, with what they weigh; "" for none."""
        names = dict.fromkeys(source.model for source in sources if source.model and source.model in self.shelf)
        entries = [self.shelf.entry(name) for name in names if not self.shelf.is_at_hand(name)]
        words = [self.t("compare.model.sized", name=e.shown, size=e.note) if e.note else e.shown for e in entries]
        return self.t.listed(words) if words else ""

    def models(self) -> dict[str, object]:
        """What a lane may be written by: [name, title, the name that a scale of its adapter stands behind], that of the
        page first, without a name."""
        own = self.t("compare.editor.model.page", name=self.slot.display_name)
        page = split(self.slot.name)[0]
        scaled = [entry.name if entry.has_adapter else "" for entry in self.shelf.entries]
        found = [[e.name, e.shown, name] for e, name in zip(self.shelf.entries, scaled, strict=True)]
        return {"compare.models": {"models": [["", own, page if page in scaled else ""], *found]}}

    def failed(self, session: CompareSession, words: str, ends_run: bool) -> dict[str, object]:
        return {"compare.notice": wording.notice(words, "bad")}

    def heard(self, session: CompareSession, values: tuple[Any, ...]) -> None:
        controls = Controls(*values)
        try:
            session.now = (controls.begins, bool(controls.same_dice))
        except PlaygroundError:
            return  # whatever is begun with such turns says so

    def standing(self, session: CompareSession) -> dict[str, object]:
        """How the run stands, and what has been changed since."""
        t, state = self.t, session.state
        parts: Parts = [{"text": t(f"state.{state}"), "kind": f"state state-{state}"}]
        changes = []
        if state != "ready" and session.now is not None:
            if session.now[0] != session.made[0]:
                changes.append(t("made.prompt"))
            if session.now[1] != session.made[1]:
                changes.append(t("compare.dice.label"))
            changes += [said(name, t) or t("compare.removed") for name in session.changed()]
        if changes:
            parts.append({"text": t("made.changed", changes=state_line.listed(changes, t)), "kind": "changed"})
        line = {"parts": parts, "kind": "changed" if changes else state}
        return {"compare.made": line, **state_line.buttons(state, t, "compare.")}

    # what is on the page

    def rows(self, session: CompareSession) -> list[Row]:
        same = session.now[1] if session.now else True
        found = []
        for one in session.lanes:
            source, name = one.setup, said(one.name, self.t)
            lane, badge = session.lane_of(one.key), session.badges.get(one.key)
            whose: dict[str, Any] = {"vocabulary": session.vocabularies.get(one.key), "model": source.model or ""}
            model = [title] if (title := self.model_name(source)) else []
            if isinstance(source, OwnText):
                made = [*model, self.t("compare.text.chip")]
                found.append(Row(one.key, name, made, None, lane, badge, source.text, **whose))
            else:
                made = [*model, *chips(source, same, self.t)]
                written = self.typed(source)
                found.append(Row(one.key, name, made, source.to_json(), lane, badge, written=written, **whose))
        return found

    def typed(self, setup: Setup) -> dict[str, str]:
        """The lists of a setup as a person types them."""
        lists = {name: value for name, value in setup.settings.items() if name in LISTS}
        vocabulary = self.backend_of(setup).vocabulary if lists else None
        return {name: typed(name, value, vocabulary) for name, value in lists.items() if vocabulary}

    def look(self, session: CompareSession) -> Look:
        return Look(self.t, self.slot.get().vocabulary if session.comparison else None)

    def lead(self, session: CompareSession, look: Look) -> str:
        if session.asked is None or look.vocabulary is None:
            return ""
        dialogue = session.asked.dialogue
        if dialogue is None:
            text = spelt_together(session.asked.prompt_ids, look.vocabulary)
        else:  # a new turn begins by itself
            text = dialogue.turns[-1].content if dialogue.continues else ""
        return text if len(text) <= LEAD else "…" + text[-LEAD:]

    def panels(
        self, session: CompareSession, shown: dict[int, tuple[int, ...]], look: Look, with_step: bool = True
    ) -> dict[str, object]:
        rows = self.rows(session)
        parting, parts = frames.parting(rows, look)
        at = self.at(session, rows, parts, look)
        found = {**frames.texts(rows, self.lead(session, look), shown, look), **parting}
        found |= frames.lanes(rows, self.token(session), parts, MOST_LANES, look, at)
        if with_step:
            found |= step(rows, at, look) | frames.table(rows, look) | frames.surprisal(rows, at, look)
        if not shown:
            found["compare.lead"] = self.read_as(session, rows, look)
        shown.clear()
        shown.update({row.key: row.lane.token_ids if row.lane else () for row in rows})
        return found

    def read_as(self, session: CompareSession, rows: list[Row], look: Look) -> dict[str, object]:
        """The turns as the first lane read them whose model has a chat template, and who read a plain text."""
        asked = session.asked
        if asked is None or asked.dialogue is None:
            return {"parts": []}
        names = {key: self.model_name(source) or self.slot.display_name for key, source in asked.lanes}
        return frames.dialogue(rows, names, look)

    def at(self, session: CompareSession, rows: list[Row], parts: Places, look: Look) -> Places:
        """The token on show in each row: the one that was picked, or where they part, or the newest."""
        if session.token is not None:
            return frames.places_at(rows, *session.token, look)
        if parts or session.comparison is None:
            return parts
        return frames.last_places(rows, session.written.steps or session.comparison.steps, look)

    def whole(self, session: CompareSession) -> dict[str, object]:
        """All panels of what the session has on the page."""
        offer = {"compare.turns": self.offer(session)}
        return {**self.panels(session, {}, self.look(session)), **self.models(), **offer}

    def first_frame(self) -> dict[str, object]:
        session = self.new_session()
        return {
            **self.whole(session),
            **self.standing(session),
            "compare.notice": wording.notice(""),
            "compare.lesson": self.lesson(self.brought.comparisons[0].key),
        }

    def lesson(self, key: str) -> dict[str, object]:
        words = self.t(f"compare.example.{key}.notice")
        if self.brought.made_with not in ("", self.slot.display_name):
            words = self.t("lesson.made_with", recorded=self.brought.made_with, lesson=words)
        return {"parts": [words]}

    def badged(self, session: CompareSession) -> str:
        rows, look = self.rows(session), self.look(session)
        _, parts = frames.parting(rows, look)
        at = self.at(session, rows, parts, look)
        return frame(frames.lanes(rows, self.token(session), parts, MOST_LANES, look, at))

    def token(self, session: CompareSession) -> tuple[int, int] | None:
        if session.token is None:
            return None
        place = session.place(session.token[0])
        return None if place is None else (place, session.token[1])
