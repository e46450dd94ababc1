"""The plane: each text has sacrebleu's and rapidfuzz's numbers and those counted by hand, a cloud mean and spread."""

import random
import statistics

import pytest
import sacrebleu
from rapidfuzz.distance import Levenshtein

from playground.decoding.clouds import Sample
from playground.views.measures import measures, text_of
from playground.views.plane import Spread, cloud_view
from playground.vocabulary import Vocabulary

VOCABULARY = Vocabulary(tuple(f" w{i}".encode() for i in range(9)))


def samples(seed: int, count: int) -> list[Sample]:
    rng = random.Random(seed)
    found = []
    for number in range(count):
        ids = tuple(rng.randrange(4) for _ in range(rng.randint(1, 12)))
        found.append(Sample(number, ids, tuple(-rng.random() for _ in ids), tuple(1.0 for _ in ids), "length"))
    return found


@pytest.mark.parametrize("seed", range(12))
def test_each_text_has_its_own_references_numbers(seed: int) -> None:
    drawn = samples(seed, 2 + seed)
    view = cloud_view(drawn, VOCABULARY)
    lines = [" ".join(map(str, one.token_ids)) for one in drawn]
    assert [dot.number for dot in view.dots] == list(range(len(drawn)))
    for i, (dot, one) in enumerate(zip(view.dots, drawn, strict=True)):
        others = [other.token_ids for k, other in enumerate(drawn) if k != i]
        bleu = sacrebleu.sentence_bleu(lines[i], lines[:i] + lines[i + 1 :], tokenize="none").score
        far = [Levenshtein.normalized_distance(one.token_ids, other) for other in others]
        assert dot.self_bleu == pytest.approx(bleu, rel=1e-12, abs=1e-12)
        assert dot.edit_distance == pytest.approx(sum(far) / len(far), rel=1e-12, abs=1e-12)
        assert dot.mean_logprob == pytest.approx(statistics.fmean(one.logprobs))
        assert dot.copies == 1 + others.count(one.token_ids)
    assert view.measures == measures([text_of(one, VOCABULARY) for one in drawn])
    distances = [dot.edit_distance or 0.0 for dot in view.dots]
    assert view.measures.edit_distance == pytest.approx(statistics.fmean(distances), rel=1e-12)
    spread = view.spread("self_bleu")
    assert spread is not None and spread.mean == pytest.approx(view.measures.self_bleu)
    assert spread.deviation == pytest.approx(statistics.pstdev(dot.self_bleu or 0 for dot in view.dots))


def test_identical_texts_are_counted_as_such_and_errors_told() -> None:
    one = Sample(3, (1, 2, 1), (-1.0, -2.0, -3.0), (1.0, 1.0, 1.0), "length")
    other = Sample(5, (1,), (-4.0,), (1.0,), None, ValueError("it broke"))
    nothing = Sample(6, (), (), (), None, ValueError("at once"))
    view = cloud_view([one, Sample(4, *(getattr(one, n) for n in ("token_ids", "logprobs", "entropies")), "length"),
                       other, nothing], VOCABULARY)  # fmt: skip
    assert [dot.copies for dot in view.dots] == [2, 2, 1] and view.failed == 2
    assert view.measures.texts == 4 and view.measures.unique == 3 / 4
    assert [dot.distinct_2 for dot in view.dots] == [1.0, 1.0, None]
    assert view.spread("distinct_2") == Spread(1.0, 0.0)


def test_one_text_has_a_quality_and_no_diversity() -> None:
    view = cloud_view(samples(1, 1), VOCABULARY)
    assert view.dots[0].self_bleu is None and view.dots[0].edit_distance is None
    assert view.spread("self_bleu") is None and view.spread("mean_logprob") is not None
