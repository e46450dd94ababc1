"""Links on the page: which tabs one can fill, and what the page says of one that it could not take as it is."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlencode

from playground.errors import PlaygroundError
from playground.i18n import Joined, Said, Translator, say
from playground.panels import wording
from playground.runs import look_links
from playground.runs.gave import Difference, Gave
from playground.runs.lane_links import TAB, LinkedLanes, read_lanes
from playground.runs.links import MAX_QUERY, MOST_NOTES, Link, Room, home, query_of_run, read
from playground.runs.setup import Setup
from playground.runs.strategies import STRATEGIES
from playground.tabs.beam.controls import MAX_STEPS, searches
from playground.tabs.compare.session import FEWEST_LANES, LONGEST_NAME, MOST_LANES
from playground.tabs.generate.controls import MAX_LENGTH, SPEEDS, kinds
from playground.tabs.visitor import Asks
from playground.views.notation import NATS, UNITS
from playground.vocabulary import Vocabulary

SPEED = {"generate": "lively", "beam": "aloud", "compare": "lively"}  # at first
_SPEEDS = {"speed": tuple(SPEEDS)}
_SAMPLE_FIRST = sorted(kinds(), key=lambda kind: not kind.draws)
ROOMS = (
    Room("generate", _SAMPLE_FIRST, MAX_LENGTH, {**_SPEEDS, "unit": tuple(UNITS)}),
    Room("beam", searches(), MAX_STEPS, _SPEEDS, is_steered=False),
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
    text = query if isinstance(query, str) else ""
    tab = dict(parse_qsl(text.lstrip("?")[:MAX_QUERY])).get("tab")
    if tab == TAB:
        return opened_lanes(text).model or ""
    if tab in look_links.TABS:
        return look_links.read_look(text, {}).model or ""
    setup = read(text, ROOMS).setup
    return (setup.model or "") if setup is not None else ""


def opened_lanes(query: Any) -> LinkedLanes:
    """The comparison of an address."""
    text = query if isinstance(query, str) else ""
    return read_lanes(text, (FEWEST_LANES, MOST_LANES), LONGEST_NAME, tuple(SPEEDS))


def words_on_lanes(link: LinkedLanes, model: str, wants: str = "") -> Said | None:
    """As words_on."""
    setup = Setup(model=link.model) if link.lanes or link.prompt is not None else None
    return words_on(Link(TAB, setup, runs=link.runs, notes=link.notes), model, wants)


def words_on(link: Link, model: str, wants: str = "") -> Said | None:
    """What is to be said of it on a page with this model; None if there is nothing. `wants` is the link's model where
    it would have to be fetched."""
    notes = list(link.notes[:MOST_NOTES])
    if len(link.notes) > MOST_NOTES:
        notes.append(say("link.more", count=len(link.notes) - MOST_NOTES))
    if link.setup is not None and link.setup.model not in (None, model):
        key = "link.to_fetch" if wants == link.setup.model else "link.other_model"
        notes.append(say(key, made=link.setup.model, loaded=model))  # i18n: link.to_fetch link.other_model
    if link.setup is not None and not link.runs:
        notes.append(say("link.waits"))
    return Joined(tuple(notes)) if notes else None


def other_tokens(link: Link, ids: Sequence[int], model: str, vocabulary: Vocabulary) -> Said | None:
    """What is to be said once the run of a link is on the page, with the tokens `ids`; None where they are those that
    it gave where it was made. Of another model's tokens it has been said that they differ."""
    if link.gave is None or link.setup is None or link.setup.model not in (None, model):
        return None
    found = link.gave.difference(ids)
    if found is None:
        return None
    words = [_parting(found, len(link.gave.ids), vocabulary)]
    for name, there, here in link.gave.other_versions():
        words.append(say("link.other_version", name=name, there=there, here=here))
    return Joined(tuple(words))


def other_lanes(gave: Iterable[tuple[str, Gave, Sequence[int]]]) -> Said | None:
    """What is to be said once the comparison of a link is on the page: `gave` has the name of a lane, what it gave
    where the link was made, and its tokens here. None where they are the same."""
    words: list[Said] = []
    versions: dict[str, Said] = {}
    for name, there, ids in gave:
        found = there.difference(ids)
        if found is None:
            continue
        if found.number is None:
            words.append(say("link.lane_parts_later", lane=name, count=len(there.ids)))
        else:
            words.append(say("link.lane_parts", lane=name, number=found.number))
        for one, was, now in there.other_versions():
            versions[one] = say("link.other_version", name=one, there=was, here=now)
    return Joined((*words, *versions.values())) if words else None


def both(words: Said | None, more: Said | None) -> Said | None:
    """What was said of a link, and what there is to be added."""
    found = tuple(one for one in (words, more) if one is not None)
    return Joined(found) if found else None


def _parting(found: Difference, known: int, vocabulary: Vocabulary) -> Said:
    if found.number is None:
        return say("link.parts_later", count=known)
    here, there = ("" if one is None else vocabulary.label(one) for one in (found.here, found.there))
    which = "link.ended_there" if not there else "link.ended_here" if not here else "link.parts"
    return say(which, number=found.number, here=here, there=there)


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


def address(asked: Asks, at: int | None, gave: Sequence[int] | None) -> dict[str, object]:
    """The payload for the page's address: of a run that is on the page as asked for, and gave these tokens, or of
    controls that have not been run yet (None). `at` is the index of the step that is looked at."""
    place = "" if at is None else urlencode({"at": at + 1})
    view = "&".join(part for part in (place, asked.view) if part)
    shared = "" if gave is None or not asked.run else Gave.of(gave).query
    return {"run": asked.run, "view": view, "ended": gave is not None, "gave": shared}


def notice(words: Said | None, t: Translator) -> dict[str, object]:
    """The line that says it."""
    return wording.notice(words.words(t) if words is not None else "")
