"""Linked: the comparison that a link speaks of: its rows and controls, then its texts; and the link of what is here."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import gradio as gr

from playground import written
from playground.components.live_bus import frame
from playground.engines.prompts import speller_of
from playground.errors import PlaygroundError
from playground.i18n import Said, said, say
from playground.lists import LISTS
from playground.runs.gave import Gave
from playground.runs.lane_links import MOST_DRAWN, TAB, LinkedLane, LinkedLanes, query_of_lanes, query_of_view
from playground.runs.setup import Setup
from playground.tabs import links
from playground.tabs.compare.controls import Controls
from playground.tabs.compare.editing import fields
from playground.tabs.compare.handlers import CompareTab
from playground.tabs.compare.session import LONGEST_NAME, CompareSession, OwnText, Source
from playground.tabs.shell import reported
from playground.tabs.visitor import Asks


class LinkedCompare(CompareTab):
    """All handlers of the tab, those of a link that was opened among them."""

    def open_link(self, session: CompareSession, query: Any, *values: Any) -> list[Any]:
        """What prompt, dice, pace, turns and number of texts are to say, then the frame with the rows of the link."""
        session.linked = link = links.opened_lanes(session.link_query or query)
        notes, lanes = list(link.notes), []
        for one in link.lanes:
            name = one.name or self.t("compare.unnamed")
            lanes.append((name, self.source(one, notes)))
        link = replace(link, notes=tuple(notes))
        session.link_words = links.words_on_lanes(link, self.slot.name, session.link_wants)
        if lanes:
            session.fill(lanes, "")
        controls = Controls(*values)
        prompt, turns = (controls.prompt, controls.turns) if link.prompt is None else fields(link.prompt)
        same_dice = controls.same_dice if link.same_dice is None else link.same_dice
        session.now = (controls.begins if link.prompt is None else link.prompt, bool(same_dice))
        shown = frame({**self.whole(session), **self.standing(session), "compare.lesson": {"parts": []}})
        return [prompt, same_dice, link.speed or links.SPEED["compare"], turns, link.drawn or gr.skip(), shown]

    def source(self, lane: LinkedLane, notes: list[Said]) -> Source:
        """What makes a row; its lists as its model spells them. What can't be taken is noted."""
        model = lane.model if lane.setup is None else lane.setup.model
        if model is not None and model not in self.shelf:
            notes.append(say("link.value", name="model", value=model[:LONGEST_NAME]))
            model = None
        elif model is not None and not self.shelf.is_at_hand(model):
            notes.append(say("link.row_to_fetch", made=model))
            model = None
        if lane.setup is None:
            return OwnText(lane.text or "", model)
        setup, lists = replace(lane.setup, model=model), dict[str, Any]()
        for name, text in lane.texts.items():
            try:
                lists |= written.settings({name: text}, speller_of(self.backend_of(setup)))
            except PlaygroundError:
                notes.append(say("link.value", name=name, value=text[:LONGEST_NAME]))
        return Setup.from_json(setup.to_json() | lists)

    @reported(ends_run=True)
    def run_link(self, session: CompareSession, *values: Any) -> Iterator[str]:
        """The texts of the link, the token that it looks at, and many texts of each lane where it asks for them."""
        link = session.linked
        if link is None or not link.runs or not (link.lanes or link.prompt is not None):
            return
        yield from self.stream(session, values, None, single=False)
        if session.is_running or session.state != "ended":
            return
        if words := links.other_lanes(self.gave(session, link)):
            session.link_words = links.both(session.link_words, words)
            yield frame(self.standing(session))
        if link.at is not None and session.token is None:
            yield self.inspect(session, [link.at[0] - 1, link.at[1] - 1])
        if link.drawn:
            yield from self.draw(session, link.drawn, *values)

    def gave(self, session: CompareSession, link: LinkedLanes) -> Iterator[tuple[str, Gave, tuple[int, ...]]]:
        """The rows of a link that say which tokens they gave, and those here; by the same models."""
        for one, row in zip(link.lanes, session.lanes, strict=False):
            lane = session.lane_of(row.key)
            is_same = link.model in (None, self.slot.name) and one.setup and one.setup.model == row.setup.model
            if one.gave is not None and is_same and lane is not None:
                yield said(row.name, self.t), one.gave, tuple(lane.token_ids)

    @reported(ends_run=True)
    def run(self, session: CompareSession, *values: Any) -> Iterator[str]:
        """As without links."""
        session.link_words = None  # it spoke of another comparison
        yield from super().run(session, *values)

    # the link of what is here

    def heard(self, session: CompareSession, values: tuple[Any, ...]) -> None:
        super().heard(session, values)
        usual, speed = links.SPEED["compare"], Controls(*values).speed
        session.asks = Asks("", "" if speed in (usual, None) else str(speed))

    def standing(self, session: CompareSession) -> dict[str, object]:
        found = super().standing(session)
        made: Any = found["compare.made"]
        run, is_ended = self.query(session), made["kind"] == "ended"
        view = query_of_view(self.view(session)) if run else ""
        address = {"run": run, "view": view, "ended": is_ended, "gave": ""}
        return found | {"compare.link": links.notice(session.link_words, self.t), "compare.address": address}

    def query(self, session: CompareSession) -> str:
        """What makes the comparison, as a query; "" for the page as everybody meets it."""
        first = self.brought.comparisons[0]
        now = session.now or (first.prompt, first.same_dice)
        rows = tuple((one.name, one.setup) for one in session.lanes)
        if session.comparison is None and (rows, now) == (first.lanes, (first.prompt, first.same_dice)):
            return ""
        if session.query[0] != (rows, now):
            lanes = tuple(self.linked(name, source) for name, source in rows)
            session.query = (rows, now), query_of_lanes(LinkedLanes(lanes, *now, model=self.slot.name))
        return session.query[1]

    def link_to(self, session: CompareSession) -> str:
        """As an address, with the tokens of every lane; "" where rows, prompt or dice have been changed since."""
        told: Any = self.standing(session)
        parts = [*told["compare.made"]["parts"], *told["compare.clouds.made"]["parts"]]
        if session.now is None or any(not isinstance(one, str) and one.get("kind") == "changed" for one in parts):
            return ""
        is_ended = told["compare.made"]["kind"] == "ended"
        lanes = []
        for one in session.lanes:
            lane = session.lane_of(one.key) if is_ended and isinstance(one.setup, Setup) else None
            gave = Gave.of(lane.token_ids) if lane is not None and lane.error is None else None
            lanes.append(replace(self.linked(one.name, one.setup), gave=gave))
        run = query_of_lanes(LinkedLanes(tuple(lanes), *session.now, model=self.slot.name))
        return "&".join(part for part in (f"tab={TAB}", run, query_of_view(self.view(session))) if part)

    def linked(self, name: str | Said, source: Source) -> LinkedLane:
        title = said(name, self.t)
        if isinstance(source, OwnText):
            return LinkedLane(title, text=source.text, model=source.model)
        numbers = {key: value for key, value in source.settings.items() if key not in LISTS}
        return LinkedLane(title, replace(source, settings=numbers), self.typed(source))

    def view(self, session: CompareSession) -> LinkedLanes:
        place = None if session.token is None else session.place(session.token[0])
        at = None if place is None or session.token is None else (place + 1, session.token[1] + 1)
        lanes = [one.key for one in session.lanes if isinstance(one.setup, Setup)]
        counts = {session.clouds.drawn[key].wanted if key in session.clouds.drawn else 0 for key in lanes}
        drawn = counts.pop() if len(counts) == 1 else 0
        return LinkedLanes(speed=session.asks.view or None, at=at, drawn=drawn if drawn <= MOST_DRAWN else 0)
