"""The shelf: models by name, shared by all visitors; each is loaded when it is first needed, and dropped when there is
no room for it any longer and nobody uses it."""

import gc
import threading
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from playground import settings
from playground.engines.loading import ModelSlot, Progress
from playground.errors import UnknownModelError

if TYPE_CHECKING:
    from playground.engines.protocol import Engine

Group = Literal["shipped", "known", "cached", "own"]
GROUPS: tuple[Group, ...] = ("shipped", "known", "cached", "own")
_AS_IT_IS = settings.How()
MOST_OWN = 50  # models that visitors named themselves


@dataclass(frozen=True)
class Entry:
    """A model on the shelf, loaded or not.

    Attributes:
        name: by which the page, links and programs ask for it; no two have the same.
        source: a folder, or the id of a repository on the Hub.
        public_name: the source as a reader of the page would write it; "" for the source itself.
        title: what the page calls it; "" for its name. `note` stands behind it where it is picked.
        group: where it stands.
        language: of its texts, "" where that is not known.
        licence: as its card names it, None where that is not known.
        bytes: of its weights in float32, 0 where that is not known.
        fetch: brings what lies elsewhere; may take its time, and tells how far it is. Says the folder in which it lies
            then, or anything else.
        load: makes the model; None: from the files of that folder, or of `source`.
    """

    name: str
    source: str
    public_name: str = ""
    title: str = ""
    group: Group = "own"
    language: str = ""
    licence: str | None = None
    bytes: int = 0
    fetch: Callable[[Progress], object] = lambda progress: None
    load: "Callable[[], Engine] | None" = None
    note: str = ""

    @property
    def shown(self) -> str:
        return self.title or self.name


class Shelf:
    """Entries by name, and the slot of each. May be used by any thread.

    Attributes:
        first_name: the entry that whoever names none gets; of a language with a model of its own: that one (`first`).
        budget: the bytes that all models together may take; None for no limit.
    """

    def __init__(
        self, entries: Iterable[Entry], prepare: Callable[[], object], *,
        first: str = "", budget: int | None = None, how: settings.How = _AS_IT_IS,
    ) -> None:  # fmt: skip
        """`prepare` as of ModelSlot.start. `first` is the model of all languages; without it, each has its own where
        there is one, and the others that of English. Raises ValueError for two entries of one name."""
        self._entries: dict[str, Entry] = {}
        self._slots: dict[str, ModelSlot] = {}
        self._lock = threading.Lock()
        self._prepare, self._how = prepare, how
        self._chosen = first
        self.budget = budget
        for entry in entries:
            if entry.name in self._entries:
                raise ValueError(f"two models are called {entry.name}")
            self._entries[entry.name] = entry
        self.first_name = first or next(iter(self._entries))

    @classmethod
    def of(cls, slot: ModelSlot) -> "Shelf":
        """A shelf of one model, in a slot that there is already."""
        name = slot.display_name
        shelf = cls([Entry(name, slot.name_or_path, slot.public_name)], lambda: None, first=name)
        shelf._slots[name] = slot
        return shelf

    # ---- what is on it

    @property
    def entries(self) -> tuple[Entry, ...]:
        with self._lock:
            return tuple(self._entries.values())

    def entry(self, name: str = "") -> Entry:
        """The entry of a name, "" for the first. Raises UnknownModelError."""
        with self._lock:
            found = self._entries.get(name or self.first_name)
        if found is None:
            raise UnknownModelError(name=name, known=", ".join(self._entries))
        return found

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    def first(self, language: str) -> str:
        """The name of the model that a visitor of this language meets."""
        if self._chosen:
            return self._chosen
        own = (e.name for e in self.entries if e.language == language and e.group == "shipped")
        return next(own, self.first_name)

    def add(self, entry: Entry) -> Entry:
        """One more; the one that is there already where it has the same name. Of those that visitors named, the ones
        that nobody uses give way first."""
        with self._lock:
            if entry.name not in self._entries:
                own = [e.name for e in self._entries.values() if e.group == "own" and e.name != self.first_name]
                idle = [name for name in own if name not in self._slots or not self._slots[name].is_in_use]
                for name in idle[: max(0, len(own) - MOST_OWN + 1)]:
                    del self._entries[name]
                    self._slots.pop(name, None)
                self._entries[entry.name] = entry
            return self._entries[entry.name]

    # ---- models

    def slot(self, name: str = "") -> ModelSlot:
        """The place of a model, the same for all; nothing is loaded yet. Raises UnknownModelError."""
        entry = self.entry(name)
        with self._lock:
            if entry.name not in self._slots:
                self._slots[entry.name] = self._made(entry)
            return self._slots[entry.name]

    def _made(self, entry: Entry) -> ModelSlot:
        def fetch(progress: Progress) -> object:
            found = entry.fetch(progress)
            self.make_room(progress.takes or entry.bytes)
            return found

        slot = ModelSlot(
            entry.source, entry.shown, entry.public_name or None, self._how, prepare=self._prepare, fetch=fetch,
            load=entry.load, name=entry.name,
        )  # fmt: skip
        slot.on_change = self.make_room
        return slot

    def using(self, name: str = "") -> AbstractContextManager[None]:
        """Meanwhile the model of this name is not dropped. Raises UnknownModelError."""
        return self.slot(name).using()

    @property
    def bytes(self) -> int:
        """What all models together take."""
        with self._lock:
            return sum(slot.bytes for slot in self._slots.values())

    def make_room(self, wanted: int = 0) -> None:
        """Drop models, those first that were used longest ago, until `wanted` bytes more fit; none that is in use."""
        if self.budget is None:
            return
        is_dropped = False
        while self.bytes + wanted > self.budget:
            with self._lock:
                idle = sorted(self._slots.values(), key=lambda slot: slot.used_at)
            if len([one for one in idle if one.is_ready]) <= (0 if wanted else 1):
                break  # a single model that is larger than the budget stays: it was asked for
            if not any(slot.drop() for slot in idle):
                break
            is_dropped = True
        if is_dropped:
            gc.collect()  # a module holds itself in circles


def shipped() -> tuple[Entry, ...]:
    """The models that come with the page; the last is the first with an adapter on it."""

    def entry(name: str, language: str, bytes_: int, title: str = "") -> Entry:
        folder = settings.MODELS / name
        public = settings.in_repository(folder)
        return Entry(name, str(folder), public, title, "shipped", language, "apache-2.0", bytes_)

    return (
        entry("storyteller", "en", 28 * 2**20), replace(entry("poet", "zh", 26 * 2**20), note="诗人"),
        entry("detective", "", 28 * 2**20, "storyteller + detective"),
    )  # fmt: skip
