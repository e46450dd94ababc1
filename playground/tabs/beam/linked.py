"""Linked: the search that a link speaks of: its settings in the controls, then its steps."""

import json
from collections.abc import Iterator
from typing import Any

import gradio as gr

from playground.catalog import FOR_BEAMS
from playground.components.live_bus import frame
from playground.engines import dialogues
from playground.i18n import Translator
from playground.panels.beam import frames
from playground.runs import export
from playground.runs.links import Link, query_of_run
from playground.tabs import links
from playground.tabs.beam.base import Update, first_values
from playground.tabs.beam.controls import options, start_of
from playground.tabs.beam.session import BeamSession
from playground.tabs.beam.streaming import Streaming
from playground.tabs.brought import TALES
from playground.tabs.shell import reported
from playground.tabs.visitor import Asks


class Linked(Streaming):
    """The handlers of a link that was opened."""

    def open_link(self, session: BeamSession, query: Any, *values: Any) -> list[Any]:
        """As in the Generate tab, in the order of `BeamControls.all`."""
        session.link = link = links.opened(session.link_query or query, "beam")
        session.link_words = links.words_on(link, self.slot.name, session.link_wants)
        session.asks = Asks()  # until the controls say what the link asks for
        if link.setup is None:
            return [*values, frame(self.standing(session))]
        session.stop()
        session.lesson = ""
        return [
            *filled(link, self.t, self.first_example.prompt),
            frame({"beam.lesson": frames.NO_TEXT, **self.standing(session)}),
        ]

    @reported(ends_run=True)
    def run_link(self, session: BeamSession, *values: Any) -> Iterator[Update]:
        """The search of the link, as it stood at the step that it looks at."""
        link = session.link
        if link is None or link.setup is None or not link.runs:
            return
        yield from self.new_search(session, *values)
        if session.is_running or not session.trace.is_finished:
            return
        vocabulary = self.slot.get().vocabulary
        other = links.other_tokens(link, self.best_ids(session), self.slot.name, vocabulary)
        session.link_words = links.both(session.link_words, other)
        if link.at is not None and link.at < len(session.trace.steps) and session.pinned is None:
            session.pinned = link.at
            yield frame(self.looked_back(session) | {"beam.tree_at": {"steps": link.at}})

    def export(self, session: BeamSession, event: gr.EventData) -> str:
        """The search as JSON, for a Saver. Its link is empty where the settings have changed since."""
        trace, run = session.trace, session.asks.run
        if session.controls not in (None, session.made):
            run = ""
        elif not run:
            name = None if self.brought is TALES else self.slot.name
            run = query_of_run(first_values(self.t, self.first_example).setup(name))
        link = f"tab=beam&{run}" if run else ""
        content = export.search_json(trace, self.look(session).vocabulary, session.model_name, link)
        return json.dumps({"kind": "json", "content": content})


def filled(link: Link, t: Translator, usual: str) -> list[Any]:
    """The values of a link (`usual`: the prompt where it names none), in the order of `BeamControls.all`."""
    setup = link.setup
    assert setup is not None
    own = {option.name: option for option in setup.kind.options}
    return [
        usual if setup.prompt is None else setup.prompt,
        setup.strategy,
        setup.max_new_tokens,
        setup.dice,
        link.views.get("speed", links.SPEED["beam"]),
        *(
            option.shown(setup.settings.get(option.name, option.usual)) if option.name in own else start_of(option, t)
            for option in options()
        ),
        *(setup.settings.get(p.name, p.neutral) for p in FOR_BEAMS),
        dialogues.for_the_page(setup.dialogue),
    ]
