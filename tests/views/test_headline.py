"""The headline: the numbers of the sentence are those of the step, whatever the settings on show."""

import math
from dataclasses import replace

import pytest
import torch

from playground.decoding.processors import Processor, Temperature, TopK, TopP
from playground.decoding.rows import Row
from playground.decoding.sampling import Sampling
from playground.decoding.selection import Choice, Multinomial
from playground.decoding.trace import GenerationRequest, Step, Trace
from playground.views.headline import Headline, headline
from playground.views.next_token import next_token
from playground.vocabulary import Vocabulary

P = (0.1, 0.4, 0.2, 0.3, 0.0, 0.0, 0.0, 0.0)
MADE_WITH = (TopK(3),)


def run(prompt: tuple[int, ...] = (0, 1), taken: tuple[int, ...] = (1, 2, 3), by: str = "multinomial") -> Trace:
    strategy = Sampling(MADE_WITH, Multinomial(1))
    trace = Trace(GenerationRequest(prompt, strategy, 3))
    for i, token_id in enumerate(taken):
        choice = Choice(token_id, by)  # type: ignore[arg-type]
        trace = trace.appended(Step(i, Row(torch.tensor(P).log()), MADE_WITH, strategy.selection, choice))
    return trace


def line(trace: Trace, index: int, vocabulary: Vocabulary, processors: tuple[Processor, ...] = MADE_WITH) -> Headline:
    step = trace.steps[index]
    stages = trace.stages_at(index, processors)
    view = next_token(step.logits, stages, vocabulary, 2, step.choice.token_id)
    cuts = tuple(s.processor.name for s in stages if bool(s.removed.any()))
    return headline(trace, index, processors, view, cuts, vocabulary)


def test_it_names_the_token_its_place_and_its_numbers_under_the_raw_model(eight: Vocabulary) -> None:
    view = line(run(), 1, eight)
    assert (view.number, view.count, view.label, view.by) == (2, 3, "ing", "multinomial")
    assert view.probability == pytest.approx(0.2, rel=1e-5)
    assert view.surprisal == pytest.approx(-math.log(0.2), rel=1e-5)
    assert view.rank == 3
    assert view.entropy == pytest.approx(-sum(p * math.log(p) for p in P if p), rel=1e-5)
    assert (view.tokens_kept, view.vocab_size, view.cuts) == (3, 8, ("top_k",))
    assert (view.is_what_if, view.removed_by) == (False, None)


def test_other_settings_than_those_of_the_run_are_a_what_if(eight: Vocabulary) -> None:
    view = line(run(), 1, eight, (Temperature(0.5), TopP(0.5)))
    assert view.is_what_if
    assert view.removed_by == "top_p"
    assert (view.probability, view.rank) == (line(run(), 1, eight).probability, 3)
    assert view.tokens_kept == 1
    assert not line(run(), 1, eight, (TopK(3),)).is_what_if  # an equal setting is the same setting


@pytest.mark.parametrize("by", ["argmax", "multinomial", "hand"])
def test_it_says_who_took_the_token(eight: Vocabulary, by: str) -> None:
    assert line(run(by=by), 0, eight).by == by


def test_a_short_text_before_is_quoted_whole_and_a_long_one_from_a_word_on(eight: Vocabulary) -> None:
    assert line(run((0,)), 0, eight).before == "the"
    assert line(run((0, 2)), 2, eight).before == "theing aing"
    long = line(run((0, 1) * 20), 0, eight).before
    assert long.startswith("… ")
    assert "the a the a".endswith(long[-11:])
    assert len(long) <= 26


def test_a_text_without_spaces_is_quoted_too(eight: Vocabulary) -> None:
    """Chinese has no spaces between its words."""
    before = line(run((7,) * 60), 0, eight).before
    assert before.startswith("…")
    assert "狼狼狼狼" in before


def test_line_ends_in_the_text_before_are_one_space(eight: Vocabulary) -> None:
    assert line(run((0, 3, 3, 1)), 0, eight).before == "the a"


@pytest.mark.parametrize("invisible", ["\x00", "\u202e"])
def test_nothing_in_the_text_before_can_turn_the_sentence_around_or_cut_it(eight: Vocabulary, invisible: str) -> None:
    pieces = (b" the" + invisible.encode(), *eight.pieces[1:])
    before = line(run((0, 0)), 0, replace(eight, pieces=pieces)).before
    assert "the" in before
    assert invisible not in before
