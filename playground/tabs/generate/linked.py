"""Linked: the text that a link speaks of: its settings in the controls, then its tokens."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from playground.catalog import PARAMETERS
from playground.components.knob_bank import bank_value
from playground.components.live_bus import frame
from playground.engines import dialogues
from playground.lists import LISTS
from playground.panels import wording
from playground.panels.generate import frames
from playground.runs.links import Link
from playground.tabs import links
from playground.tabs.generate.base import Update
from playground.tabs.generate.controls import Values
from playground.tabs.generate.session import Session
from playground.tabs.generate.streaming import Streaming
from playground.tabs.shell import reported
from playground.tabs.visitor import Asks
from playground.views.notation import NATS


class Linked(Streaming):
    """The handlers of a link that was opened."""

    def open_link(self, session: Session, query: Any, *values: Any) -> list[Any]:
        """What the controls are to say, in the order of `Controls.all`, then the frame that says what was left out.
        Without settings that can be taken the controls stay as they are."""
        session.link = link = links.opened(session.link_query or query, "generate")
        session.link_words = links.words_on(link, self.slot.name, session.link_wants)
        session.asks = Asks()  # until the controls say what the link asks for
        if link.setup is None:
            return [*values, frame(self.standing(session))]
        session.stop()
        session.lesson = ""
        return [
            *filled(link, self.first.prompt),
            frame({"lesson": {"parts": []}, "written": {}, **self.standing(session)}),
        ]

    @reported(ends_run=True)
    def run_link(self, session: Session, *values: Any) -> Iterator[Update]:
        """The text of the link, with the token that it looks at."""
        link = session.link
        if link is None or link.setup is None or not link.runs:
            return
        yield from self.new_text(session, *values)
        yield from self.choose(session, link, Values.of(values))
        if session.is_running or not session.trace.finish_reason:
            return
        other = links.other_tokens(link, session.trace.token_ids, self.slot.name, self.slot.get().vocabulary)
        session.link_words = links.both(session.link_words, other)
        if link.at is None or session.pinned is not None:
            return
        session.pinned = min(link.at, len(session.trace.steps)) - 1
        yield frame(self.inspected(session, Values.of(values)))

    def choose(self, session: Session, link: Link, controls: Values) -> Iterator[Update]:
        """The tokens that were chosen by hand, one after the other, each with what follows from it."""
        for number, token_id in link.by_hand:
            trace, index = session.trace, number - 1
            if session.is_running or not trace.finish_reason:
                return  # something else was begun meanwhile
            if index >= len(trace.steps) or token_id >= trace.steps[index].row.size:
                words = self.t("link.not_there", number=number, token_id=token_id)
                yield frame({"notice": wording.notice(words, "bad")})
                return
            backend = self.slot.get()
            old = trace.request
            request, words = self.request(controls, backend, old.prompt_ids, old.rendered)
            trace = replace(trace, request=request).branched(index, token_id, request.ends(backend.model))
            if trace.finish_reason is None:
                yield from self.stream(session, controls, backend, trace, words, request)
                continue
            session.put(trace, session.model_name, None)
            yield frame({**frames.whole(trace, session.inspected, False, self.look(session, controls))})


def filled(link: Link, usual: str) -> list[Any]:
    """The values of a link (`usual`: the prompt where it names none), in the order of `Controls.all`."""
    setup = link.setup
    assert setup is not None
    numbers = {p.name: setup.settings.get(p.name, p.neutral) for p in PARAMETERS}
    return [
        usual if setup.prompt is None else setup.prompt,
        setup.strategy,
        setup.dice,
        setup.max_new_tokens,
        link.views.get("speed", links.SPEED["generate"]),
        link.views.get("unit", NATS.name),
        json.dumps(setup.order),
        bank_value(numbers),
        *(link.texts.get(name, "") for name in LISTS),
        dialogues.for_the_page(setup.dialogue),
    ]
