"""The picker: two visitors of one process on two models; what a switch keeps, what it puts away, what it brings."""

import copy
import ctypes
import gc
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import gradio as gr
import pytest

from playground.catalog import PARAMETERS
from playground.engines.huggingface.backend import Backend
from playground.engines.loading import Progress
from playground.engines.shelf import Entry, Shelf, shipped
from playground.errors import NotOfferedError
from playground.i18n import DEFAULT_LANGUAGE, say, translator
from playground.runs import late
from playground.tabs import page
from playground.tabs.brought import TALES, VERSE, brought_by, of_any
from playground.tabs.picker import Picker, titles
from playground.tabs.recorded import recorded
from tests.visitors import gradio_litter

TABS = ("generate", "beam", "compare", "tokenizer", "attention", "inside", "lockstep")
t = translator()


class Visitor:
    """Somebody on the page: a session of every tab, and what stands in the fields that a model may fill."""

    def __init__(self, picker: Picker, language: str = DEFAULT_LANGUAGE) -> None:
        self.picker = picker
        self.tabs = picker._page.tabs
        self.sessions = {name: copy.deepcopy(picker._page.built[name].state.value) for name in TABS}
        for session in self.sessions.values():
            session.language = language
        own = VERSE if language == "zh" else TALES
        self.texts = picker._own(own)

    def take(self, told: list[Any]) -> str | None:
        """The name for the picker; the fields as they stand afterwards."""
        name, *rest = told
        for i, value in enumerate(rest[: len(self.texts)]):
            if isinstance(value, str):
                self.texts[i] = value
        return name.value if isinstance(name, gr.Dropdown) else None

    def pick(self, name: str) -> str | None:
        return self.take(self.picker.pick(name, *self.sessions.values(), *self.texts))

    def follow(self, query: str) -> str | None:
        return self.take(self.picker.follow(query, *self.sessions.values(), *self.texts))

    def frames(self, tab: str, handler: str, *values: Any) -> Iterator[dict[str, Any]]:
        for sent in getattr(self.tabs[tab], handler)(self.sessions[tab], *values):
            yield json.loads(sent)["channels"]

    @property
    def generate_values(self) -> tuple[Any, ...]:
        knobs = json.dumps({p.name: p.neutral for p in PARAMETERS})
        lists = [""] * (len(self.picker._page.built["generate"].controls.all) - 8)
        return (self.texts[0], "greedy", 0, 6, "fast", "nats", None, knobs, *lists)

    def run(self) -> Any:
        list(self.frames("generate", "run", *self.generate_values))
        return self.sessions["generate"].trace


@pytest.fixture(scope="module")
def shelf() -> Shelf:
    own = Entry("mine", str(shipped()[1].source), language="en")
    return Shelf([*shipped(), own], late.load)


@pytest.fixture(scope="module")
def picker(shelf: Shelf) -> Picker:
    return picker_of(shelf)


def picker_of(shelf: Shelf) -> Picker:
    made: list[Picker] = []
    build = page.picker.wire

    def wire(picker: Picker, *rest: Any) -> None:
        made.append(picker)
        build(picker, *rest)

    with pytest.MonkeyPatch.context() as patch, gradio_litter():
        patch.setattr(page.picker, "wire", wire)
        page.build(shelf)
    return made[0]


@pytest.fixture
def visitor(picker: Picker) -> Callable[..., Visitor]:
    return lambda language=DEFAULT_LANGUAGE: Visitor(picker, language)


def test_two_visitors_on_two_models_do_not_see_each_others(visitor: Callable[..., Visitor]) -> None:
    hers, his = visitor(), visitor()
    assert hers.pick("poet") == "poet"
    verse, tale = hers.run(), his.run()
    assert (hers.sessions["generate"].model_name, his.sessions["generate"].model_name) == ("poet", "storyteller")
    assert verse.steps[0].row.size == 6699 != tale.steps[0].row.size
    again = visitor()
    assert again.run().token_ids == tale.token_ids


def test_a_switch_keeps_what_a_person_wrote_and_changes_what_the_model_brought(visitor: Callable[..., Visitor]) -> None:
    one = visitor()
    one.texts[0] = "我写的"
    one.pick("poet")
    assert one.texts[0] == "我写的" and one.texts[1:] == Picker._own(VERSE)[1:]
    assert one.texts[2] == "。"
    one.pick("mine")
    assert one.texts[0] == "我写的" and one.texts[1:] == Picker._own(of_any("en"))[1:]
    assert one.texts[2] == ""
    one.pick("storyteller")
    assert one.texts[0] == "我写的" and one.texts[1:] == Picker._own(TALES)[1:]


def test_no_number_of_the_old_model_is_left_under_the_new_name(visitor: Callable[..., Visitor]) -> None:
    one = visitor()
    tale = one.run()
    one.pick("mine")
    session = one.sessions["generate"]
    assert session.trace is not tale and not session.trace.steps and session.past == []
    frame = next(one.frames("generate", "arrive"))
    assert frame["next_token"]["rows"] == [] and frame["strip"]["tokens"] == []
    assert frame["model"] == {"parts": [t("model.loading", name="mine")], "kind": "wait"}
    assert not one.sessions["beam"].trace.steps and one.sessions["compare"].comparison is None
    assert "old king" not in json.dumps(frame)


def test_a_model_brings_its_recorded_run_and_one_without_brings_none(visitor: Callable[..., Visitor]) -> None:
    one = visitor()
    one.pick("poet")
    verse = recorded()[1]
    assert one.sessions["generate"].trace.token_ids == verse.run.token_ids
    assert one.sessions["beam"].trace.best.token_ids == verse.search[0].best.token_ids  # type: ignore[union-attr]
    *_, last = one.frames("generate", "arrive")
    assert last["badge"]["kind"] == "good", last["badge"]
    *_, found = one.frames("beam", "arrive")
    assert t("beam.badge.no_stop") in json.dumps(found["beam.badge"], ensure_ascii=False)


def test_with_chinese_the_poet_is_the_first_and_its_session_the_poets(visitor: Callable[..., Visitor]) -> None:
    one = visitor("zh")
    list(one.frames("generate", "welcome"))
    assert one.sessions["generate"].model_name == "poet"
    assert one.sessions["generate"].trace.token_ids == recorded()[1].run.token_ids
    assert one.run().steps[0].row.size == 6699


def test_a_link_brings_its_model_and_one_that_names_none_or_another_leaves_it(visitor: Callable[..., Visitor]) -> None:
    one = visitor()
    assert one.follow("?tab=generate&prompt=a&strategy=greedy") is None
    assert one.follow("?tab=generate&prompt=a&model=nobody") is None
    assert one.follow("?tab=generate&prompt=a&model=storyteller") is None
    assert not any(session.arrives for session in one.sessions.values())
    assert one.follow("?tab=beam&prompt=a&strategy=beam&model=poet") == "poet"
    assert all(session.model == "poet" and session.arrives for session in one.sessions.values())


def test_a_link_has_nothing_fetched_by_itself(visitor: Callable[..., Visitor], shelf: Shelf) -> None:
    kept = [False]
    shelf.add(Entry("afar", str(shipped()[0].source), is_kept=lambda: kept[0]))
    one = visitor()
    link = "?tab=generate&prompt=a&strategy=greedy&model=afar"
    assert one.follow(link) is None
    assert shelf.slot("afar").state == "absent" and not any(session.arrives for session in one.sessions.values())
    session = one.sessions["generate"]
    one.tabs["generate"].open_link(session, link, *one.generate_values)
    words = say("link.to_fetch", made="afar", loaded="storyteller").words(t)
    assert session.link_words is not None and words in session.link_words.words(t)
    lanes = "?tab=compare&prompt=a" + 2 * f"&lane={quote('strategy=greedy&model=afar')}"
    assert one.follow(lanes) is None
    one.tabs["compare"].open_link(one.sessions["compare"], lanes, "a", True, "fast", "")
    assert shelf.slot("afar").state == "absent"
    assert say("link.row_to_fetch", made="afar").words(t) in one.sessions["compare"].link_words.words(t)
    kept[0] = True
    assert one.follow(link) == "afar" and one.sessions["generate"].link_wants == ""


def test_the_address_of_a_run_names_the_model(visitor: Callable[..., Visitor]) -> None:
    one = visitor()
    one.pick("poet")
    tab = one.tabs["generate"].of(one.sessions["generate"])
    tab.heard(one.sessions["generate"], one.generate_values)
    assert "model=poet" in one.sessions["generate"].asks.run


def test_a_picture_stays_while_its_model_is_dropped_and_the_next_action_loads_it(
    visitor: Callable[..., Visitor], shelf: Shelf
) -> None:
    one = visitor()
    one.pick("poet")
    trace = one.run()
    assert shelf.slot("poet").drop() and one.sessions["generate"].trace is trace
    assert one.run().token_ids == trace.token_ids
    assert shelf.slot("poet").is_ready


def test_a_name_that_is_not_there_is_said_in_a_line(picker: Picker, visitor: Callable[..., Visitor]) -> None:
    one = visitor()
    with pytest.raises(gr.Error, match="nobody"):
        page.picker._guarded(picker.pick)("nobody", *one.sessions.values(), *one.texts)


def picked(action: str) -> gr.EventData:
    return gr.EventData(None, {"picked": action})


def test_a_model_that_is_on_its_way_is_told_of_and_left_by_whoever_waits_alone(
    picker: Picker, shelf: Shelf, visitor: Callable[..., Visitor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("playground.tabs.arrival.TICK", 0.01)
    begun = threading.Event()

    def fetch(progress: Progress) -> None:
        progress.total, progress.done = 10**9, 250 * 10**6
        begun.set()
        while True:
            time.sleep(0.01)
            progress.go_on()

    shelf.add(Entry("far", "somebody/far", fetch=fetch))
    one, other = visitor(), visitor()
    one.pick("poet")
    for each in (one, other):
        each.pick("far")
    assert begun.wait(30)
    watches = [picker.arrivals.watch(each.sessions["generate"]) for each in (one, other)]
    told = [json.loads(next(watch))["channels"] for watch in watches]
    line = told[0]["shelf.line"]
    assert told[0]["shelf.progress"]["share"] == 0.25
    assert line["parts"] == [t("shelf.fetching", name="far", done="250 MB", total="1 GB"),
                             {"text": t("shelf.call_off"), "kind": "action", "action": "back"}]  # fmt: skip
    assert one.take(picker.act(picked("back"), *one.sessions.values(), *one.texts)) == "poet"
    assert list(watches[0]) == [] and shelf.slot("far").state == "loading"  # the other one still waits for it
    old = other.frames("generate", "arrive")
    assert next(old)["model"]["parts"] == [t("model.loading", name="far")]
    assert other.take(picker.act(picked("back"), *other.sessions.values(), *other.texts)) == "storyteller"
    assert shelf.slot("far").state == "absent"
    assert list(old) == []  # nothing is said of a model that its visitor has left


def test_a_model_is_called_off_by_its_only_visitor_however_often_they_are_told_of_it(
    picker: Picker, shelf: Shelf, visitor: Callable[..., Visitor]
) -> None:
    def fetch(progress: Progress) -> None:
        while True:
            time.sleep(0.01)
            progress.total = 10**9
            progress.go_on()

    shelf.add(Entry("farther", "somebody/farther", fetch=fetch))
    one = visitor()
    one.pick("farther")
    watches = [picker.arrivals.watch(one.sessions["generate"]) for _ in range(2)]
    for watch in watches:
        next(watch)
    picker.act(picked("back"), *one.sessions.values(), *one.texts)
    assert shelf.slot("farther").state == "absent"
    assert [list(watch) for watch in watches] == [[], []] and not picker.arrivals._waiting


def test_whoever_has_gone_while_a_model_was_on_its_way_waits_for_it_no_longer(
    picker: Picker, shelf: Shelf, visitor: Callable[..., Visitor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("playground.tabs.arrival.TICK", 0.01)
    monkeypatch.setattr("playground.tabs.arrival.BEAT", 0.05)

    def fetch(progress: Progress) -> None:
        progress.total, progress.done = 10**9, 1  # and then nothing new for long
        while True:
            time.sleep(0.01)
            progress.go_on()

    shelf.add(Entry("farthest", "somebody/farthest", fetch=fetch))
    one, gone = visitor(), visitor()
    for each in (one, gone):
        each.pick("farthest")
    left = picker.arrivals.watch(gone.sessions["generate"])
    assert [next(left), next(left), next(left)][1:] == 2 * [gr.skip()]  # Gradio may close it meanwhile
    left.close()  # type: ignore[attr-defined]
    picker.act(picked("back"), *one.sessions.values(), *one.texts)
    assert shelf.slot("farthest").state == "absent"


def test_a_failure_is_told_with_what_to_do(
    picker: Picker, shelf: Shelf, visitor: Callable[..., Visitor], tmp_path: Path
) -> None:
    one = visitor()
    one.take(picker.name(str(tmp_path / "none"), *one.sessions.values(), *one.texts))
    name = one.sessions["generate"].model
    assert name == str(tmp_path / "none") and name in shelf
    shelf.slot(name).wait()
    (told,) = (json.loads(frame)["channels"] for frame in picker.arrivals.watch(one.sessions["generate"]))
    words, again, back = told["shelf.line"]["parts"]
    assert name not in [one for _, one in titles(shelf)] and name in [one for _, one in titles(shelf, name)]
    assert told["shelf.line"]["kind"] == "bad" and t("unfit.no_folder") in words
    assert (again["action"], back["text"]) == ("again", t("shelf.back", name="storyteller"))
    picker.act(picked("again"), *one.sessions.values(), *one.texts)
    assert all(session.arrives for session in one.sessions.values())


def test_strangers_name_no_model_and_an_empty_name_is_none(picker: Picker, visitor: Callable[..., Visitor]) -> None:
    one = visitor()
    given = (*one.sessions.values(), *one.texts)
    assert one.take(picker.name("  ", *given)) is None
    public = Picker(picker.shelf, picker._slot, picker._brought, picker._page, is_public=True)
    with pytest.raises(NotOfferedError, match="storyteller"):
        public.name("/etc", *given)
    assert "/etc" not in picker.shelf
    assert one.take(public.name("poet", *given)) == "poet"  # it is on the shelf


def test_the_picker_names_the_shipped_models_first(shelf: Shelf) -> None:
    assert titles(shelf)[:5] == [
        ("storyteller", "storyteller"),
        ("poet 诗人", "poet"),
        ("storyteller + detective", "detective"),
        ("apprentice", "apprentice"),
        ("mine", "mine"),
    ]


def test_what_the_poets_first_example_says_is_true() -> None:
    run = recorded()[1].run
    kept = [int(run.stages_at(i)[-1].outgoing.kept) for i in range(len(run.steps))]
    label = recorded()[1].vocabulary.label
    assert kept[0] == 185 and label(run.steps[5].choice.token_id) == "霏" and kept[5] == 27
    assert label(int(run.steps[5].logits.argmax())) == "，"
    assert label(run.steps[15].choice.token_id) == "。" and kept[15] == 1
    search, greedy = recorded()[1].search
    text = recorded()[1].vocabulary.text
    assert search.best is not None and greedy is not None
    assert text(search.best.token_ids)[:4] == text(greedy.token_ids)[:4] == "春风吹梦"
    assert text(search.best.token_ids)[4] != text(greedy.token_ids)[4]
    assert search.best.cum_logprob > greedy.cum_logprob


def test_what_any_model_brings_is_in_its_language_and_names_no_end(storyteller: Backend) -> None:
    for language in ("en", "zh", ""):
        entry = Entry("x", "somewhere", language=language)
        brought = brought_by(entry)
        assert brought.made_with == "" and brought.ends == ""
        assert brought.examples[0].prompt.isascii() == (language != "zh")
        own = VERSE if language == "zh" else TALES
        assert not {brought.looked_at, brought.walked, *brought.batch} & {own.looked_at, own.walked, *own.batch}
    assert brought_by(Entry("poet", "somewhere")).made_with == ""  # somebody's own of that name


def test_two_models_begins_with_the_model_of_the_page_and_its_partner(visitor: Callable[..., Visitor]) -> None:
    def sides(one: Visitor) -> list[Any]:
        frame, *rest = next(one.tabs["lockstep"].arrive(one.sessions["lockstep"], one.texts[-1]))
        assert json.loads(frame)["channels"]["lockstep.badge"]["kind"] == "wait"
        return [*(drop.value for drop in rest[:2]), rest[2].visible]

    one = visitor()
    assert sides(one) == ["storyteller", "detective", True]
    one.pick("poet")
    assert one.texts[-1] == VERSE.compared and sides(one) == ["poet", "storyteller", False]
    one.pick("mine")
    assert one.texts[-1] == of_any("en").compared and sides(one) == ["mine", "storyteller", False]
    one.texts[-1] = "written by hand"
    one.pick("detective")
    assert one.texts[-1] == "written by hand" and sides(one) == ["storyteller", "detective", True]


def test_the_strength_of_an_adapter_is_the_visitors_own_and_stands_in_their_run(
    visitor: Callable[..., Visitor], shelf: Shelf
) -> None:
    hers, his = visitor(), visitor()
    for one in (hers, his):
        one.pick("detective")
    told = hers.picker.scale(0.5, *hers.sessions.values(), *hers.texts)
    assert told[0].value == "detective" and (told[-1].value, told[-1].visible) == (0.5, True)
    half, whole = hers.run(), his.run()
    assert hers.sessions["generate"].model == "detective*0.5" and his.sessions["generate"].model == "detective"
    hers.tabs["generate"].of(hers.sessions["generate"]).heard(hers.sessions["generate"], hers.generate_values)
    assert "model=detective%2A0.5" in hers.sessions["generate"].asks.run
    assert [step.reading.logprob for step in half.steps] != [step.reading.logprob for step in whole.steps]
    badge = list(hers.frames("generate", "verify"))
    assert badge and badge[-1]["badge"]["kind"] == "good"
    assert hers.follow("?tab=generate&model=detective*2&prompt=a") == "detective"
    assert hers.sessions["generate"].model == "detective*2"
    assert hers.pick("poet") == "poet"
    shelf.slot("poet").get()  # no thread is left loading


def resident() -> int:
    """Bytes of this process in memory, after what can be handed back has been."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self/statm").is_file(), reason="a number of Linux")
@pytest.mark.parametrize("budget", [None, 40 * 2**20], ids=["all stay", "the others go"])
def test_twenty_switches_among_three_models_take_no_more_room_than_three(budget: int | None) -> None:
    shelf = Shelf(shipped()[:3], late.load, budget=budget)
    one = Visitor(picker_of(shelf))
    taken: list[int] = []
    for i in range(21):
        one.pick(("storyteller", "poet", "detective")[i % 3])
        assert len(one.run().token_ids) == 6
        taken.append(resident())
    assert max(taken[3:]) <= 1.1 * max(taken[:3]), [size // 2**20 for size in taken]
    loaded = [shelf.slot(entry.name).is_ready for entry in shelf.entries]
    assert sum(loaded) == (3 if budget is None else 1)
