"""One entry in the catalogue is all that a strategy takes: controls, run, script, arguments and badge follow."""

import contextlib
import dataclasses
import inspect
import io
import json
from collections.abc import Callable
from typing import Any

import gradio as gr
import pytest
import torch

from playground.api.beam_endpoints import BeamEndpoints
from playground.api.endpoints import Endpoints
from playground.catalog import FOR_BEAMS
from playground.decoding.beam_search import BeamSearch
from playground.decoding.processors import Temperature
from playground.decoding.sampling import Sampling
from playground.decoding.selection import Multinomial
from playground.engines.huggingface.backend import Backend
from playground.engines.loading import ModelSlot
from playground.i18n import translator
from playground.runs.setup import Setup
from playground.runs.strategies import STRATEGIES, StrategyKind
from playground.runs.strategies.options import Number
from playground.tabs.beam.controls import options, start_of, style
from playground.tabs.beam.handlers import BeamTab
from playground.views.beam_code import Call
from tests.tabs.beam.test_handlers import BeamVisitor, build_tab  # noqa: F401  (a fixture)

PROMPT = "The old king said to his"
t = translator()


class Toy(BeamSearch):
    """Three beams, and a wish for long texts."""

    @property
    def name(self) -> str:
        return "toy"


WISH = Number(
    name="toy_wish", usual=0.5, minimum=-3, maximum=3, slider=(-3, 3, 0.5), label="beam.length_penalty.label",
    help="beam.length_penalty.help", made="made.length_penalty",
)  # fmt: skip
TOY = StrategyKind(
    "toy", "beam.strategy.beam", "made.search.beam", draws=False, has_beams=True, help="beam.strategy.beam.help",
    build=lambda asked: Toy(3, asked.option("toy_wish")), options=(WISH,),
    call=lambda toy: Call({"num_beams": toy.num_beams, "length_penalty": toy.length_penalty}),
)  # fmt: skip
WITNESSES = {
    "generate": (TOY, "equals generate(num_beams=3): 3/3"),
    "rescored": (dataclasses.replace(TOY, call=None), "rescored by the model, one pass each: 3/3"),
    "none": (dataclasses.replace(TOY, call=None, is_summed=False), "no reference"),
}


@pytest.fixture(params=WITNESSES)
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> StrategyKind:
    """The toy in the catalogue, as long as the test takes, with each kind of witness."""
    kind = WITNESSES[request.param][0]
    monkeypatch.setitem(STRATEGIES, kind.name, kind)
    return kind


@pytest.fixture
def slot(storyteller: Backend) -> ModelSlot:
    return ModelSlot.filled(storyteller, "assets/models/storyteller")


@pytest.fixture
def visitor(kind: StrategyKind, slot: ModelSlot, build_tab: Callable[[ModelSlot], BeamTab]) -> BeamVisitor:  # noqa: F811
    """On the page of the catalogue with the toy in it."""
    visitor = BeamVisitor(build_tab(slot))
    visitor.settings = {
        "prompt": PROMPT, "mode": "toy", "length": 6, "seed": 0, "speed": "fast",
        **{option.name: start_of(option, t) for option in options()}, **{p.name: p.neutral for p in FOR_BEAMS},
    }  # fmt: skip
    return visitor


def verified(visitor: BeamVisitor) -> str:
    *_, last = visitor.tab.verify(visitor.session)
    return "".join(json.loads(last)["channels"]["beam.badge"]["parts"])


def test_it_has_controls_on_the_page(
    kind: StrategyKind, slot: ModelSlot, build_page: Callable[[ModelSlot], gr.Blocks]
) -> None:
    parts = build_page(slot).config["components"]
    (radio,) = [part for part in parts if part["props"].get("elem_id") == "beam-strategy"]
    assert radio["props"]["choices"][-1] == (t("beam.strategy.beam"), "toy")
    (knob,) = [part for part in parts if part["props"].get("elem_id") == "beam-toy-wish"]
    assert knob["props"]["value"] == 0.5 and t("beam.length_penalty.label") in str(knob["props"])
    rules = style().splitlines()
    assert any('[value="toy"]' in rule and ".only-toy" in rule for rule in rules)
    assert any(rule.startswith("#beam-controls:not") and ".for-beam-toy-wish {" in rule for rule in rules)
    assert any(".for-beam-num-beams {" in rule and '"toy"' not in rule for rule in rules)  # it takes no such number


def test_it_runs_on_the_page_and_says_what_made_it(visitor: BeamVisitor, storyteller: Backend) -> None:
    shown = visitor.ended(toy_wish=2.0)
    strategy = visitor.session.trace.strategy
    assert isinstance(strategy, Toy) and strategy.length_penalty == 2.0
    assert shown["beam.best"]["table"]["rows"]
    assert visitor.session.made["toy_wish"].value == "2"
    (error,) = [frame["beam.notice"] for frame in visitor.do("run", toy_wish=9.0) if "beam.notice" in frame]
    assert "toy_wish must be between -3 and 3" in "".join(error["parts"])


def test_its_badge_tells_what_it_was_compared_with(visitor: BeamVisitor, request: pytest.FixtureRequest) -> None:
    visitor.ended()
    words = WITNESSES[request.node.callspec.params["kind"]][1]
    assert words in verified(visitor)


def test_its_script_prints_its_sequences_or_there_is_none(visitor: BeamVisitor, storyteller: Backend) -> None:
    code = visitor.ended(toy_wish=2.0)["beam.code"]
    if STRATEGIES["toy"].call is None:
        assert code == {"parts": [t("beam.code.none")]}
        return
    with contextlib.redirect_stdout(io.StringIO()) as printed, torch.random.fork_rng(devices=[]):
        exec(compile(code["code"], "toy", "exec"), {"__name__": "__main__"})
    texts = [line.split(" ", 1)[1] for line in printed.getvalue().splitlines()]
    finished = visitor.session.trace.steps[-1].finished
    assert texts == [repr(storyteller.tokenizer.decode(h.token_ids)) for h in finished]


def test_the_endpoint_takes_it_and_its_setting(kind: StrategyKind, slot: ModelSlot, storyteller: Backend) -> None:
    search = BeamEndpoints(slot).beam_search
    argument = inspect.signature(search).parameters["toy_wish"]
    assert argument.annotation is float and argument.default == 0.5
    assert f"toy_wish: {t('beam.length_penalty.help')}" in (search.__doc__ or "")
    *_, last = search(PROMPT, strategy="toy", toy_wish=2.0, max_new_tokens=6, num_return_sequences=3)
    *_, plain = search(PROMPT, num_beams=3, length_penalty=2.0, max_new_tokens=6, num_return_sequences=3)
    assert last == plain
    for wrong, words in (
        ({"strategy": "toy", "toy_wish": 4.0}, "toy_wish must be between -3 and 3"),
        ({"strategy": "toy", "stop_strings": ["."]}, "stop_strings must be left out with toy"),
        ({"toy_wish": 2.0}, "toy_wish must be left out without"),
        ({"strategy": "greedy"}, "strategy must be one of beam, .*, toy"),
    ):
        with pytest.raises(gr.Error, match=words):
            list(search(PROMPT, **wrong))


def test_a_setup_of_it_goes_to_json_and_back(kind: StrategyKind, storyteller: Backend) -> None:
    given: dict[str, Any] = {"strategy": "toy", "toy_wish": 2.0, "max_new_tokens": 6}
    setup = Setup.from_json(given)
    assert Setup.from_json(json.loads(json.dumps(setup.to_json()))) == setup
    assert setup.build(storyteller) == Toy(3, 2.0)


HEAT = Number(
    name="toy_heat", usual=1.0, minimum=0.1, maximum=9, label="parameter.temperature.label",
    help="parameter.temperature.help",
)  # fmt: skip
TOY_OF_ONE = StrategyKind(
    "toy_of_one", "mode.sample", "made.sample", draws=True, options=(HEAT,),
    build=lambda asked: Sampling((Temperature(asked.option("toy_heat")),), Multinomial(asked.seed)),
)  # fmt: skip


def test_one_of_one_sequence_is_on_the_generate_tab_and_at_its_endpoint(
    slot: ModelSlot, build_page: Callable[[ModelSlot], gr.Blocks], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(STRATEGIES, TOY_OF_ONE.name, TOY_OF_ONE)
    (radio,) = [part for part in build_page(slot).config["components"] if part["props"].get("elem_id") == "mode"]
    assert radio["props"]["choices"][-1] == (t("mode.sample"), "toy_of_one")
    generate = Endpoints(slot).generate
    assert f"toy_heat: {t('parameter.temperature.help')}" in (generate.__doc__ or "")
    settings: dict[str, Any] = {"seed": 3, "max_new_tokens": 8}
    *_, toy = generate(PROMPT, strategy="toy_of_one", toy_heat=1.7, **settings)
    *_, usual = generate(PROMPT, temperature=1.7, **settings)
    *_, cold = generate(PROMPT, **settings)
    assert toy == usual != cold
    for wrong, words in (
        ({"strategy": "toy_of_one", "toy_heat": 10.0}, "toy_heat must be between 0.1 and 9"),
        ({"toy_heat": 2.0}, "toy_heat must be left out with sample"),
        ({"strategy": "toy_of_one", "top_p": 0.5}, "top_p must be left out with toy_of_one"),
        ({"strategy": "beam"}, "strategy must be one of greedy, sample, toy_of_one"),
    ):
        with pytest.raises(gr.Error, match=words):
            list(generate(PROMPT, **wrong))


def test_when_it_is_taken_out_nothing_of_it_is_left(slot: ModelSlot) -> None:
    assert "toy" not in STRATEGIES and "toy_wish" not in [option.name for option in options()]
    assert "toy" not in style() and "toy_wish" not in inspect.signature(BeamEndpoints(slot).beam_search).parameters
