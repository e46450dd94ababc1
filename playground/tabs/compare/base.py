"""What all handlers of the Compare tab use: how its run stands, and every panel of its page."""

from typing import Any

from playground.components.live_bus import frame
from playground.engines.loading import ModelSlot
from playground.i18n import Translator, said
from playground.lists import LISTS
from playground.panels import wording
from playground.panels.compare import frames
from playground.panels.compare.frames import Look, Row
from playground.panels.compare.schema import chips
from playground.runs.setup import Setup
from playground.tabs import state_line
from playground.tabs.brought import TALES, Brought
from playground.tabs.compare.session import MOST_LANES, CompareSession, OwnText
from playground.tabs.state_line import Parts, State
from playground.views.strip import spelt_together
from playground.written import typed

LEAD = 24  # characters of the prompt that stand before a text


class CompareBase:
    """What all handlers of the tab use."""

    def __init__(self, slot: ModelSlot, t: Translator, brought: Brought = TALES) -> None:
        self.slot = slot
        self.brought = brought
        self.t = t

    def new_session(self) -> CompareSession:
        first = self.brought.comparisons[0]
        return CompareSession(first.lanes, first.key)

    def renew(self, session: CompareSession) -> None:
        """The session comes to this model from another one: what that one wrote goes; the lanes stay as they are."""
        session.stop()
        session.put(None, None)
        session.clouds.clear()
        session.lesson, session.is_stopped, session.told = "", False, {}

    def failed(self, session: CompareSession, words: str, ends_run: bool) -> dict[str, object]:
        return {"compare.notice": wording.notice(words, "bad")}

    def heard(self, session: CompareSession, values: tuple[Any, ...]) -> None:
        prompt, same_dice, _ = values
        session.now = (prompt or "", bool(same_dice))

    def state(self, session: CompareSession) -> State:
        if session.is_running:
            return "running"
        if session.comparison is None or not session.comparison.steps:
            return "ready"
        if session.comparison.is_over:
            return "ended"
        return "stopped" if session.is_stopped else "paused"

    def standing(self, session: CompareSession) -> dict[str, object]:
        """How the run stands, and what has been changed since."""
        t, state = self.t, self.state(session)
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
            if isinstance(source, OwnText):
                found.append(Row(one.key, name, [self.t("compare.text.chip")], None, lane, badge, source.text))
            else:
                made = chips(source, same, self.t)
                found.append(Row(one.key, name, made, source.to_json(), lane, badge, written=self.typed(source)))
        return found

    def typed(self, setup: Setup) -> dict[str, str]:
        """The lists of a setup as a person types them."""
        lists = {name: value for name, value in setup.settings.items() if name in LISTS}
        vocabulary = self.slot.get().vocabulary if lists else None
        return {name: typed(name, value, vocabulary) for name, value in lists.items() if vocabulary}

    def look(self, session: CompareSession) -> Look:
        return Look(self.t, self.slot.get().vocabulary if session.comparison else None)

    def lead(self, session: CompareSession, look: Look) -> str:
        if session.asked is None or look.vocabulary is None:
            return ""
        text = spelt_together(session.asked.prompt_ids, look.vocabulary)
        return text if len(text) <= LEAD else "…" + text[-LEAD:]

    def panels(
        self, session: CompareSession, shown: dict[int, tuple[int, ...]], look: Look, with_step: bool = True
    ) -> dict[str, object]:
        rows = self.rows(session)
        parting, index = frames.parting(rows, look)
        token = None
        at = index
        if session.token is not None:
            place = session.place(session.token[0])
            token = None if place is None else (place, session.token[1])
            at = session.token[1]
        elif at is None:
            at = max(0, (session.written.steps or session.comparison.steps) - 1) if session.comparison else None
        found = {**frames.texts(rows, self.lead(session, look), shown, look), **parting}
        found |= frames.lanes(rows, token, index, MOST_LANES, look)
        if with_step:
            found |= frames.step(rows, at, look) | frames.table(rows, look) | frames.surprisal(rows, at, look)
        shown.clear()
        shown.update({row.key: row.lane.token_ids if row.lane else () for row in rows})
        return found

    def whole(self, session: CompareSession) -> dict[str, object]:
        """All panels of what the session has on the page."""
        return self.panels(session, {}, self.look(session))

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
        _, index = frames.parting(rows, look)
        return frame(frames.lanes(rows, self.token(session), index, MOST_LANES, look))

    def token(self, session: CompareSession) -> tuple[int, int] | None:
        if session.token is None:
            return None
        place = session.place(session.token[0])
        return None if place is None else (place, session.token[1])
