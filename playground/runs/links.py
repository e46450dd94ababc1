"""Links: a run as readable parameters of an address, both ways. Anybody may have written one: all of it is checked."""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode

from playground import catalog
from playground.decoding.dialogue import Dialogue
from playground.engines import dialogues
from playground.errors import OutOfRangeError, PlaygroundError
from playground.i18n import Said, say
from playground.lists import LISTS
from playground.runs.gave import LONGEST, PARAMETERS, Gave
from playground.runs.setup import MAX_TEXT, Setup
from playground.runs.strategies import STRATEGIES, StrategyKind
from playground.runs.strategies.kind import USUAL_ORDER
from playground.runs.strategies.options import Choice, Number, Option, Texts
from playground.vocabulary import whole_characters
from playground.written import MAX_CHARACTERS

MAX_QUERY = 200_000  # characters of an address, escapes included
MAX_PARAMETERS = 200
MAX_NAME = 100  # characters of a model's name
MOST_NOTES = 5  # that are said; more are counted
# What an address says without bringing a run: the page's own, and what others add to every address they pass on.
BESIDE = ("lang", "theme", "tab", "open", "autorun", "embed", "view", "controls", "deep_link", "fbclid", "gclid")
_BESIDE_STEMS = ("__", "utm_")
_SHOWN = 40  # characters of a value in a notice
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?")
_DIGITS = 40
_CHOICES = re.compile(r"[0-9]{1,4}:[0-9]{1,7}(,[0-9]{1,4}:[0-9]{1,7})*")


class Room(NamedTuple):
    """A tab that links can fill.

    Attributes:
        tab: its name.
        kinds: its strategies; the first is the one where a link names none.
        longest: the most tokens it takes.
        views: what else its page can be told, each name with its values.
        is_steered: whether tokens can be chosen by hand.
    """

    tab: str
    kinds: Sequence[StrategyKind]
    longest: int
    views: Mapping[str, Collection[str]]
    is_steered: bool = True


@dataclass(frozen=True)
class Link:
    """What an address says.

    Attributes:
        tab: the name of the tab that it opens.
        setup: the run; None where it speaks of none. Lists that a person types are in `texts`, as typed.
        texts: the written settings of the Generate tab, by name.
        at: the number of the step that is looked at, from 1; None for the newest.
        by_hand: the tokens that were chosen by hand, as (number of the step, from 1, token id), in their order.
        views: what else it says of how the page looks.
        runs: whether opening it runs it.
        gave: the tokens that its run gave where it was made, if it says so.
        notes: what of it could not be taken, a sentence each.
    """

    tab: str
    setup: Setup | None = None
    texts: Mapping[str, str] = field(default_factory=dict)
    at: int | None = None
    by_hand: tuple[tuple[int, int], ...] = ()
    views: Mapping[str, str] = field(default_factory=dict)
    runs: bool = True
    gave: Gave | None = None
    notes: tuple[Said, ...] = ()


def home(strategy: str, rooms: Sequence[Room]) -> str:
    """The tab of a strategy; the first room's where it is none of them."""
    return next((room.tab for room in rooms if any(kind.name == strategy for kind in room.kinds)), rooms[0].tab)


# ---- a run into an address -----------------------------------------------------------------------------------------


def query_of_run(setup: Setup, texts: Mapping[str, str] | None = None) -> str:
    """What makes the run, as a query without its "?": the prompt, the strategy, what isn't neutral, the seed."""
    found: list[tuple[str, str]] = []
    if isinstance(setup.prompt, str):
        found.append(("prompt", whole_characters(setup.prompt)))
    if setup.dialogue is not None:
        found += pairs_of(setup.dialogue)
    found.append(("strategy", setup.strategy))
    own = {option.name: option for option in setup.kind.options}
    for name, value in setup.settings.items():
        if name in own:
            found += [(name, text) for text in _written(own[name], value)]
        elif name not in LISTS:
            found.append((name, _plain(value)))
    found += [(name, whole_characters(text)) for name, text in (texts or {}).items() if text.strip()]
    if setup.seed is not None:
        found.append(("seed", str(setup.seed)))
    found.append(("max_new_tokens", str(setup.max_new_tokens)))
    if setup.order != USUAL_ORDER:
        found.append(("order", _order(setup.order)))
    if setup.model is not None:
        found.append(("model", setup.model))
    return urlencode(found)


def pairs_of(dialogue: Dialogue) -> list[tuple[str, str]]:
    """Turns as parameters of a query."""
    messages = json.dumps(dialogue.messages, ensure_ascii=False, separators=(",", ":"))
    return [("messages", messages), *([("continue_final_message", "1")] if dialogue.continues else [])]


def dialogue_of(messages: str, continues: str | None) -> Dialogue:
    """Turns of their parameters. Raises InvalidArgumentError."""
    return dialogues.written(messages, continues in ("1", "true", "yes"))


def query_of(link: Link) -> str:
    """The whole of a link, as a query without its "?"."""
    run = "" if link.setup is None else query_of_run(link.setup, link.texts)
    at = {} if link.at is None else {"at": str(link.at)}
    run = "&".join(part for part in (run, query_of_choices(link.by_hand)) if part)
    more = urlencode({**at, **link.views, **({} if link.runs else {"autorun": "0"})})
    gave = "" if link.gave is None else link.gave.query
    return "&".join(part for part in (urlencode({"tab": link.tab}), run, more, gave) if part)


def query_of_choices(by_hand: Sequence[tuple[int, int]]) -> str:
    """The tokens that a person chose, as a part of a query. Example: [(6, 1234), (9, 77)] -> "by_hand=6:1234,9:77"."""
    return "by_hand=" + ",".join(f"{number}:{token_id}" for number, token_id in by_hand) if by_hand else ""


def _written(option: Option, value: Any) -> list[str]:
    """The value of an option: texts one parameter each, a choice by its name."""
    if isinstance(option, Texts):
        return [whole_characters(text) for text in value]
    return [option.shown(value) if isinstance(option, Choice) else _plain(value)]


def _plain(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(float(value))


def _order(order: tuple[str, ...]) -> str:
    """The name of an order, or as many of its stages as it takes: those left out come last, as usual."""
    preset = next((name for name, one in catalog.ORDERS.items() if one == order), None)
    if preset is not None:
        return preset
    count = next(i for i in range(len(order) + 1) if catalog.check_order(order[:i]) == order)
    return ",".join(order[:count])


# ---- an address into a run -----------------------------------------------------------------------------------------


def read(query: str, rooms: Sequence[Room]) -> Link:
    """The link of an address's query, with or without its "?". Whatever it says, this answers: what can't be taken is
    left out and noted."""
    if len(query) > MAX_QUERY:
        return Link(rooms[0].tab, notes=(say("link.too_long", characters=MAX_QUERY),))
    try:
        pairs = parse_qsl(whole_characters(query).lstrip("?"), keep_blank_values=True, max_num_fields=MAX_PARAMETERS)
    except ValueError:
        return Link(rooms[0].tab, notes=(say("link.too_many", count=MAX_PARAMETERS),))
    given: dict[str, list[str]] = {}
    for name, value in pairs:
        given.setdefault(name, []).append(value)
    return _Reading(given, rooms).link()


class _Reading:
    """One link as it is read; every `take` takes one parameter out of it."""

    def __init__(self, given: dict[str, list[str]], rooms: Sequence[Room]) -> None:
        self.given, self.rooms = given, rooms
        self.notes: list[Said] = []
        self.is_heeded = False  # whether anything came through

    def link(self) -> Link:
        tab, runs = self.take("tab") or "", self.take("autorun") not in ("0", "false", "no")
        brought = [name for name in self.given if not is_beside(name)]
        tab = tab or home((self.given.get("strategy") or [""])[0], self.rooms)
        room = next((room for room in self.rooms if room.tab == tab), None)
        if not brought:
            return Link(tab if room else self.rooms[0].tab)
        if room is None:
            return Link(self.rooms[0].tab, notes=(say("link.other_tab", tab=_brief(tab)),))
        found = self.filled(room, runs)
        return found if self.is_heeded else Link(room.tab, notes=found.notes)

    def filled(self, room: Room, runs: bool) -> Link:
        kind = self.kind(room)
        own: dict[str, Any] = {
            "prompt": self.text("prompt", MAX_TEXT), "model": self.text("model", MAX_NAME),
            "seed": self.number("seed", 0, catalog.MAX_SEED),
            "max_new_tokens": self.number("max_new_tokens", 1, room.longest), "order": self.order(),
        }  # fmt: skip
        if dialogue := self.dialogue():
            own = {**own, "dialogue": dialogue, "prompt": None}
        own = {name: value for name, value in own.items() if value is not None}
        texts = {}
        if not room.kinds[0].has_beams:
            read_texts = {name: self.text(name, MAX_CHARACTERS) for name in LISTS if name in kind.processors}
            texts = {name: text for name, text in read_texts.items() if text and text.strip()}
        settings: dict[str, Any] = {}
        options = {option.name: option for option in kind.options if option.label}
        for name in list(self.given):
            if name in options:
                settings |= self.checked(kind, name, self.option(options[name]))
            elif name in kind.processors and name not in LISTS:
                settings |= self.checked(kind, name, self.figure(name))
        at = self.number("at", 1, room.longest)
        by_hand = self.by_hand(room.longest) if room.is_steered else ()
        gave = self.gave()
        views = {name: self.choice(name, values) for name, values in room.views.items()}
        for name in [one for one in self.given if not is_beside(one)]:
            is_known = any(name in one.settings for one in STRATEGIES.values()) or name == "by_hand"
            foreign = say("link.not_taken", name=name, strategy=say(kind.label))
            self.note(foreign if is_known else say("link.unknown", name=_brief(name)))
        setup = Setup(kind.name, settings, **own)
        chosen = {name: value for name, value in views.items() if value is not None}
        return Link(room.tab, setup, texts, at, by_hand, chosen, runs, gave, tuple(self.notes))

    def checked(self, kind: StrategyKind, name: str, value: Any) -> dict[str, Any]:
        """The setting under its name, if it counts and is allowed."""
        if value is None:
            return {}
        try:
            found = kind.check({name: value})
        except OutOfRangeError as error:
            self.note(say("link.range", **error.values))
            return {}
        except PlaygroundError:
            self.note(say("link.value", name=name, value=_brief(str(value))))
            return {}
        self.is_heeded = True
        return found

    # ---- one parameter

    def take(self, name: str) -> str | None:
        values = self.given.pop(name, None)
        if values is None:
            return None
        if len(values) > 1:
            self.note(say("link.twice", name=name))
        return values[0]

    def note(self, note: Said) -> None:
        self.notes.append(note)

    def kind(self, room: Room) -> StrategyKind:
        name = self.take("strategy")
        found = next((kind for kind in room.kinds if kind.name == name), None)
        if found is None and name is not None:
            known = ", ".join(kind.name for kind in room.kinds)
            self.note(say("link.choice", name="strategy", value=_brief(name), known=known))
        self.is_heeded |= found is not None
        return found or room.kinds[0]

    def text(self, name: str, longest: int) -> str | None:
        value = self.take(name)
        if value is None:
            return None
        if len(value) > longest:
            self.note(say("link.text", name=name, characters=longest))
            return None
        self.is_heeded = True
        return value

    def dialogue(self) -> Dialogue | None:
        """The prompt as turns, of a JSON list of messages."""
        value, continues = self.take("messages"), self.take("continue_final_message")
        if value is None:
            return None
        try:
            found = dialogue_of(value, continues)
        except PlaygroundError:
            self.note(say("link.value", name="messages", value=_brief(value)))
            return None
        self.is_heeded = True
        return found

    def number(self, name: str, minimum: int, maximum: int) -> int | None:
        value = self.figure(name)
        if value is None:
            return None
        try:
            found = catalog.check_whole(name, value, minimum, maximum)
        except OutOfRangeError as error:
            self.note(say("link.range", **error.values))
            return None
        self.is_heeded = True
        return found

    def figure(self, name: str) -> float | None:
        """A parameter as a number, checked for nothing else."""
        text = self.take(name)
        if text is None:
            return None
        if len(text) > _DIGITS or not text.isascii() or not _NUMBER.fullmatch(text):
            self.note(say("link.number", name=name, value=_brief(text)))
            return None
        return int(text) if re.fullmatch(r"[+-]?\d+", text) else float(text)

    def option(self, option: Option) -> Any:
        if isinstance(option, Number):
            return self.figure(option.name)
        if isinstance(option, Choice):
            chosen = self.choice(option.name, option.choices)
            return None if chosen is None else option.choices[chosen]
        return tuple(self.given.pop(option.name))

    def choice(self, name: str, values: Collection[str]) -> str | None:
        value = self.take(name)
        if value is None:
            return None
        if value not in values:
            self.note(say("link.choice", name=name, value=_brief(value), known=", ".join(values)))
            return None
        self.is_heeded = True
        return value

    def by_hand(self, longest: int) -> tuple[tuple[int, int], ...]:
        value = self.take("by_hand")
        if value is None:
            return ()
        pairs = [tuple(map(int, pair.split(":"))) for pair in value.split(",")] if _CHOICES.fullmatch(value) else []
        numbers = [pair[0] for pair in pairs]
        if not pairs or numbers != sorted(set(numbers)) or not 1 <= numbers[0] <= numbers[-1] <= longest:
            self.note(say("link.value", name="by_hand", value=_brief(value)))
            return ()
        self.is_heeded = True
        return tuple((number, token_id) for number, token_id in pairs)

    def gave(self) -> Gave | None:
        values = [self.given.pop(name, [""])[0] for name in PARAMETERS]
        if not values[0]:
            return None
        found = Gave.read(*values) if all(len(value) <= LONGEST for value in values) else None
        if found is None:
            self.note(say("link.value", name=PARAMETERS[0], value=_brief(values[0])))
        return found

    def order(self) -> tuple[str, ...] | None:
        value = self.take("order")
        if value is None:
            return None
        try:
            found = catalog.check_order(catalog.ORDERS.get(value) or tuple(value.split(",")))
        except PlaygroundError:
            self.note(say("link.value", name="order", value=_brief(value)))
            return None
        self.is_heeded = True
        return found


def is_beside(name: str) -> bool:
    """Whether a parameter has nothing to do with a run."""
    return name in BESIDE or name.startswith(_BESIDE_STEMS)


def _brief(value: str) -> str:
    shown = "".join(c if c.isprintable() else "·" for c in value[: _SHOWN + 1])
    return shown if len(shown) <= _SHOWN else shown[:_SHOWN] + "…"
