"""A Setup is all that it takes to make a run again: JSON both ways, and the strategy that page and endpoint build."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground import catalog
from playground.decoding.beam_search import BeamSearch
from playground.decoding.constrained_beam_search import ConstrainedBeamSearch
from playground.decoding.diverse_beam_search import DiverseBeamSearch
from playground.decoding.processors import Temperature, TopP
from playground.decoding.sampling import Sampling
from playground.decoding.selection import Argmax, Multinomial
from playground.decoding.stochastic_beam_search import StochasticBeamSearch
from playground.engines.huggingface.backend import Backend
from playground.engines.prompts import forced, speller_of
from playground.errors import PlaygroundError
from playground.i18n import translator
from playground.runs.setup import Setup
from playground.runs.strategies import STRATEGIES

SETUPS: list[dict[str, Any]] = [
    {"strategy": "greedy", "no_repeat_ngram_size": 2, "max_new_tokens": 5},
    {"strategy": "sample", "temperature": 0.8, "top_p": 0.9, "seed": 36, "max_new_tokens": 40, "prompt": "The old"},
    {"strategy": "sample", "sequence_bias": [[[1, 2], -3.0]], "stop_strings": ["."], "order": "llama.cpp"},
    {"strategy": "beam", "num_beams": 4, "length_penalty": -1.0, "early_stopping": "never", "stop_strings": ["."]},
    {"strategy": "beam_sample", "num_beams": 2, "temperature": 0.7, "seed": 1},
    {"strategy": "diverse", "num_beams": 6, "num_beam_groups": 3, "diversity_penalty": 1.5},
    {"strategy": "constrained", "force_words": ["wolf", '"gold"']},
    {"strategy": "stochastic", "num_beams": 5, "seed": 9, "model": "storyteller"},
]


@pytest.mark.parametrize("given", SETUPS, ids=lambda one: one["strategy"])
def test_to_json_and_back(given: dict[str, Any], storyteller: Backend) -> None:
    setup = Setup.from_json(given)
    again = Setup.from_json(json.loads(json.dumps(setup.to_json())))
    assert again == setup
    assert type(again.build(storyteller)) is type(setup.build(storyteller))


def test_what_is_neutral_is_no_setting_and_what_is_not_said_is_usual() -> None:
    setup = Setup.from_json({"top_k": 0, "top_p": 1, "temperature": 1.0}, max_new_tokens=7, prompt="a")
    assert setup == Setup("sample", {}, None, 7, prompt="a")
    assert Setup.from_json({"strategy": "beam", "num_beams": 3, "early_stopping": False}).settings == {}


def test_the_strategies_are_those_that_are_meant(storyteller: Backend) -> None:
    greedy, sample, _, beam, beam_sample, diverse, constrained, stochastic = (
        Setup.from_json(one).build(storyteller) for one in SETUPS
    )
    assert isinstance(greedy, Sampling) and isinstance(greedy.selection, Argmax)
    assert sample == Sampling((Temperature(0.8), TopP(0.9)), Multinomial(36))
    assert isinstance(beam, BeamSearch) and (beam.num_beams, beam.length_penalty) == (4, -1.0)
    assert beam.early_stopping == "never" and beam.stop is not None and beam.stop.strings == (".",)
    assert beam_sample == BeamSearch(2, processors=(Temperature(0.7),), selection=Multinomial(1))
    assert diverse == DiverseBeamSearch(6, 3, 1.5)
    phrases = forced(["wolf", '"gold"'], "", speller_of(storyteller))
    assert constrained == ConstrainedBeamSearch(3, phrases)
    assert stochastic == StochasticBeamSearch(5, 9)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("no object", "setup must be"),
        ({"strategy": "beams"}, "strategy must be one of greedy, sample, beam"),
        ({"strategy": ["beam"]}, "strategy must be one of"),
        ({"temprature": 1}, "temprature must be left out with sample"),
        ({"strategy": "greedy", "num_beams": 2}, "num_beams must be left out with greedy"),
        ({"strategy": "beam", "num_beam_groups": 2}, "num_beam_groups must be left out with beam"),
        ({"temperature": 0}, "temperature must be between 0.01 and 100"),
        ({"strategy": "beam", "num_beams": 17}, "num_beams must be between 1 and 16"),
        ({"strategy": "beam", "early_stopping": "soon"}, "early_stopping must be true, false"),
        ({"strategy": "constrained", "force_words": "wolf"}, "force_words must be a list"),
        ({"seed": -1}, "seed must be between 0"),
        ({"max_new_tokens": 0}, "max_new_tokens must be between 1"),
        ({"order": "mine"}, "order must be"),
        ({"order": ["top_p", "top_p"]}, "order must be names of processors"),
        ({"version": 2}, "version must be 1"),
        ({"prompt": 3}, "prompt must be text"),
    ],
)
def test_what_is_wrong_is_named(wrong: object, words: str) -> None:
    with pytest.raises(PlaygroundError, match=words):
        Setup.from_json(wrong)


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


HOSTILE: dict[str, Any] = {
    "deep": nested(5000), "many": [1.5] * 100_000, "long": "x" * 200_000, "huge": 10**4000, "infinite": float("inf"),
    "no number": float("nan"),
}  # fmt: skip


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize(
    "name", ["temperature", "suppress_tokens", "stop_strings", "seed", "max_new_tokens", "order", "prompt", "model"]
)
def test_what_is_huge_deep_or_no_number_is_named_in_a_few_words(name: str, kind: str) -> None:
    for hostile in (HOSTILE[kind], [HOSTILE[kind]]):
        with pytest.raises(PlaygroundError) as raised:
            Setup.from_json({name: hostile})
        message = raised.value.message(translator())
        assert message.startswith(name) and len(message) < 3000


def test_a_prompt_may_be_ids() -> None:
    setup = Setup.from_json({"prompt": [5, 0, 7]})
    assert setup.prompt == (5, 0, 7) and setup.to_json()["prompt"] == [5, 0, 7]
    assert Setup.from_json(setup.to_json()) == setup and hash(setup.prompt)
    for wrong in ([], [-1], [1.5], [True], ["a"]):
        with pytest.raises(PlaygroundError, match="prompt must be text, or a list of token ids"):
            Setup.from_json({"prompt": wrong})


def test_what_does_not_fit_the_model_is_named(storyteller: Backend) -> None:
    for wrong, words in (
        ({"strategy": "constrained"}, "force_words must be at least one phrase"),
        ({"strategy": "diverse", "num_beams": 4, "num_beam_groups": 3}, r"a divisor of num_beams \(4\)"),
        ({"suppress_tokens": [8192]}, "8192"),
    ):
        with pytest.raises(PlaygroundError, match=words):
            Setup.from_json(wrong).build(storyteller)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
NAMES = st.sampled_from([*STRATEGIES["sample"].settings, *STRATEGIES["diverse"].settings, "strategy", "seed", "order"])


@given(st.dictionaries(NAMES, JSON, max_size=4))
def test_whatever_comes_is_a_setup_or_an_error_with_words(value: dict[str, Any]) -> None:
    try:
        setup = Setup.from_json(value)
    except PlaygroundError as error:
        assert error.message(translator())
    else:
        assert Setup.from_json(setup.to_json()) == setup


def test_every_setting_of_the_catalogue_belongs_to_a_strategy() -> None:
    assert {p.name for p in catalog.PARAMETERS} <= set(STRATEGIES["sample"].settings)
