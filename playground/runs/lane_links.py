"""Lanes in links: a comparison as readable parameters of an address, both ways; each lane is a link in itself.

    prompt=The+fox&1.name=Greedy&1.strategy=greedy&2.name=T+1.2&2.strategy=sample&2.temperature=1.2&2.seed=36

Addresses of before have each lane whole, and escaped twice, as lane=…; they are read too.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qsl, urlencode

from playground.decoding.dialogue import Prompt
from playground.errors import PlaygroundError
from playground.i18n import Said, say
from playground.runs.gave import Gave
from playground.runs.links import (
    MAX_NAME,
    MAX_PARAMETERS,
    MAX_QUERY,
    Room,
    dialogue_of,
    is_beside,
    pairs_of,
    query_of_run,
    read,
)
from playground.runs.setup import MAX_TEXT, MAX_TOKENS, Setup
from playground.runs.strategies import STRATEGIES
from playground.vocabulary import whole_characters

TAB = "compare"
MOST_DRAWN = 64  # texts of each lane that a link draws
_OF_A_LANE = re.compile(r"([1-9])\.(.+)", re.DOTALL)  # the number of the row, and what is said of it
_LANE = Room("lane", sorted(STRATEGIES.values(), key=lambda kind: kind.name != "sample"), MAX_TOKENS, {}, False)


@dataclass(frozen=True)
class LinkedLane:
    """One row: what writes it, its lists as a person types them beside it, and the tokens that it gave where the link
    was made, if it says so; or the text that is read instead, by which model if it is not that of the page."""

    name: str
    setup: Setup | None = None
    texts: Mapping[str, str] = field(default_factory=dict)
    text: str | None = None
    model: str | None = None
    gave: Gave | None = None


@dataclass(frozen=True)
class LinkedLanes:
    """What an address says of a comparison.

    Attributes:
        prompt, same_dice, speed: None where it does not say. The prompt is a text, or turns.
        lanes: none where it does not say.
        at: the token that is looked at, (row, number), both from 1.
        drawn: how many texts of each lane are drawn; 0 for none.
        model: the name of the page's.
        runs, notes: as of Link.
    """

    lanes: tuple[LinkedLane, ...] = ()
    prompt: Prompt | None = None
    same_dice: bool | None = None
    speed: str | None = None
    at: tuple[int, int] | None = None
    drawn: int = 0
    model: str | None = None
    runs: bool = True
    notes: tuple[Said, ...] = ()


def query_of_lanes(found: LinkedLanes) -> str:
    """What makes the comparison, as a query without its "?"."""
    pairs: list[tuple[str, str]] = []
    if isinstance(found.prompt, str):
        pairs.append(("prompt", whole_characters(found.prompt)))
    elif found.prompt is not None:
        pairs += pairs_of(found.prompt)
    pairs += [] if found.same_dice is None else [("dice", "same" if found.same_dice else "own")]
    for number, lane in enumerate(found.lanes, 1):
        pairs += [
            (f"{number}.{name}", value) for name, value in parse_qsl(_query_of_lane(lane), keep_blank_values=True)
        ]
    return urlencode(pairs + ([] if found.model is None else [("model", found.model)]))


def query_of_view(found: LinkedLanes) -> str:
    """What is looked at, as a part of a query."""
    pairs = [("speed", found.speed)] if found.speed else []
    pairs += [("at", f"{found.at[0]}:{found.at[1]}")] if found.at else []
    return urlencode(pairs + ([("drawn", str(found.drawn))] if found.drawn else []), safe=":")


def _query_of_lane(lane: LinkedLane) -> str:
    name = urlencode({"name": whole_characters(lane.name)})
    if lane.setup is None:
        own = {"text": whole_characters(lane.text or "")} | ({} if lane.model is None else {"model": lane.model})
        return f"{name}&{urlencode(own)}"
    gave = "" if lane.gave is None else f"&{lane.gave.query}"
    return f"{name}&{query_of_run(replace(lane.setup, prompt=None), lane.texts)}{gave}"


def read_lanes(query: str, numbers: tuple[int, int], longest_name: int, speeds: Collection[str]) -> LinkedLanes:
    """The comparison of an address's query; `numbers`: the fewest and the most lanes. Whatever it says, this answers:
    what can't be taken is left out and noted."""
    if len(query) > MAX_QUERY:
        return LinkedLanes(notes=(say("link.too_long", characters=MAX_QUERY),))
    try:
        most = MAX_PARAMETERS * numbers[1]
        pairs = parse_qsl(whole_characters(query).lstrip("?"), keep_blank_values=True, max_num_fields=most)
    except ValueError:
        return LinkedLanes(notes=(say("link.too_many", count=most),))
    notes: list[Said] = []
    given = dict(reversed(pairs))
    lanes = _lanes(_written(pairs), numbers, longest_name, notes)

    def text(name: str, longest: int) -> str | None:
        if len(given.get(name, "")) > longest:
            notes.append(say("link.text", name=name, characters=longest))
            return None
        return given.get(name)

    def begins() -> Prompt | None:
        """The turns, where there are any; else the text."""
        plain = text("prompt", MAX_TEXT)
        if "messages" in given:
            try:
                return dialogue_of(given["messages"], given.get("continue_final_message"))
            except PlaygroundError:
                notes.append(say("link.value", name="messages", value=given["messages"][:40]))
        return plain

    def choice(name: str, known: Collection[str]) -> str | None:
        value = given.get(name)
        if value is None or value in known:
            return value
        notes.append(say("link.choice", name=name, value=value[:40], known=", ".join(known)))
        return None

    def whole(name: str, value: str, most: int) -> int:
        if value.isascii() and value.isdigit() and 1 <= int(value[:9]) <= most:
            return int(value[:9])
        notes.append(say("link.value", name=name, value=value[:40]))
        return 0

    at = tuple(whole("at", part, MAX_TOKENS) for part in given["at"].split(":", 1)) if "at" in given else ()
    dice = choice("dice", ("same", "own"))
    found = LinkedLanes(
        lanes, begins(), None if dice is None else dice == "same", choice("speed", speeds),
        (at[0], at[1]) if len(at) == 2 and all(at) else None,
        whole("drawn", given["drawn"], MOST_DRAWN) if "drawn" in given else 0, text("model", MAX_NAME),
        given.get("autorun") not in ("0", "false", "no"),
    )  # fmt: skip
    known = ("lane", "prompt", "messages", "continue_final_message", "dice", "speed", "at", "drawn", "model")
    for name in given:
        if name not in known and not is_beside(name) and not _OF_A_LANE.fullmatch(name):
            notes.append(say("link.unknown", name=name[:40]))
    return replace(found, notes=tuple(notes))


def _written(pairs: Sequence[tuple[str, str]]) -> list[str]:
    """The query of each lane."""
    rows: dict[str, list[tuple[str, str]]] = {}
    for name, value in pairs:
        if of_a_lane := _OF_A_LANE.fullmatch(name):
            rows.setdefault(of_a_lane[1], []).append((of_a_lane[2], value))
    return [urlencode(rows[number]) for number in sorted(rows)] or [value for name, value in pairs if name == "lane"]


def _lanes(
    written: Sequence[str], numbers: tuple[int, int], longest_name: int, notes: list[Said]
) -> tuple[LinkedLane, ...]:  # fmt: skip
    found = [lane for one in written[: numbers[1]] if (lane := _lane(one, longest_name, notes))]
    if written and not numbers[0] <= len(found) == len(written):
        notes.append(say("link.lanes", count=len(found), fewest=numbers[0], most=numbers[1]))
    return tuple(found) if len(found) >= numbers[0] else ()


def _lane(written: str, longest_name: int, notes: list[Said]) -> LinkedLane | None:
    try:
        pairs = parse_qsl(written, keep_blank_values=True, max_num_fields=MAX_PARAMETERS)
    except ValueError:
        return None
    given = dict(reversed(pairs))
    name = given.pop("name", "")[:longest_name]
    if "text" in given:
        model = given.get("model", "")[:MAX_NAME] or None
        return LinkedLane(name, text=given["text"], model=model) if len(given["text"]) <= MAX_TEXT else None
    link = read(urlencode([(key, value) for key, value in pairs if key != "name"]), (_LANE,))
    notes += link.notes
    if link.setup is None:
        return None
    return LinkedLane(name, replace(link.setup, prompt=None), link.texts, gave=link.gave)
