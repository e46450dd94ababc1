"""The Compare session: what one visitor compares, and the comparison on the page."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import count

from playground.decoding.dialogue import Dialogue, Prompt
from playground.decoding.lanes import Comparison, Lane, lane_bytes
from playground.decoding.model import LanguageModel
from playground.decoding.rows import DESK_BYTES
from playground.i18n import Said
from playground.runs.lane_links import LinkedLanes
from playground.runs.scoring import TEXT_BYTES, TOKEN_BYTES
from playground.runs.setup import Setup
from playground.tabs.compare.cloud_session import CloudSession
from playground.tabs.visitor import Running
from playground.vocabulary import Vocabulary

MOST_LANES = 6
FEWEST_LANES = 2
LONGEST_NAME = 24  # characters of that of a lane
TEXT_LANE_BYTES = TEXT_BYTES + 2048 * TOKEN_BYTES  # at most, of a text that is read


@dataclass(frozen=True)
class OwnText:
    """A text that a person brought, which the model reads instead of writing one; it goes on where the prompt ends.
    `model` is the name of the one that reads it; None: that of the page."""

    text: str
    model: str | None = None


Source = Setup | OwnText  # what a lane's text comes from


def is_empty(source: Source) -> bool:
    """Whether it is a text that nobody has written yet."""
    return isinstance(source, OwnText) and not source.text


@dataclass(frozen=True)
class LaneSetup:
    """One row: its number, which it keeps wherever it moves, its name, and what makes it."""

    key: int
    name: str | Said  # a person's own, or a text that is worded for whoever looks
    setup: Source


@dataclass(frozen=True)
class Asked:
    """What a comparison was made of: another one of these is another comparison. `prompt_ids` are those of the page's
    model; `dialogue`: the turns that each lane reads as its own model does, None for a plain text."""

    prompt_ids: tuple[int, ...]
    lanes: tuple[tuple[int, Source], ...]
    same_dice: bool
    model_name: str
    dialogue: Dialogue | None = None


class CompareSession(Running):
    """One visitor's comparison. Lives in a `gr.State`.

    Attributes:
        lanes: the rows, as they are set up now.
        comparison, asked: what is on the page, and what it was made of; None before the first run.
        badges: of the comparison's lanes, by key.
        prompt, same_dice: what the controls said when it was made, and say now (`now`).
        token: the row's key and the index under inspection, or None to follow.
        verified: the comparison that is being verified, or has been.
        lesson: key of the example chosen last.
        clouds: many texts of each lane.
        vocabularies: of the lanes that have a model of their own, by key, as it was when they were written.
        linked: the comparison of the link that was opened last.
        query: of the rows and controls that it was made of last, so that it is not made with every frame.
    """

    def __init__(self, lanes: Sequence[tuple[str | Said, Source]], lesson: str) -> None:
        super().__init__()
        self._keys = count(1)
        self.lanes = [LaneSetup(next(self._keys), name, setup) for name, setup in lanes]
        self._first = tuple(lanes)
        self.lesson = lesson
        self.comparison: Comparison | None = None
        self.asked: Asked | None = None
        self.badges: dict[int, dict[str, str]] = {}
        self.made: tuple[Prompt, bool] = ("", True)
        self.now: tuple[Prompt, bool] | None = None
        self.token: tuple[int, int] | None = None
        self.verified: Comparison | None = None
        self.clouds = CloudSession()
        self.vocabularies: dict[int, Vocabulary] = {}
        self.linked: LinkedLanes | None = None
        self.query: tuple[object, str] = (None, "")

    def __deepcopy__(self, memo: object) -> "CompareSession":
        return CompareSession(self._first, self.lesson)

    def fill(self, lanes: Sequence[tuple[str | Said, Source]], lesson: str) -> None:
        """Other rows instead of these; no comparison yet."""
        self.stop()
        self.lanes = [LaneSetup(next(self._keys), name, setup) for name, setup in lanes]
        self.lesson = lesson
        self.put(None, None)
        self.clouds.clear()

    def put(self, comparison: Comparison | None, asked: Asked | None) -> None:
        self.comparison, self.asked = comparison, asked
        self.badges, self.token, self.verified = {}, None, None

    def leave(self) -> None:
        """The visitor has gone: nothing goes on."""
        self.stop()
        self.clouds.stop()

    @property
    def reached(self) -> tuple[bool, bool]:
        found = self.comparison
        return (False, False) if found is None else (found.steps > 0, found.is_over)

    def take(self, run: int, comparison: Comparison) -> bool:
        """Put run number `run`'s newest state on the page, unless that run is over: then say no."""
        with self._lock:
            if self.is_current(run):
                self.comparison = comparison
                return True
            return False

    def lane_of(self, key: int) -> Lane | None:
        """What the row has written, if it was part of the comparison."""
        if self.comparison is None or self.asked is None:
            return None
        keys = [one for one, _ in self.asked.lanes]
        return self.comparison.lanes[keys.index(key)] if key in keys else None

    @property
    def written(self) -> Comparison:
        """The comparison without the texts that were only read."""
        if self.comparison is None or self.asked is None:
            return Comparison(())
        pairs = zip(self.asked.lanes, self.comparison.lanes, strict=True)
        return Comparison(tuple(one for (_, source), one in pairs if isinstance(source, Setup)))

    def lanes_bytes(self, model_of: Callable[[Source], LanguageModel]) -> int:
        """What the comparison on the page keeps, the texts that were read included."""
        if self.comparison is None or self.asked is None:
            return 0
        taken = DESK_BYTES * len({source.model for _, source in self.asked.lanes})
        for (_, source), lane in zip(self.asked.lanes, self.comparison.lanes, strict=True):
            is_read = isinstance(source, OwnText)
            steps = len(lane.trace.steps)
            taken += TEXT_LANE_BYTES if is_read else lane_bytes(model_of(source), lane.request, steps)
        return taken

    def put_text(self, key: int, source: OwnText, lane: Lane, asked: Asked) -> None:
        """A text was read after the prompt of what is on the page, or of `asked` where nothing is: it takes its place
        there, the lanes in the order of the page."""
        made: dict[int, tuple[Source, Lane]] = {}
        if self.asked is not None and self.comparison is not None:
            asked = self.asked
            made = {one: (other, read) for (one, other), read in zip(asked.lanes, self.comparison.lanes, strict=True)}
        made[key] = (source, lane)
        order = [one.key for one in self.lanes if one.key in made]
        keys = [*order, *(one for one in made if one not in order)]
        self.asked = replace(asked, lanes=tuple((one, made[one][0]) for one in keys))
        self.comparison = Comparison(tuple(made[one][1] for one in keys))
        self.badges.pop(key, None)
        self.verified = None

    def changed(self) -> list[str | Said]:
        """The names of the rows that are others than those that made what is on the page; "" for what is gone."""
        if self.asked is None:
            return []
        made = dict(self.asked.lanes)
        found: list[str | Said] = [
            one.name
            for one in self.lanes
            if made.get(one.key) != one.setup and (not is_empty(one.setup) or one.key in made)
        ]
        return found + ["" for key in made if key not in {one.key for one in self.lanes}]

    # what a person does to the rows; all say whether anything was changed

    def place(self, key: object) -> int | None:
        return next((place for place, one in enumerate(self.lanes) if one.key == key), None)

    def change(self, key: object, name: str | Said, setup: Source) -> bool:
        place = self.place(key)
        if place is None:
            return False
        self.lanes[place] = replace(self.lanes[place], name=name, setup=setup)
        return True

    def add(self, name: str | Said, setup: Source, after: object = None) -> bool:
        if len(self.lanes) >= MOST_LANES:
            return False
        place = self.place(after)
        at = len(self.lanes) if place is None else place + 1
        self.lanes.insert(at, LaneSetup(next(self._keys), name, setup))
        return True

    def remove(self, key: object) -> bool:
        place = self.place(key)
        if place is None or len(self.lanes) <= FEWEST_LANES:
            return False
        del self.lanes[place]
        return True

    def move(self, key: object, by: int) -> bool:
        place = self.place(key)
        if place is None or not 0 <= place + by < len(self.lanes):
            return False
        self.lanes.insert(place + by, self.lanes.pop(place))
        return True
