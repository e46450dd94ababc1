"""What a person does to the lanes: change, add, take over from another tab, bring a text of their own, an example."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any

import gradio as gr

from playground import written
from playground.components.live_bus import Frame, frame
from playground.decoding.dialogue import Dialogue, Prompt, plain
from playground.engines import dialogues, prompts
from playground.engines.prompts import speller_of
from playground.errors import InvalidArgumentError
from playground.i18n import Said, said, say
from playground.lists import LISTS
from playground.panels import wording
from playground.runs.scoring import text_lane
from playground.runs.setup import MAX_TEXT, Setup
from playground.tabs.beam.controls import BeamValues
from playground.tabs.compare.base import CompareBase
from playground.tabs.compare.controls import COUNT, Controls
from playground.tabs.compare.examples import CompareExample
from playground.tabs.compare.session import LONGEST_NAME, MOST_LANES, Asked, CompareSession, OwnText, Source
from playground.tabs.generate.controls import Values
from playground.tabs.shell import reported

if TYPE_CHECKING:
    from playground.engines.protocol import Engine


class Editing(CompareBase):
    """The handlers that change the lanes."""

    @reported()
    def edit(self, session: CompareSession, event: gr.EventData, *values: Any) -> Iterator[str]:
        """A lane was changed, added, taken away or moved."""
        picked = event.picked if isinstance(event.picked, dict) else {}
        key, do = picked.get("key"), picked.get("do")
        if do == "change":
            setup = self.edited(picked.get("setup"), picked.get("written"))
            place = session.place(key)
            name = str(picked.get("name") or "")[:LONGEST_NAME] or self.t("compare.unnamed")
            before = session.lanes[place].name if place is not None else name
            session.change(key, before if said(before, self.t) == name else name, setup)
        elif do == "text" and (place := session.place(key)) is not None:
            name = str(picked.get("name") or "")[:LONGEST_NAME] or self.t("compare.unnamed")
            before = session.lanes[place].name
            source = own_text(picked.get("text"), picked.get("model"))
            session.change(key, before if said(before, self.t) == name else name, source)
            self.read_text(session, place)
        elif do in ("add", "copy", "add_text"):
            place = session.place(key)
            one = session.lanes[-1 if place is None else place]
            name = self.t("compare.copy_of", name=said(one.name, self.t))[:LONGEST_NAME]
            is_added = (
                session.add(self.unused(session, say("compare.text.name")), OwnText(""))
                if do == "add_text"
                else session.add(name, one.setup, one.key)
            )
            if not is_added:
                full = self.t("compare.full", most=MOST_LANES)
                yield frame({"compare.notice": wording.notice(full, "bad")})
                return
            if do == "copy" and place is not None:
                self.read_text(session, place + 1)
        elif do == "remove":
            session.remove(key)
        elif do in ("up", "down"):
            session.move(key, -1 if do == "up" else 1)
        yield frame({**self.whole(session), "compare.notice": wording.notice("")})

    def edited(self, setup: object, texts: object) -> Setup:
        """A setup as the editor sends it, its lists as texts beside it. Raises the errors of Setup and written.read."""
        found = texts if isinstance(texts, dict) else {}
        typed = {name: text for name, text in found.items() if name in LISTS and isinstance(text, str)}
        if not typed or not isinstance(setup, dict):
            return Setup.from_json(setup)
        lists: dict[str, Any] = dict.fromkeys(typed, ())
        bare = Setup.from_json({name: value for name, value in setup.items() if name not in LISTS})
        lists |= written.settings(typed, speller_of(self.backend_of(bare)))
        return Setup.from_json(setup | lists)

    def read_text(self, session: CompareSession, place: int) -> None:
        """A text that is not empty is read at once after the prompt of what is on the page, unless a run goes on."""
        one = session.lanes[place]
        if not isinstance(one.setup, OwnText) or not one.setup.text or session.is_running:
            return
        backend = self.slot.get()
        made = session.asked.model_name if session.asked else backend.info.name
        if made != backend.info.name:
            return
        if session.comparison is None:
            session.made = session.now or session.made
        prompt, same_dice = session.made
        with self.using([one.setup]):
            reader = self.backend_of(one.setup)
            lane = text_lane(prompt, one.setup.text, reader)
        self.note_vocabulary(session, one.key, one.setup, reader)
        ids, _ = prompts.opening(prompt, backend, not session.leaves_end_off)
        dialogue = prompt if isinstance(prompt, Dialogue) else None
        session.put_text(one.key, one.setup, lane, Asked(ids, (), same_dice, backend.info.name, dialogue))

    def note_vocabulary(self, session: CompareSession, key: int, source: Source, backend: "Engine") -> None:
        """What a lane's ids stand for, if they are not those of the page's model."""
        if source.model:
            session.vocabularies[key] = backend.vocabulary
        else:
            session.vocabularies.pop(key, None)

    @reported(send=lambda made: (gr.skip(), gr.skip(), made))
    def from_generate(self, session: CompareSession, with_prompt: bool, *values: Any) -> tuple[Any, Any, Frame]:
        """A lane with the settings that stand on the Generate tab; then the controls of this one."""
        asked = Values.of(values[:-COUNT]).setup(speller_of(self.slot.get()))
        return self.take_over(session, say("compare.lane.generate"), asked, with_prompt, values[-COUNT:])

    @reported(send=lambda made: (gr.skip(), gr.skip(), made))
    def from_search(self, session: CompareSession, with_prompt: bool, *values: Any) -> tuple[Any, Any, Frame]:
        """A lane with the settings that stand on the Beam search tab."""
        asked = BeamValues.of(values[:-COUNT]).setup()
        return self.take_over(session, say("compare.lane.search"), asked, with_prompt, values[-COUNT:])

    def take_over(
        self, session: CompareSession, name: Said, asked: Setup, with_prompt: bool, values: tuple[Any, ...]
    ) -> tuple[Any, Any, Frame]:
        """The prompt and its turns, if they are taken over too, and the frame with one lane more."""
        controls = Controls(*values)
        self.heard(session, values)
        seed = asked.seed if asked.kind.draws else None  # dice that are never thrown are not the dice of all
        if not session.add(self.unused(session, name), replace(asked, prompt=None, dialogue=None, seed=seed)):
            full = self.t("compare.full", most=MOST_LANES)
            return gr.skip(), gr.skip(), frame({"compare.notice": wording.notice(full, "bad")})
        begins = (asked.dialogue or str(asked.prompt or "")) if with_prompt else None
        if begins is not None:
            session.now = (begins, bool(controls.same_dice))
        session.told = self.standing(session)
        shown = frame({**self.whole(session), **session.told, "compare.notice": wording.notice("")})
        return *([gr.skip()] * 2 if begins is None else fields(begins)), shown

    def unused(self, session: CompareSession, name: Said) -> str | Said:
        """A name that no lane has yet."""
        names = {said(one.name, self.t) for one in session.lanes}
        if name.words(self.t) not in names:
            return name
        return next(f"{name.words(self.t)} {i}" for i in count(2) if f"{name.words(self.t)} {i}" not in names)

    def nth_example(self, index: int, session: CompareSession) -> list[Any]:
        """The example of a chip."""
        return self.load_example(self.brought.comparisons[index], session)

    def load_example(self, example: CompareExample, session: CompareSession) -> list[Any]:
        """An example's prompt, turns and switch, for the controls, and the frame with its lanes."""
        session.fill(example.lanes, example.key)
        session.now = (example.prompt, example.same_dice)
        cleared = {"compare.lesson": self.lesson(example.key), "compare.notice": wording.notice("")}
        return [*fields(example.prompt), example.same_dice, frame({**self.whole(session), **cleared})]


def fields(begins: Prompt) -> list[str]:
    """What the two fields say of a prompt: the text, which is that of turns where they are given up, and the turns."""
    return [plain(begins), dialogues.for_the_page(begins if isinstance(begins, Dialogue) else None)]


def own_text(value: object, model: object = None) -> OwnText:
    """Raises InvalidArgumentError."""
    if model is not None and not isinstance(model, str):
        raise InvalidArgumentError(name="model", rule="text", value=model)
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise InvalidArgumentError(name="text", rule=f"text of at most {MAX_TEXT:,} characters", value=value)
    return OwnText(value, model or None)
