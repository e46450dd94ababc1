"""The engine: traces grow by one step, come at the pace wanted, and whatever ends a run hands everything back."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest
import torch

from playground import catalog, engine
from playground.decoding.processors import NoRepeatNGram
from playground.decoding.sampling import Sampling
from playground.decoding.selection import InvalidLogitsError, NothingLeftError
from playground.decoding.trace import GenerationRequest, Step, Trace
from playground.engines.huggingface.backend import HuggingFaceModel
from playground.errors import InvalidModelOutputError, NothingLeftToChooseError, PromptTooLongError

CHAIN = [[0.1, 0.8, 0.1], [0.1, 0.1, 0.8], [0.8, 0.1, 0.1]]
TableModels = Callable[..., Any]  # gives tests/conftest.py's TableModel


def request_of(limit: int = 4, strategy: Sampling | None = None, prompt: tuple[int, ...] = (0,)) -> GenerationRequest:
    return GenerationRequest(prompt, strategy or Sampling(), limit)


# ---- generate


def test_every_trace_is_the_one_before_and_a_step_more(table_model: TableModels) -> None:
    traces = list(engine.generate(table_model(CHAIN), request_of()))
    assert [trace.token_ids for trace in traces] == [(1,), (1, 2), (1, 2, 0), (1, 2, 0, 1)]
    assert all(later.steps[:-1] == earlier.steps for earlier, later in pairwise(traces))
    assert [trace.finish_reason for trace in traces] == [None, None, None, "length"]
    assert all(trace.request == request_of() for trace in traces)


def test_a_run_goes_on_where_the_trace_ends(table_model: TableModels) -> None:
    model = table_model(CHAIN)
    first = list(engine.generate(model, request_of(2)))[-1]
    traces = list(engine.generate(model, request_of(4), first))
    assert [trace.token_ids for trace in traces] == [(1, 2, 0), (1, 2, 0, 1)]
    assert traces[0].steps[0] is first.steps[0]
    assert model.reads == [(0,), (0, 1, 2)]


def test_the_length_limit_at_which_a_run_ended_is_lifted_when_it_goes_on(table_model: TableModels) -> None:
    first = list(engine.generate(table_model(CHAIN), request_of(2)))[-1]
    assert first.finish_reason == "length"
    longer = list(engine.generate(table_model(CHAIN), request_of(4), first))[-1]
    straight = list(engine.generate(table_model(CHAIN), request_of(4)))[-1]
    assert [step.finish_reason for step in longer.steps] == [step.finish_reason for step in straight.steps]
    assert longer.token_ids == straight.token_ids
    assert first.finish_reason == "length"  # the trace given is left as it was


def test_a_run_that_goes_on_takes_the_new_settings_and_keeps_the_old_steps(table_model: TableModels) -> None:
    first = next(engine.generate(table_model(CHAIN), request_of(4)))
    new = request_of(3, Sampling((NoRepeatNGram(1),)))
    trace = next(engine.generate(table_model(CHAIN), new, first))
    assert trace.request == new  # what is stored is what was asked for; the tokens taken are in the steps
    assert trace.token_ids == (1, 2)
    assert trace.steps[0].processors == ()
    assert trace.steps[1].processors == (NoRepeatNGram(1),)


def test_closing_a_run_hands_its_state_back(table_model: TableModels) -> None:
    model = table_model(CHAIN)
    run = engine.generate(model, request_of(100))
    next(run)
    assert model.open_states == 1
    run.close()  # type: ignore[attr-defined]
    assert model.open_states == 0


def test_a_run_never_started_reads_nothing(table_model: TableModels) -> None:
    model = table_model(CHAIN)
    engine.generate(model, request_of()).close()  # type: ignore[attr-defined]
    assert (model.reads, model.open_states) == ([], 0)


def test_logits_that_are_not_numbers_are_the_models_fault_by_name(table_model: TableModels) -> None:
    model = table_model(CHAIN)
    model.table[2] = torch.nan
    run = engine.generate(model, request_of(9))
    assert next(run).token_ids == (1,)
    assert next(run).token_ids == (1, 2)
    with pytest.raises(InvalidModelOutputError, match="“table”") as error:
        next(run)
    assert isinstance(error.value.__cause__, InvalidLogitsError)
    assert model.open_states == 0


def test_settings_that_remove_every_token_are_named_as_the_cause(table_model: TableModels) -> None:
    model = table_model(CHAIN)
    run = engine.generate(model, request_of(9, Sampling((NoRepeatNGram(1),))))
    assert [next(run).token_ids, next(run).token_ids] == [(1,), (1, 2)]
    with pytest.raises(NothingLeftToChooseError, match="no_repeat_ngram_size") as error:
        next(run)
    assert isinstance(error.value.__cause__, NothingLeftError)
    assert model.open_states == 0


def test_a_prompt_that_is_too_long_is_said_before_the_first_token(tiny: Callable[..., HuggingFaceModel]) -> None:
    with pytest.raises(PromptTooLongError, match="97 tokens"):
        next(engine.generate(tiny(), request_of(prompt=(1,) * 97)))


def test_any_other_error_is_a_bug_and_comes_through(table_model: TableModels) -> None:
    with pytest.raises(IndexError):
        next(engine.generate(table_model(CHAIN), request_of(prompt=(99,))))


class Held:
    """A strategy whose steps somebody else holds on to, so that nothing but `close` closes them."""

    processors, stop, min_new_tokens, is_drawn = (), None, 0, False

    def __init__(self) -> None:
        self.is_closed = False

    def decode(self, model: object, request: GenerationRequest) -> Iterator[Step]:
        self.steps = self._decode(model, request)
        return self.steps

    def _decode(self, model: Any, request: GenerationRequest) -> Iterator[Step]:
        try:
            yield from Sampling().decode(model, request)
        finally:
            self.is_closed = True


def test_closing_a_run_closes_the_strategy_whoever_holds_it(table_model: TableModels) -> None:
    strategy = Held()
    run = engine.generate(table_model(CHAIN), GenerationRequest((0,), strategy, 9))
    next(run)
    assert not strategy.is_closed
    run.close()  # type: ignore[attr-defined]
    assert strategy.is_closed


# ---- pacing, with a clock of our own


class Clock:
    """Time that passes only while somebody sleeps, or when a test says so."""

    def __init__(self) -> None:
        self.now = 100.0
        self.naps: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.naps.append(seconds)
        self.now += seconds


class Source:
    """Traces that take time to make, and that know whether they were closed."""

    def __init__(self, clock: Clock, count: int, seconds_each: float = 0.0) -> None:
        self.clock, self.count, self.seconds_each = clock, count, seconds_each
        self.made = 0
        self.is_closed = False
        self.held: list[Iterator[Trace]] = []

    def traces(self) -> Iterator[Trace]:
        """One reference stays here, so that nothing but `close` closes the generator."""
        self.held.append(self._traces())
        return self.held[-1]

    def _traces(self) -> Iterator[Trace]:
        try:
            for _ in range(self.count):
                self.clock.now += self.seconds_each
                self.made += 1
                yield Trace(GenerationRequest((self.made,), Sampling(), 1))
        finally:
            self.is_closed = True


def numbers(traces: Iterator[Trace]) -> list[int]:
    return [trace.request.prompt_ids[0] for trace in traces]


def paced(source: Source, speed: float | None, is_wanted: Callable[[], bool] = lambda: True) -> Iterator[Trace]:
    return engine.paced(source.traces(), speed, is_wanted, source.clock, source.clock.sleep)


def test_traces_come_at_the_speed_asked_for() -> None:
    clock = Clock()
    times = []
    for _ in paced(Source(clock, 11), 4.0):
        times.append(clock.now)
    assert len(times) == 11
    assert times[0] == 100  # the first one at once
    assert times[-1] - times[0] == pytest.approx(10 / 4, abs=0.06)
    assert all(0.2 <= later - earlier <= 0.3 for earlier, later in pairwise(times[1:]))


def test_without_a_speed_nobody_waits() -> None:
    clock = Clock()
    assert numbers(paced(Source(clock, 50), None)) == list(range(1, 51))
    assert clock.naps == []


@pytest.mark.parametrize(("seconds_each", "period"), [(0.2, 0.25), (0.24, 0.25), (0.5, 0.5)])
def test_the_time_the_model_takes_is_part_of_the_pace(seconds_each: float, period: float) -> None:
    """At 4 tokens/s a model that needs 0.2 s for each gives 4 tokens/s; a slower one is not slowed down further."""
    clock = Clock()
    assert len(numbers(paced(Source(clock, 21, seconds_each), 4.0))) == 21
    assert clock.now - 100 == pytest.approx(20 * period + seconds_each, abs=0.06)


def test_after_a_stall_the_run_does_not_rush_to_catch_up() -> None:
    clock = Clock()
    run = paced(Source(clock, 20), 10.0)
    next(run)
    clock.now += 60
    times = []
    for _ in run:
        times.append(clock.now)
    assert times[-1] - times[0] >= 18 * 0.1 - 0.11


def test_naps_are_short_so_that_a_stop_takes_effect_at_once() -> None:
    clock = Clock()
    wanted_until = 101.0
    source = Source(clock, 100)
    run = paced(source, 0.1, lambda: clock.now < wanted_until)  # ten seconds a token
    assert numbers(run) == [1]
    assert clock.now <= wanted_until + 0.05
    assert max(clock.naps) <= 0.05
    assert source.is_closed


def test_a_run_that_is_not_wanted_makes_no_token() -> None:
    source = Source(Clock(), 5)
    assert numbers(paced(source, None, lambda: False)) == []
    assert source.made == 0


def test_a_run_no_longer_wanted_is_closed() -> None:
    source = Source(Clock(), 5)
    assert numbers(paced(source, None, lambda: source.made < 3)) == [1, 2, 3]
    assert source.is_closed
    assert source.made == 3


def test_closing_the_paced_run_closes_what_it_paces() -> None:
    source = Source(Clock(), 5)
    run = paced(source, None)
    next(run)
    assert not source.is_closed
    run.close()  # type: ignore[attr-defined]
    assert source.is_closed


def test_closing_the_outermost_of_all_hands_the_state_back(table_model: TableModels) -> None:
    model = table_model(CHAIN)
    run = engine.latest_every(0, engine.paced(engine.generate(model, request_of(9)), None, lambda: True))
    next(run)
    assert model.open_states == 1
    run.close()  # type: ignore[attr-defined]
    assert model.open_states == 0


def test_a_paced_run_ends_and_closes_when_there_is_nothing_more() -> None:
    source = Source(Clock(), 2)
    assert numbers(paced(source, 5.0)) == [1, 2]
    assert source.is_closed


def test_an_error_of_the_run_comes_through_the_pacing(table_model: TableModels) -> None:
    model = table_model(CHAIN)
    model.table[1] = torch.nan
    run = engine.latest_every(0, engine.paced(engine.generate(model, request_of(9)), None, lambda: True))
    assert next(run).token_ids == (1,)
    with pytest.raises(InvalidModelOutputError):
        next(run)


# ---- thinning


def latest(source: Source, seconds: float) -> list[int]:
    return numbers(engine.latest_every(seconds, source.traces(), source.clock))


@pytest.mark.parametrize("count", range(1, 25))
def test_the_first_and_the_last_trace_are_always_let_through(count: int) -> None:
    seen = latest(Source(Clock(), count, seconds_each=0.03), 0.1)
    assert seen[0] == 1
    assert seen[-1] == count
    assert seen == sorted(set(seen))


def test_traces_come_on_a_beat_and_each_is_the_newest() -> None:
    clock = Clock()
    source = Source(clock, 100, seconds_each=0.03)
    times = []
    for trace in engine.latest_every(0.1, source.traces(), clock):
        assert trace.request.prompt_ids[0] == source.made
        times.append(clock.now)
    # a trace may be late for its beat by as much as the source is slow; the one after it is not
    assert all(later - earlier >= 0.1 - 0.03 for earlier, later in pairwise(times[:-1]))
    assert 30 <= len(times) <= 31  # 3 seconds


def test_a_stream_of_that_very_pace_comes_through_whole() -> None:
    assert latest(Source(Clock(), 40, seconds_each=0.1), 0.1) == list(range(1, 41))


def test_a_stream_slower_than_that_is_let_through_whole() -> None:
    assert latest(Source(Clock(), 6, seconds_each=0.2), 0.1) == [1, 2, 3, 4, 5, 6]


def test_of_a_stream_without_time_the_first_and_the_last_are_left() -> None:
    assert latest(Source(Clock(), 40), 0.1) == [1, 40]
    assert latest(Source(Clock(), 0), 0.1) == []


def test_closing_the_thinned_stream_closes_its_source() -> None:
    source = Source(Clock(), 5)
    run = engine.latest_every(0.1, source.traces(), source.clock)
    next(run)
    run.close()  # type: ignore[attr-defined]
    assert source.is_closed


def test_the_whole_way_from_catalogue_to_trace(tiny: Callable[..., HuggingFaceModel]) -> None:
    request = GenerationRequest((1, 2), catalog.sampling({"top_p": 0.9}, True, 1), 5)
    model = tiny()
    all_traces = list(engine.generate(model, request))
    thinned = list(engine.latest_every(1000, engine.paced(engine.generate(model, request), None, lambda: True)))
    assert [trace.token_ids for trace in thinned] == [all_traces[0].token_ids, all_traces[-1].token_ids]
