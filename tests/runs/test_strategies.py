"""The catalogue of strategies: page, endpoint, Setup and JSON make the very same search of the same settings."""

import inspect
from dataclasses import replace
from typing import Any

import pytest

from playground.api.beam_endpoints import BeamEndpoints, _strategy
from playground.catalog import FOR_BEAMS
from playground.engines.huggingface.backend import Backend
from playground.engines.loading import ModelSlot
from playground.engines.table import from_table
from playground.errors import NothingToInspectError, NotToldError
from playground.i18n import catalogue, translator
from playground.runs.setup import Setup
from playground.runs.strategies import STRATEGIES
from playground.runs.strategies.options import Choice, Number, Texts
from playground.tabs.beam.controls import BeamValues, options, start_of

t = translator()
SEARCHES: dict[str, list[dict[str, Any]]] = {
    "beam": [{}, {"num_beams": 1}, {"num_beams": 16, "length_penalty": -10.0, "early_stopping": "never"},
             {"stop_strings": ("; ",), "no_repeat_ngram_size": 2}, {"temperature": 0.5}],
    "beam_sample": [{}, {"temperature": 0.5, "top_k": 7, "early_stopping": True}, {"stop_strings": (" and",)}],
    "diverse": [{"num_beam_groups": 3}, {"num_beams": 4, "num_beam_groups": 2, "diversity_penalty": 100.0,
                                        "length_penalty": 10.0}],
    "constrained": [{"force_words": ("wolf",)},
                    {"force_words": ('"gold"', "a king"), "repetition_penalty": 1.2, "early_stopping": True}],
    "stochastic": [{}, {"num_beams": 9, "top_p": 0.5}],
}  # fmt: skip
BY_KIND = [(name, settings) for name, many in SEARCHES.items() for settings in many]


def on_the_page(name: str, settings: dict[str, Any], seed: int) -> BeamValues:
    """The controls as a person leaves them who has set nothing else; those of other strategies say something too."""
    asked = {option.name: start_of(option, t) for option in options()}
    for option in options():
        if option in STRATEGIES[name].options or option.name in STRATEGIES[name].settings:
            asked[option.name] = option.shown(settings.get(option.name, option.usual))
    parameters = {p.name: settings.get(p.name, p.neutral) for p in FOR_BEAMS}
    return BeamValues("The", name, 8, seed, "fast", asked, parameters)


@pytest.mark.parametrize(("name", "settings"), BY_KIND, ids=[f"{name} {settings}" for name, settings in BY_KIND])
def test_page_endpoint_and_json_make_the_same_search(storyteller: Backend, name: str, settings: dict[str, Any]) -> None:
    values = on_the_page(name, settings, 5)
    setup = values.setup()
    search = values.strategy(storyteller)
    assert search.name == name and search.is_drawn == STRATEGIES[name].draws
    for option in STRATEGIES[name].options:
        if isinstance(option, (Number, Choice)):
            assert getattr(search, option.name) == settings.get(option.name, option.usual), option.name
    assert Setup.from_json(setup.to_json()).build(storyteller) == search

    endpoint = inspect.signature(BeamEndpoints(ModelSlot.filled(storyteller, "a model")).beam_search)
    given = {key: p.default for key, p in endpoint.parameters.items()} | {"max_new_tokens": 8, "seed": 5}
    by_argument = {"stochastic": {"stochastic": True}, "beam_sample": {"do_sample": True}}.get(name, {})
    lists = {key: list(value) if isinstance(value, tuple) else value for key, value in settings.items()}
    for asked in (given | lists | {"strategy": name}, given | lists | by_argument):
        assert _strategy(asked, 8, storyteller) == search


@pytest.mark.parametrize("kind", STRATEGIES.values(), ids=list(STRATEGIES))
def test_every_text_that_an_entry_names_is_there(kind: Any) -> None:
    texts = catalogue("en")
    keys = [kind.label, kind.made, *([kind.help] if kind.help else [])]
    for option in kind.options:
        keys += [key for key in (option.label, option.help, option.made) if key]
        keys += option.texts.values() if isinstance(option, Choice) else ()
        keys += [key for key in (option.first, option.info) if key] if isinstance(option, Texts) else ()
    assert set(keys) <= set(texts)


def test_what_a_control_says_is_read_back() -> None:
    for option in options():
        for value in SAID[type(option)]:
            assert option.read(option.shown(option.check(value))) == option.check(value)
        assert option.read(option.shown(option.usual)) == option.usual
    (phrases,) = (option for option in options() if option.name == "force_words")
    assert phrases.read(phrases.shown((" b.", "c d", ". "))) == ("␣b.", "c d", ".␣")  # a space that can be seen


SAID: dict[type, list[Any]] = {Number: [1, 2], Choice: [True, False, "never"], Texts: [["a"], ['"b"']]}


def test_every_strategy_calls_itself_what_the_catalogue_calls_it(storyteller: Backend) -> None:
    needed = {"constrained": {"force_words": ["wolf"]}}
    for name in STRATEGIES:
        assert Setup(name, needed.get(name, {})).build(storyteller).name == name


@pytest.mark.parametrize("name", STRATEGIES)
def test_the_catalogue_says_what_the_strategies_say(name: str, storyteller: Backend) -> None:
    kind = STRATEGIES[name]
    settings = SEARCHES.get(name, [{}])[0]
    strategy = Setup(name, settings).build(storyteller)
    assert (kind.name, kind.draws, kind.has_beams) == (strategy.name, strategy.is_drawn, strategy.has_beams)


@pytest.mark.parametrize("name", STRATEGIES)
def test_an_engine_that_tells_some_tokens_is_refused_by_what_needs_them_all(name: str) -> None:
    told = from_table({"a": {"b": 0.5, "a": 0.5}, "b": {"a": 1.0}}, name="some", told=1)
    setup = Setup(name, {"force_words": ("b",)} if name == "constrained" else {})
    if STRATEGIES[name].has_beams:
        with pytest.raises(NotToldError, match="some"):
            setup.build(told)
    else:
        assert setup.build(told).name == name


def test_an_engine_that_does_not_open_is_refused_by_what_needs_its_hidden_states() -> None:
    closed = from_table({"a": {"b": 1.0}, "b": {"a": 1.0}}, name="closed")
    STRATEGIES["greedy"].check_engine(closed)
    with pytest.raises(NothingToInspectError, match="closed"):
        replace(STRATEGIES["greedy"], needs=("hidden states",)).check_engine(closed)
