"""A prompt as turns in a search: read as apply_chat_template writes it, ended by a turn's end, equal to generate."""

import contextlib
import io
import json
from collections.abc import Callable
from typing import Any

import pytest
import torch

from playground import engine
from playground.decoding.beam_search import BeamSearch
from playground.decoding.beam_trace import BeamTrace
from playground.decoding.constrained_beam_search import ConstrainedBeamSearch
from playground.decoding.diverse_beam_search import DiverseBeamSearch
from playground.decoding.processors_constraints import SequenceBias
from playground.decoding.stochastic_beam_search import StochasticBeamSearch
from playground.engines import dialogues, prompts
from playground.engines.huggingface.backend import Backend
from playground.engines.loading import ModelSlot
from playground.runs import links
from playground.runs.verification.beams import verify_beams
from playground.tabs.beam.controls import BeamValues
from playground.tabs.beam.handlers import BeamTab
from playground.tabs.beam.linked import filled
from playground.tabs.links import ROOMS
from tests.tabs.beam.test_handlers import BeamVisitor, build_tab  # noqa: F401  (a fixture)
from tests.talkers import TEMPLATES, turns_for

Talker = Callable[..., Backend]
Tabs = Callable[[ModelSlot], BeamTab]
HELLO = [{"role": "user", "content": "king"}]


def written(messages: list[dict[str, str]], **more: bool) -> str:
    return json.dumps({"messages": messages, **more})


def visitor_of(backend: Backend, tabs: Tabs) -> BeamVisitor:
    found = BeamVisitor(tabs(ModelSlot.filled(backend, "a model")))
    found.settings["turns"] = ""
    return found


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_search_reads_turns_as_transformers_does(name: str, talker: Talker, build_tab: Tabs) -> None:  # noqa: F811
    backend, turns = talker(name), turns_for(name)
    page = visitor_of(backend, build_tab)
    shown = page.ended(turns=written(turns), length=4)
    tokenizer: Any = backend.tokenizer.tokenizer
    theirs = tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_dict=True)["input_ids"]
    assert list(page.session.trace.prompt_ids) == theirs
    (*_, badge) = page.tab.verify(page.session)
    assert json.loads(badge)["channels"]["beam.badge"]["kind"] == "good"
    parts = shown["beam.lead"]["parts"][1:]
    assert "".join(part["text"] for part in parts).count("A wolf") == 1
    assert any(part["kind"] == "own" and "in the sea" in part["text"] for part in parts)
    assert any(part["kind"] in ("added", "special") for part in parts)
    assert shown["beam.lead"]["parts"][0]["text"] == page.tab.t("turns.legend")
    plain = page.ended(turns="", prompt="A wolf", length=2)
    assert plain["beam.lead"] == {"parts": []} and page.session.trace.rendered is None


@pytest.mark.parametrize(
    "kind", [BeamSearch, DiverseBeamSearch, StochasticBeamSearch, ConstrainedBeamSearch], ids=lambda one: one.__name__
)
def test_what_ends_a_turn_ends_a_sequence(kind: Any, talker: Talker) -> None:
    """The model's own generation_config knows only <|endoftext|>."""
    backend = talker()
    tokenizer: Any = backend.tokenizer.tokenizer
    end = tokenizer.convert_tokens_to_ids("<|im_end|>")
    assert end not in backend.model.eos_ids
    ids, rendered = prompts.turns(dialogues.checked(HELLO), backend)
    more: dict[str, Any] = {"phrases": ((5,),)} if kind is ConstrainedBeamSearch else {}
    more |= {"num_beam_groups": 2} if kind is DiverseBeamSearch else {}
    strategy = kind(num_beams=2, processors=(SequenceBias((((end,), 80.0),)),), **more)
    *_, last = engine.search(backend.model, strategy, ids, 6, rendered)
    assert last.finished[0].token_ids[-1] == end and len(last.finished[0].token_ids) < 6
    assert verify_beams(last, strategy, ids, 6, backend, rendered=rendered).passed
    if kind is BeamSearch:  # a witness that does not know of the turn's end sees another search
        assert not verify_beams(last, strategy, ids, 6, backend).passed
    *_, plain = engine.search(backend.model, strategy, ids, 6)
    assert len(plain.finished[0].token_ids) == 6


def test_the_script_makes_the_same_search(
    talker: Talker, build_tab: Tabs, monkeypatch: pytest.MonkeyPatch  # noqa: F811
) -> None:  # fmt: skip
    backend = talker()
    page = visitor_of(backend, build_tab)
    script = page.ended(turns=written(HELLO), length=5)["beam.code"]["code"]
    assert "apply_chat_template(messages, add_generation_prompt=True" in script
    printed = io.StringIO()
    monkeypatch.setattr("transformers.AutoTokenizer.from_pretrained", lambda *_, **__: backend.tokenizer.tokenizer)
    monkeypatch.setattr("transformers.AutoModelForCausalLM.from_pretrained", lambda *_, **__: backend.model.module)
    with contextlib.redirect_stdout(printed), torch.random.fork_rng(devices=[]):
        exec(compile(script, "script", "exec"), {"__name__": "__main__"})
    best = page.session.trace.best
    assert best is not None
    text = backend.tokenizer.tokenizer.decode(best.token_ids, skip_special_tokens=True)
    assert printed.getvalue().splitlines()[0] == f"{best.score:.3f} {text!r}"


def test_turns_pass_on_in_a_link_and_in_a_file(talker: Talker, build_tab: Tabs) -> None:  # noqa: F811
    page = visitor_of(talker(), build_tab)
    turns = written([{"role": "user", "content": "狼 & <b>\n"}])
    page.ended(turns=turns, length=2)
    page.tab.heard(page.session, tuple(page.settings.values()))
    link = links.read(f"tab=beam&{page.session.asks.run}", ROOMS)
    values = BeamValues.of(tuple(filled(link, page.tab.t, "usual")))
    assert json.loads(values.turns) == json.loads(turns) and values.mode == "beam"
    saved = json.loads(json.loads(page.tab.export(page.session, None))["content"])  # type: ignore[arg-type]
    assert saved["prompt"]["messages"] == json.loads(turns)["messages"]


def test_step_and_run_begin_anew_where_the_turns_are_others(talker: Talker, build_tab: Tabs) -> None:  # noqa: F811
    page = visitor_of(talker(), build_tab)
    page.do("step", turns=written(HELLO))
    page.do("step")
    assert len(page.session.trace.steps) == 2
    page.do("step", turns=written([{"role": "user", "content": "queen"}]))
    assert len(page.session.trace.steps) == 1
    said = page.do("step", turns="[")
    assert "messages" in str(said[-1]["beam.notice"])


def test_a_request_is_one_with_its_dialogue(talker: Talker) -> None:
    ids, rendered = prompts.turns(dialogues.checked(HELLO), talker())
    trace = BeamTrace(ids, BeamSearch(2), 3, rendered=rendered)
    assert trace.ends(talker().model) == (0, *rendered.end_ids) and rendered.end_ids
