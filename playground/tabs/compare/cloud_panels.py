"""What the Compare tab shows of its clouds: their panels, and how their drawing stands."""

from dataclasses import replace

from playground import engine
from playground.i18n import Said, said
from playground.panels.compare import clouds as panels
from playground.panels.compare.clouds import CloudRow
from playground.panels.compare.frames import Look, colour
from playground.runs.comparison import seeds_of
from playground.runs.setup import Setup
from playground.tabs import state_line
from playground.tabs.compare.cloud_session import AXES, Drawn, Law
from playground.tabs.compare.editing import Editing
from playground.tabs.compare.session import CompareSession, OwnText
from playground.views.token_histogram import exact_probabilities

LEAD = 60  # characters of the prompt that stand before a text


class CloudPanels(Editing):
    """The panels of the clouds."""

    def whole(self, session: CompareSession) -> dict[str, object]:
        return {**super().whole(session), **self.cloud_panels(session)}

    def standing(self, session: CompareSession) -> dict[str, object]:
        """Also how the drawing of clouds stands, and what has been changed since."""
        t, clouds, now = self.t, session.clouds, session.now
        going = clouds.is_running
        found = {
            **super().standing(session),
            "compare.clouds.draw": {"text": t("compare.clouds.drawing" if going else "compare.clouds.draw"),
                                    "off": going, "kind": "running" if going else ""},
            "compare.clouds.sweep": {"text": t("compare.sweep.button"), "off": going},
            "compare.clouds.stop": {"text": t("button.stop"), "off": not going},
        }  # fmt: skip
        if not clouds.drawn or now is None:
            return found | {"compare.clouds.made": {"parts": []}}
        made = {one.key: one.setup for one in clouds.drawn.values() if one.key >= 0}
        lanes = [one for one in session.lanes if isinstance(one.setup, Setup)]
        seeds = seeds_of([one.setup for one in lanes if isinstance(one.setup, Setup)], now[1])
        changes = [t("made.prompt")] if now[0] != clouds.prompt else []
        changes += [
            said(one.name, t)
            for one, seed in zip(lanes, seeds, strict=True)
            if isinstance(one.setup, Setup) and one.key in made and made[one.key] != one.setup.with_seed(seed)
        ]
        lead = clouds.lead(LEAD)
        parts: state_line.Parts = [t("compare.clouds.made", prompt=lead)]
        if changes:
            parts.append(
                {"text": " " + t("compare.clouds.changed", changes=state_line.listed(changes, t)), "kind": "changed"}
            )
        return found | {"compare.clouds.made": {"parts": parts}}

    def cloud_rows(self, session: CompareSession) -> list[CloudRow]:
        """Of the lanes that are there, in the order of the page, then those of the sweep."""
        drawn = session.clouds.drawn
        found = [
            self.cloud_row(drawn[one.key], one.name, place, session)
            for place, one in enumerate(session.lanes)
            if one.key in drawn
        ]
        swept = [one for key, one in drawn.items() if key < 0]
        return found + [
            replace(self.cloud_row(one, one.name, None, session), share=i / max(1, len(swept) - 1))
            for i, one in enumerate(swept)
        ]

    def cloud_row(self, one: Drawn, name: str | Said, place: int | None, session: CompareSession) -> CloudRow:
        """With the vocabulary of its own model, if it has one."""
        vocabulary = self.backend_of(one.setup).vocabulary if one.setup.model else None
        badge = session.clouds.badge(one.key)
        return CloudRow(one.key, said(name, self.t), place, one.samples, one.view, vocabulary, badge=badge)

    def cloud_panels(self, session: CompareSession) -> dict[str, object]:
        """Every panel of the clouds, and how their drawing stands."""
        clouds = session.clouds
        clouds.keep({one.key for one in session.lanes})
        found = {**self.plane_panels(session), **self.read_panels(session), **self.histogram_panels(session)}
        return found if clouds.is_running else {**found, **panels.idle()}

    def plane_panels(self, session: CompareSession) -> dict[str, object]:
        clouds, look = session.clouds, self.cloud_look(session)
        reading = None if clouds.is_blind else clouds.reading
        rows = self.cloud_rows(session)
        shown = panels.plane(rows, self.own_texts(session), clouds.axis, AXES, reading, look)
        return {**shown, **panels.badges(rows if look.vocabulary else ())}

    def own_texts(self, session: CompareSession) -> list[tuple[str, str, float]]:
        """(name, colour, mean log-probability) of the texts that a person brought and the model has read."""
        found = []
        for place, one in enumerate(session.lanes):
            lane = session.lane_of(one.key)
            asked, clouds = session.asked, session.clouds
            is_of_prompt = asked is not None and (asked.prompt_ids, asked.dialogue) == (
                clouds.prompt_ids, clouds.dialogue,
            )  # fmt: skip
            if isinstance(one.setup, OwnText) and lane and lane.logprobs and is_of_prompt:
                found.append((said(one.name, self.t), colour(place), sum(lane.logprobs) / len(lane.logprobs)))
        return found

    def read_panels(self, session: CompareSession) -> dict[str, object]:
        clouds, look = session.clouds, self.cloud_look(session)
        sample = clouds.sample(clouds.reading)
        rows = self.cloud_rows(session)
        row = next((one for one in rows if clouds.reading and one.key == clouds.reading[0]), None)
        votes = clouds.votes.get((row.key, sample.token_ids)) if row and sample else None
        number = clouds.reading[1] if clouds.reading else 0
        lead = clouds.lead(LEAD)
        has_more = bool(clouds.unrated())
        shown = panels.text(sample, row, number, lead, votes, clouds.is_blind, has_more, look)
        return {**shown, **panels.trap(clouds.rated(), rows, look)}

    def histogram_panels(self, session: CompareSession) -> dict[str, object]:
        clouds, look = session.clouds, self.cloud_look(session)
        rows = [row for row in self.cloud_rows(session) if row.samples]
        chosen = next((row for row in rows if row.key == clouds.lane), None)
        chosen = chosen or next(
            (row for row in rows if clouds.drawn[row.key].setup.kind.draws), rows[0] if rows else None
        )
        if chosen is None or clouds.is_running or look.vocabulary is None:
            return panels.histogram(None, (), 0, (), None, look)
        law = self.law(session, chosen.key)
        return panels.histogram(chosen, rows, law.place, law.before, law.probabilities, look)

    def law(self, session: CompareSession, key: int) -> Law:
        """The exact probabilities of the token at the place on show, after the first tokens of the lane's first text,
        or of the text that is read if it is the lane's."""
        clouds = session.clouds
        one = clouds.drawn[key]
        number = clouds.reading[1] if clouds.reading and clouds.reading[0] == key else 0
        asked = (key, one.setup, clouds.place, number)
        if clouds.law and (clouds.law.key, clouds.law.setup, clouds.law.place, clouds.law.number) == asked:
            return clouds.law
        if not one.setup.kind.draws or one.setup.kind.has_beams:
            clouds.law = Law(*asked, (), None)
            return clouds.law
        strategy = one.request.strategy
        strategy = strategy.reseeded((strategy.seed + number) % 2**32)
        request = replace(one.request, strategy=strategy, max_new_tokens=clouds.place + 1)
        with self.using([one.setup]):
            *_, trace = engine.generate(self.backend_of(one.setup).model, request)
        place = len(trace.steps) - 1  # of a text that ends before, its last token
        law = exact_probabilities(trace, place)
        clouds.place = place
        clouds.law = Law(key, one.setup, place, number, trace.token_ids[:place], law)
        return clouds.law

    def cloud_look(self, session: CompareSession) -> Look:
        clouds = session.clouds
        is_there = bool(clouds.drawn) and self.slot.get().info.name == clouds.model_name
        return Look(self.t, self.slot.get().vocabulary if is_there else None)

    def chosen_lane(self, session: CompareSession) -> int:
        """The place of the lane that a sweep starts from: that of the histogram, or the first that draws, or writes."""
        place = session.place(session.clouds.lane)
        if place is not None and isinstance(session.lanes[place].setup, Setup):
            return place
        writing = [(i, one.setup) for i, one in enumerate(session.lanes) if isinstance(one.setup, Setup)]
        return next((i for i, setup in writing if setup.kind.draws), writing[0][0])
