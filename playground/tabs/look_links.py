"""Links of tabs that look at a text: what one brings, and the address of what is looked at."""

from collections.abc import Collection, Mapping
from typing import Any

from playground.i18n import Said
from playground.runs.links import Link
from playground.runs.look_links import Field, LinkedLook, Value, query_of_look, read_look
from playground.runs.setup import Setup
from playground.tabs import links
from playground.tabs.visitor import Visitor


class Looking(Visitor):
    """What the session of such a tab knows of links.

    Attributes:
        standing: what stands in the fields that make the look, as the handlers were told it last.
        has_looked: whether the person, or a link, has chosen where to look.
        linked: the link that was opened last.
    """

    standing: Mapping[str, Value] = {}
    has_looked: bool = False
    linked: LinkedLook | None = None


def opened(session: Looking, query: Any, fields: Mapping[str, Field], tab: str, model: str) -> Said | None:
    """A link was opened: what it says is in `session.linked`; the answer is what there is to be said of it."""
    text = session.link_query or query
    session.linked = link = read_look(text if isinstance(text, str) else "", fields)
    session.has_looked = False
    setup = Setup(model=link.model) if link.values else None
    return links.words_on(Link(tab, setup, notes=link.notes), model, session.link_wants)


def address(
    session: Looking, usual: Mapping[str, Value], look: Mapping[str, Value], model: str, is_read: bool = True,
    always: Collection[str] = (),
) -> dict[str, object]:  # fmt: skip
    """The payload for the page's address: of what stands in the fields what is not `usual`, and where it looks.
    `is_read`: it is what somebody asked to see, and an entry of the browser's history. `always`: fields whose usual
    value may be another one elsewhere; they are said as soon as anything is."""
    own = {name: value for name, value in session.standing.items() if value != usual.get(name)}
    if own or session.has_looked:
        own = {name: value for name, value in session.standing.items() if name in own or name in always}
    view = query_of_look(look) if session.has_looked else ""
    run = query_of_look(own | {"model": model}) if own or session.has_looked else ""
    return {"run": run, "view": view, "ended": is_read, "gave": ""}
