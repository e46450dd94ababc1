"""Options: the settings of a search beside the processors, as data: what each takes, and how the page asks for it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from playground import catalog
from playground.catalog import DIVERSITY_PENALTIES, LENGTH_PENALTIES, MAX_BEAMS
from playground.errors import InvalidArgumentError
from playground.lists import LISTS

MAX_PHRASES = 8
MAX_PHRASE = 1000  # characters of one that must appear


@dataclass(frozen=True, kw_only=True)
class Option:
    """One setting of a search itself.

    Attributes:
        name: in a Setup, and as an argument of /beam_search.
        usual: its value where none is given.
        label, help, made: the keys of its texts: its name, what it does, its name within "Made by …". Without a label
            the page does not ask for it.
        key: its control is `#beam-<key>`; by default the name.
        place: where its control stands among the others; the smaller, the higher.
    """

    name: str
    usual: Any
    label: str = ""
    help: str = ""
    made: str = ""
    key: str = ""
    place: int = 50

    @property
    def element(self) -> str:
        """The id of its control, and its class."""
        return f"beam-{(self.key or self.name).replace('_', '-')}"

    @property
    def json_type(self) -> type:
        """What an endpoint takes for it, as a type of JSON."""
        raise NotImplementedError

    @property
    def start(self) -> Any:
        """What its control says when nothing has been chosen."""
        raise NotImplementedError

    def check(self, value: Any) -> Any:
        """The value. Raises OutOfRangeError, InvalidArgumentError."""
        raise NotImplementedError

    def read(self, control: Any) -> Any:
        """The value, not checked yet, of what a control says."""
        raise NotImplementedError

    def shown(self, value: Any) -> Any:
        """What a control says for a value: the reverse of `read`."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Number(Option):
    """A number with a slider.

    Attributes:
        minimum, maximum: what is accepted.
        slider: (low, high, step), the range worth dragging through.
        first: where the slider stands at first; None: at the usual value.
        off: the value that its switch sets; None: it has no switch.
        is_whole: whole numbers only.
    """

    minimum: float
    maximum: float
    slider: tuple[float, float, float] = (0, 1, 1)
    first: float | None = None
    off: float | None = None
    is_whole: bool = False

    @property
    def json_type(self) -> type:
        return int if self.is_whole else float

    @property
    def start(self) -> float:
        usual: float = self.usual
        return usual if self.first is None else self.first

    def check(self, value: Any) -> float:
        if self.is_whole:
            return catalog.check_whole(self.name, value, int(self.minimum), int(self.maximum))
        return catalog.check_number(self.name, value, self.minimum, self.maximum)

    def read(self, control: float | None) -> float:
        return math.nan if control is None else control  # an emptied field: no number, so out of every range

    def shown(self, value: float) -> float:
        return value


@dataclass(frozen=True, kw_only=True)
class Choice(Option):
    """One of a few values.

    Attributes:
        choices: what the control says, and the value that it means.
        texts: what the control says, and the key of what a person reads.
        rule: what the value must be, for the error.
    """

    choices: Mapping[str, Any]
    texts: Mapping[str, str]
    rule: str

    @property
    def json_type(self) -> type:
        return bool | str  # type: ignore[return-value]  # an annotation, for gradio

    @property
    def start(self) -> str:
        return self.shown(self.usual)

    def check(self, value: Any) -> Any:
        for known in self.choices.values():
            if type(value) is type(known) and value == known:
                return known
        raise InvalidArgumentError(name=self.name, rule=self.rule, value=value)

    def read(self, control: str) -> Any:
        return self.choices[control]

    def shown(self, value: Any) -> str:
        return next(name for name, known in self.choices.items() if known is value or known == value)


@dataclass(frozen=True, kw_only=True)
class Texts(Option):
    """Texts, none of them empty.

    Attributes:
        most, longest: how many are taken, and how many characters each.
        first, info: the keys of what its control says at first, and of what stands below it.
        is_single: whether the page's control holds one text, as it is; else several, between semicolons.
    """

    most: int = MAX_PHRASES
    longest: int = MAX_PHRASE
    first: str = ""
    info: str = ""
    is_single: bool = False

    @property
    def json_type(self) -> type:
        return list

    @property
    def start(self) -> str:
        return ""

    def check(self, value: Any) -> tuple[str, ...]:
        given = [] if value is None else value
        is_list = isinstance(given, (list, tuple)) and len(given) <= self.most
        if not is_list or not all(isinstance(text, str) and 0 < len(text) <= self.longest for text in given):
            rule = f"a list of at most {self.most} texts, none of them empty or longer than {self.longest} characters"
            raise InvalidArgumentError(name=self.name, rule=rule, value=value)
        return tuple(given)

    def read(self, control: str | None) -> tuple[str, ...]:
        if self.is_single:
            return (control,) if control else ()
        return tuple(text.strip() for text in (control or "").replace("\n", ";").split(";") if text.strip())

    def shown(self, value: tuple[str, ...]) -> str:
        if self.is_single:
            return value[0] if value else ""
        return "; ".join(map(_with_edges, value))


def _with_edges(text: str) -> str:
    """A text whose spaces at the ends can be seen, and are not taken off: as `written.exactly` reads them."""
    inner = text.strip(" ")
    before = len(text) - len(text.lstrip(" "))
    return "␣" * before + inner + "␣" * (len(text) - len(inner) - before)


NUM_BEAMS = Number(
    name="num_beams", usual=3, minimum=1, maximum=MAX_BEAMS, slider=(1, MAX_BEAMS, 1), first=4, is_whole=True,
    place=0, label="beam.num_beams.label", help="beam.num_beams.help", made="made.num_beams",
)  # fmt: skip
LENGTH_PENALTY = Number(
    name="length_penalty", usual=1.0, minimum=LENGTH_PENALTIES[0], maximum=LENGTH_PENALTIES[1], slider=(-2, 4, 0.1),
    off=0.0, place=80, label="beam.length_penalty.label", help="beam.length_penalty.help", made="made.length_penalty",
)  # fmt: skip
EARLY_STOPPING = Choice(
    name="early_stopping", usual=False, key="early", place=81, rule='true, false or "never"',
    choices={"full": True, "heuristic": False, "never": "never"},
    texts={"full": "beam.early.full", "heuristic": "beam.early.heuristic", "never": "beam.early.never"},
    label="beam.early.label", made="made.early",
)  # fmt: skip
STOP_STRINGS = Texts(
    name="stop_strings", usual=(), key="stop_text", place=90, is_single=True, most=LISTS["stop_strings"].most,
    longest=LISTS["stop_strings"].longest, label="beam.stop_text.label", help="beam.stop_text.none",
    made="made.stop_text",
)  # fmt: skip
NUM_BEAM_GROUPS = Number(
    name="num_beam_groups", usual=1, minimum=1, maximum=MAX_BEAMS, slider=(1, MAX_BEAMS, 1), first=2, is_whole=True,
    key="groups", label="beam.groups.label", help="beam.groups.help", made="made.groups",
)  # fmt: skip
DIVERSITY_PENALTY = Number(
    name="diversity_penalty", usual=0.0, minimum=DIVERSITY_PENALTIES[0], maximum=DIVERSITY_PENALTIES[1],
    slider=(0, 5, 0.1), first=0.5, label="beam.diversity_penalty.label", help="beam.diversity_penalty.help",
    made="made.diversity_penalty",
)  # fmt: skip
FORCE_WORDS = Texts(
    name="force_words", usual=(), key="phrases", first="beam.phrases.start", info="beam.phrases.info",
    label="beam.phrases.label", help="beam.phrases.help", made="made.phrases",
)  # fmt: skip
MIN_NEW_TOKENS = Number(name="min_new_tokens", usual=0, minimum=0, maximum=1_000_000, is_whole=True)
