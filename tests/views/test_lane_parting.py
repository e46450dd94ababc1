"""Where lanes part, by hand."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from playground import catalog, engine
from playground.decoding.beam_search import BeamSearch
from playground.decoding.lanes import Comparison, Lane
from playground.decoding.trace import GenerationRequest, Trace
from playground.engines.table import TableModel
from playground.views import lane_parting as views
from playground.views.lane_parting import LaneParting, first_difference
from playground.vocabulary import Vocabulary

WORDS = Vocabulary((b" a", b" b", b" c"))
ROWS = [[0.2, 0.5, 0.3], [0.6, 0.3, 0.1], [0.1, 0.1, 0.8]]


def compared(model: TableModel, *strategies: object, length: int = 4) -> list[Comparison]:
    return list(engine.compare(model, [GenerationRequest((0,), s, length) for s in strategies]))  # type: ignore[arg-type]


def lane_parting(comparison: Comparison) -> LaneParting | None:
    return views.lane_parting(comparison, [WORDS] * len(comparison.lanes))


def test_the_first_place_that_is_not_the_same_in_all() -> None:
    assert first_difference([(1, 2, 3), (1, 2, 4), (1, 2, 3)]) == 2
    assert first_difference([(1, 2), (1, 2)]) is None and first_difference([()]) is None
    assert first_difference([(1, 2), (1,)]) == 1  # it had ended
    assert first_difference([(1, 2), (1,)], [False, True]) is None  # it may take the same yet
    assert first_difference([(1, 2, 5), (1,), (1, 2, 6)], [False, True, False]) == 2


def test_what_each_took_and_with_which_probability(table_model: Callable[..., TableModel]) -> None:
    model = table_model(ROWS)
    greedy, cut = catalog.sampling({}, False, 0), catalog.sampling({"top_k": 2, "bad_words_ids": [[1]]}, True, 0)
    other = catalog.sampling({"bad_words_ids": [[1], [2]]}, True, 0)
    found = lane_parting(compared(model, greedy, cut, other, BeamSearch(1))[-1])
    assert found and found.index == 0
    ids = [taken.token_id for taken in found.taken]
    assert ids[0] == ids[3] == 1 and ids[1] in (0, 2) and ids[2] == 0
    assert [taken.by for taken in found.taken] == ["argmax", "multinomial", "multinomial", "beams"]
    assert [found.taken[i].probability for i in (0, 3)] == pytest.approx([0.5, 0.5])
    assert found.taken[1].probability == pytest.approx({0: 0.4, 2: 0.6}[int(ids[1] or 0)])
    assert found.taken[2].probability == pytest.approx(1)
    assert found.taken[0].label == "␣b"
    assert found.same_dice


def test_dice_are_the_same_only_where_two_threw_them(table_model: Callable[..., TableModel]) -> None:
    model = table_model(ROWS)
    ways = {True: 3, False: 4}
    for is_same, seed in ways.items():
        drawn = [catalog.sampling({"bad_words_ids": [[banned]]}, True, s) for banned, s in ((0, 3), (1, seed))]
        parting = next(p for c in compared(model, *drawn, length=40) if (p := lane_parting(c)))
        assert parting.same_dice is is_same
    alone = lane_parting(compared(model, catalog.sampling({}, False, 3), drawn[0], length=40)[-1])
    assert alone and not alone.same_dice


def test_a_lane_that_ended_and_lanes_that_are_the_same(table_model: Callable[..., TableModel]) -> None:
    model = table_model(ROWS)
    greedy = catalog.sampling({}, False, 0)
    steps = list(engine.compare(model, [GenerationRequest((0,), greedy, length) for length in (2, 4)]))
    assert [lane_parting(step) is None for step in steps] == [True, True, False, False]
    found = lane_parting(steps[-1])
    assert found and found.index == 2
    assert (found.taken[0].token_id, found.taken[0].label, found.taken[0].by) == (None, "", None)
    assert found.taken[1].token_id == 1
    assert lane_parting(compared(model, greedy, greedy)[-1]) is None


def test_lanes_of_other_tokens_part_at_a_character_and_each_has_its_own_place(
    table_model: Callable[..., TableModel],
) -> None:
    pieces, whole = Vocabulary((b" a", b"b", b"c")), Vocabulary((b" ab", b" abc", b"c"))
    model = table_model(ROWS)
    steps = catalog.sampling({}, False, 0)

    def lane(*ids: int) -> Lane:
        request = GenerationRequest((0,), steps, len(ids))
        *_, found = engine.compare(model, [request])
        trace = found.lanes[0].trace
        assert isinstance(trace, Trace)
        chosen = [replace(s, choice=replace(s.choice, token_id=i)) for s, i in zip(trace.steps, ids, strict=True)]
        return replace(found.lanes[0], trace=Trace(request, tuple(chosen)))

    found = views.lane_parting(Comparison((lane(0, 1, 0), lane(0, 2))), [pieces, whole])  # " ab a" and " abc"
    assert found and (found.character, found.places, found.index) == (4, (2, 1), 2)
    assert [taken.label for taken in found.taken] == ["␣a", "c"]
    same = views.lane_parting(Comparison((lane(0, 1, 2), lane(0, 2))), [pieces, whole])  # " abc" twice
    assert same is None
    ended = views.lane_parting(
        Comparison(
            (
                lane(0, 1),
                lane(
                    1,
                ),
            )
        ),
        [pieces, whole],
    )  # " ab" and " abc"
    assert ended and (ended.character, ended.places) == (4, (None, 0)) and ended.taken[0].token_id is None
