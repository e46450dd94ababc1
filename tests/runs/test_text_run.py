"""A text that is written without a page: on a table of probabilities, so that every token can be followed by hand."""

import pytest

from playground.decoding.sampling import Sampling
from playground.decoding.stopping import StopStrings
from playground.decoding.trace import GenerationRequest, Trace
from playground.engines.table import TableEngine, from_table
from playground.errors import InvalidModelOutputError
from playground.runs.text_run import TextRun

STORY = {
    "the": {" fox": 0.7, " wolf": 0.3},
    " fox": {" ran": 0.6, " slept": 0.4},
    " wolf": {" slept": 1.0},
    " ran": {".": 0.9, " fox": 0.1},
    " slept": {".": 1.0},
    ".": {"<end>": 1.0},
}
GREEDY = {"how": "greedy"}
FOX, WOLF, RAN, SLEPT, DOT, END = " fox", " wolf", " ran", " slept", ".", "<end>"


class Writer:
    """A TextRun and the engine that it writes with."""

    def __init__(self, engine: TableEngine) -> None:
        self.engine = engine
        self.run = TextRun(Trace(self.request()), engine.info.name)

    def request(self, prompt: str = "the", length: int = 10, stop: StopStrings | None = None) -> GenerationRequest:
        return GenerationRequest(self.engine.tokenizer.encode(prompt), Sampling(stop=stop), length)

    def id(self, word: str) -> int:
        return self.engine.vocabulary.labels(range(7)).index(word.replace(" ", "␣"))

    @property
    def words(self) -> list[str]:
        return [label.replace("␣", " ") for label in self.engine.vocabulary.labels(self.run.trace.token_ids)]

    def write(self, request: GenerationRequest, start: Trace, single: bool = False, until: int = 100) -> None:
        """Take steps to the end, or pause when `until` are there."""
        with self.run.writing(self.engine, request, start, GREEDY, single=single) as watch:
            for trace in watch.steps:
                if len(trace.steps) == until:
                    self.run.pause()

    def go_on(self, request: GenerationRequest, single: bool = False, settings: dict[str, str] = GREEDY) -> str:
        start, how = self.run.onward(request, self.engine.info.name, settings)
        if how not in ("ended", "full"):
            self.write(request, start, single)
        return how


@pytest.fixture
def writer() -> Writer:
    return Writer(from_table(STORY, ends=(END,), name="a story"))


def test_begun_it_is_written_to_its_end(writer: Writer) -> None:
    assert writer.run.state == "ready"
    writer.write(writer.request(), Trace(writer.request()))
    assert (writer.words, writer.run.state) == ([FOX, RAN, DOT, END], "ended")
    assert writer.run.ways == ((0, GREEDY),)
    assert writer.go_on(writer.request()) == "ended"


def test_step_by_step_it_waits_after_each_token_and_comes_to_the_same_end(writer: Writer) -> None:
    seen = []
    while writer.go_on(writer.request(), single=True) != "ended":
        seen.append((writer.words[-1], writer.run.state, writer.run.is_running))
    assert seen == [(FOX, "paused", False), (RAN, "paused", False), (DOT, "paused", False), (END, "ended", False)]


def test_paused_it_takes_no_further_token_and_resumed_it_goes_on(writer: Writer) -> None:
    writer.write(writer.request(), Trace(writer.request()), until=2)
    assert (writer.words, writer.run.state, writer.run.is_auto) == ([FOX, RAN], "paused", False)
    assert not writer.run.pause()  # nothing runs
    assert writer.go_on(writer.request()) == "on"
    assert (writer.words, writer.run.state) == ([FOX, RAN, DOT, END], "ended")


def test_called_off_it_waits_for_nobody_and_other_settings_make_a_new_text(writer: Writer) -> None:
    assert not writer.run.call_off()  # nothing is there
    writer.write(writer.request(), Trace(writer.request()), until=2)
    assert writer.run.call_off() and writer.run.state == "stopped"
    other = {"how": "sample"}
    assert writer.run.onward(writer.request(), "a story", GREEDY)[1] == "on"
    assert writer.run.onward(writer.request(), "a story", GREEDY | {"length": "9"})[1] == "on"  # makes no token
    start, how = writer.run.onward(writer.request(), "a story", other)
    assert (how, start.steps) == ("anew", ())
    writer.write(writer.request(), writer.run.trace)
    assert not writer.run.call_off()  # it has ended


def test_another_prompt_or_model_is_another_text(writer: Writer) -> None:
    writer.write(writer.request(), Trace(writer.request()), until=2)
    assert writer.run.onward(writer.request(prompt="the wolf"), "a story", GREEDY)[1] == "another"
    assert writer.run.onward(writer.request(), "another model", GREEDY)[1] == "another"


def test_a_full_text_goes_on_where_it_may_be_longer(writer: Writer) -> None:
    assert writer.go_on(writer.request(length=2)) == "on"
    assert writer.go_on(writer.request(length=2)) == "full"
    assert writer.run.onward(writer.request(length=3), "a story", {"how": "sample"})[1] == "on"  # it waited
    assert writer.go_on(writer.request(length=3)) == "on"
    assert writer.words == [FOX, RAN, DOT]


def test_a_text_that_a_stop_string_ended_goes_on_without_it(writer: Writer) -> None:
    stop = StopStrings(("ran",), writer.engine.vocabulary.pieces)
    assert writer.go_on(writer.request(stop=stop)) == "on"
    assert (writer.words, writer.go_on(writer.request(stop=stop))) == ([FOX, RAN], "ended")
    assert writer.go_on(writer.request()) == "on"
    assert writer.words[-1] == END


def test_the_last_token_is_taken_back_with_the_settings_that_made_it(writer: Writer) -> None:
    writer.write(writer.request(), Trace(writer.request()), until=2)
    writer.run.make(2, {"how": "sample"})
    writer.run.inspect(0)
    assert writer.run.back()
    assert (writer.words, writer.run.pinned, writer.run.ways) == ([FOX], None, ((0, GREEDY),))
    assert writer.run.back() and not writer.run.back()
    assert (writer.words, writer.run.state) == ([], "ready")


def test_a_branch_has_another_token_and_goes_on_from_there(writer: Writer) -> None:
    writer.write(writer.request(), Trace(writer.request()))
    run, request = writer.run, writer.request()
    assert run.goes_by_itself and run.inspect(0)
    assert run.has_choice(writer.id(WOLF)) and not run.has_choice(7) and not run.has_choice(-1)
    before = run.trace
    branch = run.branched(0, writer.id(WOLF), request.strategy, writer.engine.model.eos_ids)
    assert (branch.steps[0].choice.by, branch.finish_reason) == ("hand", None)
    writer.write(request, branch)
    assert writer.words == [WOLF, SLEPT, DOT, END]
    assert run.undo() and run.trace is before and not run.undo()
    assert run.redo() and writer.words == [WOLF, SLEPT, DOT, END]


def test_a_branch_of_a_text_that_waits_rests_where_it_is(writer: Writer) -> None:
    writer.write(writer.request(), Trace(writer.request()), until=2)
    assert not writer.run.goes_by_itself
    writer.run.rest(writer.run.branched(1, writer.id(SLEPT), writer.request().strategy, ()), 1)
    assert (writer.words, writer.run.inspected, writer.run.state) == ([FOX, SLEPT], 1, "paused")
    ended = writer.run.branched(1, writer.id(END), writer.request().strategy, writer.engine.model.eos_ids)
    assert ended.finish_reason == "stop"


def test_the_view_is_held_at_a_token_that_is_there(writer: Writer) -> None:
    assert writer.run.inspected == -1
    writer.write(writer.request(), Trace(writer.request()), until=3)
    assert writer.run.inspected == 2 and writer.run.inspect(1) and writer.run.inspected == 1
    assert not writer.run.inspect(3) and not writer.run.inspect(-1) and writer.run.pinned == 1
    assert writer.run.inspect(None) and writer.run.inspected == 2


def test_where_no_token_came_of_a_new_text_the_one_before_is_back(writer: Writer) -> None:
    writer.write(writer.request(), Trace(writer.request()))
    before, run = writer.run.snapshot(), writer.run
    run.inspect(1)
    writer.engine.model.table[:] = float("nan")
    with pytest.raises(InvalidModelOutputError):
        writer.write(writer.request(), Trace(writer.request()))
    assert (run.trace, run.pinned, run.past, run.state) == (before.trace, 1, [], "ended")


def test_a_run_that_another_one_ends_puts_nothing_down_any_more(writer: Writer) -> None:
    with writer.run.writing(writer.engine, writer.request(), Trace(writer.request()), GREEDY) as watch:
        next(watch.steps)
        other = writer.run.begin()
        assert list(watch.steps) == [] and not writer.run.take(watch.run, Trace(writer.request()))
    assert writer.words == [FOX] and writer.run.is_current(other)  # its end is not the other's end
