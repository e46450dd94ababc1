"""The shelf: models by name, loaded once and late, called off, dropped when there is no room, never one in use."""

import threading
from typing import Any

import pytest

from playground import settings
from playground.engines import shelf as shelves
from playground.engines.loading import CalledOffError, ModelSlot, Progress
from playground.engines.shelf import Entry, Shelf, shipped
from playground.errors import ModelUnavailableError, UnknownModelError


class Loaded:
    """Stands for a backend: what a slot asks of one."""

    def __init__(self, size: int) -> None:
        self.model = self
        self.bytes = size


class Loads:
    """Makes entries of known size and counts how often each is loaded."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def entry(self, name: str, size: int = 10, language: str = "", **more: Any) -> Entry:
        def load() -> Any:
            self.names.append(name)
            return Loaded(size)

        return Entry(name, f"/nowhere/{name}", language=language, bytes=size, **{"load": load, **more})


@pytest.fixture
def loads() -> Loads:
    return Loads()


def shelf_of(*entries: Entry, budget: int | None = None, first: str = "") -> Shelf:
    return Shelf(entries, lambda: None, budget=budget, first=first)


def test_a_model_is_loaded_when_it_is_first_asked_for_and_once_for_all(loads: Loads) -> None:
    shelf = shelf_of(loads.entry("one"), loads.entry("two"))
    assert [shelf.slot(name).state for name in ("one", "two")] == ["absent", "absent"]
    got: list[Any] = []
    threads = [threading.Thread(target=lambda: got.append(shelf.slot("two").get())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(got) == 8 and len(set(map(id, got))) == 1
    assert loads.names == ["two"] and shelf.slot("one").state == "absent"
    assert shelf.slot() is shelf.slot("one")


def test_a_name_that_is_not_on_it_is_refused_with_those_that_are(loads: Loads) -> None:
    with pytest.raises(UnknownModelError, match="one, two"):
        shelf_of(loads.entry("one"), loads.entry("two")).slot("three")
    with pytest.raises(ValueError, match="two models"):
        shelf_of(loads.entry("one"), loads.entry("one"))


def test_the_longest_unused_is_dropped_and_comes_again(loads: Loads) -> None:
    shelf = shelf_of(*(loads.entry(name) for name in ("a", "b", "c")), budget=25)
    first = shelf.slot("a").get()
    shelf.slot("b").get()
    with shelf.using("a"):
        pass
    shelf.slot("c").get()
    assert [shelf.slot(name).state for name in "abc"] == ["ready", "absent", "ready"] and shelf.bytes == 20
    assert shelf.slot("a").get() is first
    shelf.slot("b").get()
    assert [shelf.slot(name).state for name in "abc"] == ["absent", "ready", "ready"]
    assert loads.names == ["a", "b", "c", "b"]


def test_one_that_is_used_is_never_dropped_until_it_is_not(loads: Loads) -> None:
    shelf = shelf_of(*(loads.entry(name) for name in ("a", "b", "c")), budget=15)
    with shelf.using("a"), shelf.using("b"):
        shelf.slot("a").get()
        shelf.slot("b").get()
        assert shelf.bytes == 20
        assert not shelf.slot("a").drop()
    assert shelf.bytes == 10


def test_a_single_model_beyond_the_budget_stays(loads: Loads) -> None:
    shelf = shelf_of(loads.entry("large", 100), budget=15)
    shelf.slot("large").get()
    with shelf.using("large"):
        pass
    assert shelf.slot("large").is_ready


def test_what_was_made_of_a_model_goes_with_it(loads: Loads) -> None:
    slot = shelf_of(loads.entry("a")).slot("a")
    slot.get()
    assert slot.once("x", lambda: 1) == slot.once("x", lambda: 2) == 1
    assert slot.drop()
    assert slot.once("x", lambda: 2) == 2


def test_a_model_around_which_a_slot_was_made_can_not_be_dropped(storyteller: Any) -> None:
    slot = ModelSlot.filled(storyteller, "somewhere")
    assert not slot.drop() and slot.is_ready and slot.bytes > 4 * storyteller.info.parameters


def test_loading_tells_how_far_it_is_and_can_be_called_off(loads: Loads) -> None:
    is_half, ended = threading.Event(), threading.Event()

    def fetch(progress: Progress) -> None:
        progress.total, progress.done = 100, 50
        is_half.set()
        try:
            while True:
                progress.go_on()
        finally:
            ended.set()

    slot = shelf_of(loads.entry("a", fetch=fetch)).slot("a").start()
    assert is_half.wait(30) and (slot.progress.done, slot.progress.total) == (50, 100) and slot.state == "loading"
    waiting: list[BaseException] = []

    def wait() -> None:
        try:
            slot.get()
        except ModelUnavailableError as error:
            waiting.append(error)

    waiter = threading.Thread(target=wait)
    waiter.start()
    slot.call_off()
    waiter.join(30)
    assert ended.wait(30) and isinstance(waiting[0], CalledOffError)
    assert slot.state == "absent" and loads.names == []


def test_a_failure_has_its_reason_and_the_next_start_tries_again(loads: Loads) -> None:
    tries: list[int] = []

    def load() -> Any:
        tries.append(1)
        if len(tries) == 1:
            raise RuntimeError("the disk is full")
        return Loaded(1)

    slot = shelf_of(loads.entry("a", load=load)).slot("a")
    for _ in range(2):
        with pytest.raises(ModelUnavailableError, match="the disk is full"):
            slot.get()
    assert slot.state == "failed" and len(tries) == 1
    assert slot.start().get() and slot.state == "ready"


def test_each_language_meets_a_model_of_its_own_unless_one_was_named(loads: Loads) -> None:
    entries = [
        loads.entry("tales", language="en", group="shipped"),
        loads.entry("verse", language="zh", group="shipped"),
    ]
    shelf = shelf_of(*entries)
    assert [shelf.first(code) for code in ("en", "zh", "fr")] == ["tales", "verse", "tales"]
    assert shelf_of(*entries, first="tales").first("zh") == "tales"


def test_models_that_visitors_named_give_way_to_newer_ones(loads: Loads, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelves, "MOST_OWN", 2)
    shelf = shelf_of(loads.entry("first"), first="first")
    for name in ("a", "b", "c"):
        shelf.add(loads.entry(name))
    assert "a" not in shelf and {"first", "b", "c"} <= {entry.name for entry in shelf.entries}


def test_the_shipped_ones_are_loaded_side_by_side() -> None:
    shelf = Shelf(shipped(), lambda: None)
    poet, teller = shelf.slot("poet").get(), shelf.slot("storyteller").get()
    assert (poet.info.name, teller.info.name) == ("poet", "storyteller")
    assert poet.info.vocab_size != teller.info.vocab_size
    sizes = {entry.name: entry.bytes for entry in shipped()}
    for backend in (poet, teller):
        assert backend.model.bytes == pytest.approx(sizes[backend.info.name], rel=0.2) or backend.model.packed_bytes


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing")  # peft asks transformers in its old way
def test_the_detective_is_what_peft_makes_of_the_storyteller() -> None:
    import peft
    import torch
    from transformers import AutoModelForCausalLM

    backend = Shelf(shipped(), lambda: None).slot("detective").get()
    assert backend.info.name == "storyteller + detective"
    base = AutoModelForCausalLM.from_pretrained(str(settings.DEFAULT_MODEL), dtype=torch.float32)
    adapted = peft.PeftModel.from_pretrained(base, str(settings.MODELS / "detective")).eval()
    ids = backend.tokenizer.encode("The old man opened the door")
    with torch.inference_mode():
        theirs, plain = adapted(torch.tensor([ids])).logits[0], None
        with adapted.disable_adapter():
            plain = adapted(torch.tensor([ids])).logits[0]
    ours = backend.model.logits(ids)
    assert torch.equal(ours, theirs) and float((ours - plain).abs().max()) > 1e-4
    assert backend.adapter is not None and backend.base is not None  # Two models shows it beside its base
