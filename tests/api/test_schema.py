"""The settings as arguments of the endpoints: names, places, kinds, neutral values and help are those of the catalogue,
in the signature as in what the server tells a program that asks."""

import inspect
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest
from gradio_client import Client

from playground.api.endpoints import Endpoints
from playground.api.schema import with_settings
from playground.catalog import PARAMETERS, Parameter
from playground.engines.huggingface.backend import Backend
from playground.engines.loading import ModelSlot
from playground.i18n import catalogue
from playground.lists import LISTS

pytestmark = [
    pytest.mark.filterwarnings("ignore:'future.no_silent_downcasting'"),
    pytest.mark.filterwarnings("ignore:The copy keyword is deprecated"),
]

# Written out by hand: programs give these without names, so that their places must never change.
NEXT_TOKEN = [
    "prompt", "temperature", "top_k", "top_p", "min_p", "typical_p", "repetition_penalty", "no_repeat_ngram_size", "n",
    "order", "seed",
]  # fmt: skip
GENERATE = [
    "prompt", "do_sample", "temperature", "top_k", "top_p", "min_p", "typical_p", "repetition_penalty",
    "no_repeat_ngram_size", "seed", "max_new_tokens", "order",
]  # fmt: skip
TURNS = ["messages", "continue_final_message"]
OWN = {"leave_end_off", *TURNS, "strategy", "prompt", "do_sample", "n", "order", "seed", "max_new_tokens"}
SETTINGS = {*(p.name for p in PARAMETERS), *LISTS}

each = pytest.mark.parametrize("parameter", PARAMETERS, ids=lambda parameter: parameter.name)
both = pytest.mark.parametrize(("name", "first"), [("next_token", NEXT_TOKEN), ("generate", GENERATE)])


@pytest.fixture(scope="module")
def endpoints(storyteller: Backend) -> Endpoints:
    return Endpoints(ModelSlot.filled(storyteller, "assets/models/storyteller"))


def signature(endpoints: Endpoints, name: str) -> dict[str, inspect.Parameter]:
    return dict(inspect.signature(getattr(endpoints, name)).parameters)


# ---- the signature


@both
def test_every_setting_is_an_argument_once_and_the_old_ones_stay_in_their_places(
    endpoints: Endpoints, name: str, first: list[str]
) -> None:
    arguments = list(signature(endpoints, name))
    last = ["leave_end_off", *TURNS, *(["strategy"] if name == "generate" else [])]
    assert arguments[: len(first)] == first and arguments[-len(last) :] == last
    assert len(arguments) == len(set(arguments))
    assert set(arguments) - OWN == SETTINGS
    assert all(p.kind is p.POSITIONAL_OR_KEYWORD for p in signature(endpoints, name).values())


@both
@each
def test_its_default_is_the_neutral_value_in_its_kind(
    endpoints: Endpoints, name: str, first: list[str], parameter: Parameter
) -> None:
    argument = signature(endpoints, name)[parameter.name]
    assert argument.default == parameter.neutral
    assert argument.annotation is type(argument.default) is (int if parameter.is_whole else float)
    assert parameter.check(argument.default) == parameter.neutral


@both
def test_a_list_is_left_out_unless_it_is_given(endpoints: Endpoints, name: str, first: list[str]) -> None:
    for listed in LISTS:
        argument = signature(endpoints, name)[listed]
        assert argument.default is None and argument.annotation is list
        assert LISTS[listed].check(argument.default) == ()


# ---- the documentation


def described(function: Callable[..., Any]) -> dict[str, str]:
    """What the docstring says of each argument, as gradio reads it: one line an argument, 'name: text'."""
    lines = (inspect.getdoc(function) or "").splitlines()
    found = (line.strip().partition(": ") for line in lines if line.startswith("    "))
    return {name: text for name, colon, text in found if colon}


@both
@each
def test_its_help_range_and_neutral_value_are_documented(
    endpoints: Endpoints, name: str, first: list[str], parameter: Parameter
) -> None:
    text = described(getattr(endpoints, name))[parameter.name]
    meaning = "usual" if parameter.belongs_to else "off"
    assert text == (
        f"{catalogue('en')[f'parameter.{parameter.name}.help']} From {parameter.minimum:,} to {parameter.maximum:,}; "
        f"{parameter.neutral:g} is {meaning}."
    )
    assert "e+" not in text


@both
def test_every_argument_is_documented(endpoints: Endpoints, name: str, first: list[str]) -> None:
    texts = described(getattr(endpoints, name))
    assert set(texts) >= {*SETTINGS, *first}
    for listed in LISTS:
        assert texts[listed] == catalogue("en")[f"parameter.{listed}.help"]


# ---- what the function gets


def answer(prompt: str, n: int = 5, *, values: dict[str, Any]) -> dict[str, Any]:
    """Hand back what came.

    Args:
        prompt: text.
        n: a number.
    """
    return {"prompt": prompt, "n": n, "values": values}


def test_the_settings_come_as_one_dict_those_left_out_by_their_neutral_values() -> None:
    accepting = with_settings(answer, 1)
    neutral = {p.name: p.neutral for p in PARAMETERS} | dict.fromkeys(LISTS)
    assert accepting("a") == {"prompt": "a", "n": 5, "values": neutral}
    given = {"top_p": 0.5, "dry_base": 2.0, "stop_strings": ["x"], "mirostat": 2}
    assert accepting("a", n=7, **given) == {"prompt": "a", "n": 7, "values": neutral | given}
    by_place = accepting("a", 0.7, 40, 0.9, 0.05, 0.95, 1.1, 3, 9)
    assert by_place["n"] == 9
    first = {
        "temperature": 0.7, "top_k": 40, "top_p": 0.9, "min_p": 0.05, "typical_p": 0.95, "repetition_penalty": 1.1,
        "no_repeat_ngram_size": 3,
    }  # fmt: skip
    assert by_place["values"] == neutral | first


def test_what_is_no_setting_is_refused_and_so_is_a_missing_prompt() -> None:
    accepting = with_settings(answer, 1)
    with pytest.raises(TypeError, match="nobody"):
        accepting("a", nobody=1)
    with pytest.raises(TypeError, match="prompt"):
        accepting()
    with pytest.raises(TypeError, match="values"):
        accepting("a", values={})


# ---- what the server tells


@pytest.fixture(scope="module")
def schema(
    storyteller: Backend, serve: Callable[[ModelSlot], AbstractContextManager[str]]
) -> Iterator[dict[str, list[dict[str, Any]]]]:
    with serve(ModelSlot.filled(storyteller, "assets/models/storyteller")) as url:
        client = Client(url, verbose=False)
        named = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
        yield {name.removeprefix("/"): endpoint["parameters"] for name, endpoint in named.items()}
        client.close()


@both
def test_the_server_tells_names_places_defaults_and_kinds(
    schema: dict[str, list[dict[str, Any]]], endpoints: Endpoints, name: str, first: list[str]
) -> None:
    told = {argument["parameter_name"]: argument for argument in schema[name]}
    assert list(told) == [*signature(endpoints, name), "model"] and told["model"]["parameter_default"] == ""
    for parameter in PARAMETERS:
        argument = told[parameter.name]
        assert argument["parameter_has_default"] and argument["parameter_default"] == parameter.neutral
        assert argument["python_type"]["type"] == ("int" if parameter.is_whole else "float"), parameter.name
    for listed in LISTS:
        assert told[listed]["parameter_has_default"] and told[listed]["parameter_default"] is None
    assert not told["prompt"]["parameter_has_default"]


def test_compare_settings_takes_its_settings_as_one_list(schema: dict[str, list[dict[str, Any]]]) -> None:
    told = [argument["parameter_name"] for argument in schema["compare_settings"]]
    assert told == ["prompt", "seed", "settings", "max_new_tokens", "model"]


def test_every_endpoint_that_asks_a_model_takes_its_name_last(schema: dict[str, list[dict[str, Any]]]) -> None:
    last = {name: [p["parameter_name"] for p in told][-1] for name, told in schema.items() if told}
    assert set(last.values()) == {"model"} and len(last) >= 9
