"""Links on the page: which tabs one can fill, and what the page says of one that it could not take as it is."""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from playground.errors import PlaygroundError
from playground.i18n import Joined, Said, Translator, say
from playground.panels import wording
from playground.runs.links import MOST_NOTES, Link, Room, home, query_of_run, read
from playground.runs.setup import Setup
from playground.runs.strategies import STRATEGIES
from playground.tabs.beam.controls import MAX_STEPS, searches
from playground.tabs.generate.controls import MAX_LENGTH, SPEEDS, kinds
from playground.tabs.visitor import Asks
from playground.views.notation import NATS, UNITS

SPEED = {"generate": "lively", "beam": "aloud"}  # at first
_SPEEDS = {"speed": tuple(SPEEDS)}
_SAMPLE_FIRST = sorted(kinds(), key=lambda kind: not kind.draws)
ROOMS = (
    Room("generate", _SAMPLE_FIRST, MAX_LENGTH, {**_SPEEDS, "unit": tuple(UNITS)}),
    Room("beam", searches(), MAX_STEPS, _SPEEDS, has_place=False),
)


def homes() -> dict[str, str]:
    """The tab of each strategy."""
    return {name: home(name, ROOMS) for name in STRATEGIES}


def opened(query: Any, tab: str) -> Link:
    """The link of an address that was brought to a tab."""
    link = read(query if isinstance(query, str) else "", ROOMS)
    return link if link.setup is None or link.tab == tab else Link(tab)


def model_of(query: Any) -> str:
    """The model that an address names, "" for none."""
    setup = read(query if isinstance(query, str) else "", ROOMS).setup
    return (setup.model or "") if setup is not None else ""


def words_on(link: Link, model: str) -> Said | None:
    """What is to be said of it on a page with this model; None if there is nothing."""
    notes = list(link.notes[:MOST_NOTES])
    if len(link.notes) > MOST_NOTES:
        notes.append(say("link.more", count=len(link.notes) - MOST_NOTES))
    if link.setup is not None and link.setup.model not in (None, model):
        notes.append(say("link.other_model", made=link.setup.model, loaded=model))
    if link.setup is not None and not link.runs:
        notes.append(say("link.waits"))
    return Joined(tuple(notes)) if notes else None


def asks(
    setup: Callable[[], Setup], views: Mapping[str, str], tab: str, texts: Mapping[str, str], before: Asks
) -> Asks:
    """What controls ask for, as the parts of an address; where they ask for nothing that is allowed, the run before."""
    usual = {"speed": SPEED[tab], "unit": NATS.name}
    view = urlencode({name: value for name, value in views.items() if value != usual[name]})
    try:
        return Asks(query_of_run(setup(), texts), view)
    except PlaygroundError:
        return Asks(before.run, view)


def address(asked: Asks, at: int | None, is_ended: bool) -> dict[str, object]:
    """The payload for the page's address: of a run that is on the page as asked for (`is_ended`), or of controls that
    have not been run yet. `at` is the index of the step that is looked at."""
    place = "" if at is None else urlencode({"at": at + 1})
    return {"run": asked.run, "view": "&".join(part for part in (place, asked.view) if part), "ended": is_ended}


def notice(words: Said | None, t: Translator) -> dict[str, object]:
    """The line that says it."""
    return wording.notice(words.words(t) if words is not None else "")
