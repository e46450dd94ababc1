"""The search for examples finds those that are shipped, with the numbers that their own tests know."""

import find_examples
import pytest

from playground.examples import EXAMPLES
from playground.tabs.beam.examples import BEAM_EXAMPLES

SHIPPED = {example.key: example for example in (*EXAMPLES, *BEAM_EXAMPLES)}


@pytest.mark.parametrize(
    ("kind", "at_least"),
    [("greedy_loops", 7), ("pays_off", 5), ("loses", 1), ("short_wins", -2), ("repeats", 3)],
)
def test_a_shipped_example_is_found_again(storyteller, kind, at_least):
    candidates = list(find_examples.KINDS[kind](storyteller, SHIPPED[kind].prompt, range(1)))
    assert candidates
    assert max(one.score for one in candidates) >= at_least


def test_the_dice_of_the_first_example_are_found_again(storyteller):
    example = SHIPPED["sure_unsure"]
    candidates = list(find_examples.sure_unsure(storyteller, example.prompt, range(example.seed, example.seed + 1)))
    (found,) = (one for one in candidates if one.settings == f"seed {example.seed}")
    assert found.score > 300
    assert " moon" in found.text


def test_the_clearest_comes_first_and_prompts_differ(storyteller):
    scores = [one.score for one in find_examples.best(storyteller, "short_wins", 3, range(1))]
    assert scores == sorted(scores, reverse=True)
    tried = list(find_examples.prompts())
    assert len(tried) == len(set(tried)) > 150
