"""A search without a page: on a table of probabilities, beam by beam."""

from math import log

import pytest

from playground.decoding.beam_search import BeamSearch
from playground.decoding.beam_trace import BeamTrace
from playground.engines.table import TableEngine, from_table
from playground.errors import InvalidModelOutputError
from playground.runs.search_run import LiveSearch, SearchRun
from playground.views.beam_tree import BeamTree
from tests.runs.test_text_run import END, STORY

TWO_BEAMS = {"how": "beam", "num_beams": "2"}


class Searcher:
    """A SearchRun and the engine that it searches with."""

    def __init__(self, engine: TableEngine) -> None:
        self.engine = engine
        self.run = SearchRun(self.asked(), BeamTree(), engine.info.name, None)

    def asked(self, beams: int = 2, length: int = 6) -> BeamTrace:
        return BeamTrace(self.engine.tokenizer.encode("the"), BeamSearch(beams, length_penalty=0.0), length)

    def search(
        self, start: BeamTrace, live: LiveSearch | None = None, single: bool = False, until: int = 100
    ) -> None:  # fmt: skip
        with self.run.searching(self.engine, start, live, TWO_BEAMS, single=single) as watch:
            for trace in watch.steps:
                if len(trace.steps) == until:
                    self.run.pause()

    def go_on(self, asked: BeamTrace, single: bool = False) -> str:
        start, live, how = self.run.onward(asked, self.engine.info.name)
        if how != "ended":
            self.search(start, live, single)
        return how


@pytest.fixture
def searcher() -> Searcher:
    return Searcher(from_table(STORY, ends=(END,), name="a story"))


def test_begun_it_comes_to_its_end_and_the_tree_grows_with_it(searcher: Searcher) -> None:
    assert searcher.run.state == "ready"
    searcher.search(searcher.asked())
    run = searcher.run
    assert run.trace.best is not None and run.state == "ended"
    assert run.trace.best.score == pytest.approx(log(0.7 * 0.6 * 0.9), abs=1e-6)
    assert len(run.tree.layers) == len(run.trace.steps) and run.tree == BeamTree.of(
        run.trace, searcher.engine.vocabulary
    )
    assert run.made == TWO_BEAMS and searcher.go_on(searcher.asked()) == "ended"


def test_step_by_step_the_same_search_goes_on(searcher: Searcher) -> None:
    assert searcher.go_on(searcher.asked(), single=True) == "another"
    live = searcher.run.search
    assert (len(searcher.run.trace.steps), searcher.run.state) == (1, "paused")
    assert searcher.go_on(searcher.asked(), single=True) == "on" and searcher.run.search is live
    while searcher.go_on(searcher.asked(), single=True) != "ended":
        pass
    stepped = searcher.run.trace
    searcher.search(searcher.asked())
    assert searcher.run.trace.steps == stepped.steps


def test_paused_it_waits_and_resumed_it_reads_nothing_again(searcher: Searcher) -> None:
    searcher.search(searcher.asked(), until=2)
    assert (len(searcher.run.trace.steps), searcher.run.state) == (2, "paused")
    live = searcher.run.search
    assert searcher.go_on(searcher.asked()) == "on"
    assert searcher.run.search is live and searcher.run.state == "ended"


def test_other_settings_or_another_model_are_another_search_and_close_this_one(searcher: Searcher) -> None:
    searcher.search(searcher.asked(), until=2)
    old = searcher.run.search
    assert searcher.run.onward(searcher.asked(), "another model")[2] == "another"
    assert searcher.go_on(searcher.asked(beams=3), single=True) == "another"
    assert old is not None and list(old.traces(2)) == [] and len(searcher.run.trace.steps) == 1


def test_called_off_it_has_stopped(searcher: Searcher) -> None:
    assert not searcher.run.call_off()
    searcher.search(searcher.asked(), until=2)
    assert searcher.run.call_off() and searcher.run.state == "stopped"


def test_it_is_looked_back_on_and_a_node_is_picked(searcher: Searcher) -> None:
    assert searcher.run.inspected == -1
    searcher.search(searcher.asked())
    run, steps = searcher.run, len(searcher.run.trace.steps)
    assert run.inspected == steps - 1
    for told, shown in ((2, 1), (0, 0), (99, steps - 1), (None, steps - 1)):
        run.look_back(told)
        assert run.inspected == shown
    run.pick((1, 0))
    assert run.picked == (1, 0)
    for nowhere in ((1, 99), (99, 0), (-1, 0), None):
        run.pick(nowhere)
        assert run.picked is None


def test_where_no_step_came_of_a_new_search_the_one_before_is_back_and_can_not_go_on(searcher: Searcher) -> None:
    searcher.search(searcher.asked(), until=2)
    before = searcher.run.trace
    searcher.engine.model.table[:] = float("nan")
    with pytest.raises(InvalidModelOutputError):
        searcher.search(searcher.asked(beams=3))
    assert (searcher.run.trace, searcher.run.search, searcher.run.is_running) == (before, None, False)
    assert searcher.run.onward(searcher.asked(), "a story")[2] == "another"


def test_a_search_that_breaks_off_keeps_its_steps_and_raises_again(searcher: Searcher) -> None:
    searcher.search(searcher.asked(), until=2)
    searcher.engine.model.table[:] = float("nan")
    for _ in range(2):
        with pytest.raises(InvalidModelOutputError):
            searcher.go_on(searcher.asked())
        assert len(searcher.run.trace.steps) >= 2


def test_whoever_goes_hands_the_cache_back(searcher: Searcher) -> None:
    searcher.search(searcher.asked(), until=2)
    live = searcher.run.search
    searcher.run.close()
    assert live is not None and list(live.traces(2)) == []
