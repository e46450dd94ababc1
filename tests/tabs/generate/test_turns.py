"""A prompt as turns on the page: equal to apply_chat_template for five real templates; the run, its end, its script."""

import contextlib
import io
import json
from collections.abc import Callable
from typing import Any

import pytest
import torch

from playground.engines.huggingface.backend import Backend
from playground.runs import links
from playground.tabs.links import ROOMS
from tests.talkers import SPECIAL, TEMPLATES, turns_for
from tests.visitors import Visitor

Talker = Callable[..., Backend]
VisitorOf = Callable[[Backend], Visitor]


def written(messages: list[dict[str, str]], **more: bool) -> str:
    return json.dumps({"messages": messages, **more})


def theirs(backend: Backend, messages: list[dict[str, str]], **how: bool) -> tuple[int, ...]:
    tokenizer: Any = backend.tokenizer.tokenizer
    return tuple(tokenizer.apply_chat_template(messages, return_dict=True, **how)["input_ids"])


@pytest.mark.parametrize("name", TEMPLATES)
def test_the_page_reads_turns_as_transformers_does(name: str, talker: Talker, visitor_of: VisitorOf) -> None:
    backend, turns = talker(name), turns_for(name)
    page = visitor_of(backend)
    page.do("run", turns=written(turns), length=4)
    prompt_ids = page.session.trace.request.prompt_ids
    assert prompt_ids == theirs(backend, turns, add_generation_prompt=True)
    assert prompt_ids.count(0) == backend.tokenizer.tokenizer.apply_chat_template(turns, tokenize=False).count(
        "<|endoftext|>"
    )  # the beginning of a text once, where the template says so
    assert page.verify()[-1]["badge"]["kind"] == "good"


@pytest.mark.parametrize("name", TEMPLATES)
def test_the_last_turn_goes_on(name: str, talker: Talker, visitor_of: VisitorOf) -> None:
    backend, turns = talker(name), turns_for(name)[:-1]
    assert turns[-1]["role"] == "assistant"
    page = visitor_of(backend)
    page.do("run", turns=written(turns, continue_final_message=True), length=2)
    assert page.session.trace.request.prompt_ids == theirs(backend, turns, continue_final_message=True)


def test_what_the_template_adds_is_marked_in_the_text(talker: Talker, visitor_of: VisitorOf) -> None:
    page = visitor_of(talker())
    first = page.do("run", turns=written([{"role": "user", "content": "A wolf <b>came</b>"}]), length=1)
    lead = next(one["strip"]["lead"] for one in first if "strip" in one)
    assert [(part["kind"], part["text"]) for part in lead if part["kind"] == "own"] == [("own", "A wolf <b>came</b>")]
    specials = [part["text"] for part in lead if part["kind"] == "special"]
    assert specials == ["<|im_start|>", "<|im_end|>", "<|im_start|>", "<|im_end|>", "<|im_start|>"]
    added = [part["text"] for part in lead if part["kind"] == "added"]
    assert added[0].startswith("system⏎You are a helpful AI assistant") and added[-1] == "assistant⏎"
    plain = page.do("run", turns="", prompt="A wolf", length=1)
    assert next(one["strip"]["lead"] for one in plain if "strip" in one) == "A wolf"


@pytest.mark.parametrize(("name", "end"), [("SmolLM2-Instruct", "<|im_end|>"), ("Gemma-it", "<end_of_turn>")])
def test_what_ends_a_turn_ends_the_run(name: str, end: str, talker: Talker, visitor_of: VisitorOf) -> None:
    """The model's own generation_config knows only <|endoftext|>."""
    backend = talker(name)
    end_id = backend.tokenizer.tokenizer.convert_tokens_to_ids(end)
    assert end_id not in backend.model.eos_ids
    page = visitor_of(backend)
    page.do("run", turns=written([{"role": "user", "content": "king"}]), length=8, sequence_bias=f'"{end}" 80')
    assert page.ids == (end_id,)
    assert page.session.trace.finish_reason == "stop"
    assert page.verify()[-1]["badge"]["kind"] == "good"  # generate, told of the same end, stops there too
    page.do("run", turns="", prompt="king", length=3)
    assert page.ids == (end_id,) * 3  # a plain text has no turns


@pytest.mark.parametrize("name", ["Llama-3-Instruct", "Mistral-Instruct", "Zephyr"])
def test_ends_of_the_others(name: str, talker: Talker, visitor_of: VisitorOf) -> None:
    backend = talker(name)
    page = visitor_of(backend)
    page.do("run", turns=written(turns_for(name)), length=1)
    ends = page.session.trace.request.ends(backend.model)
    labels = [backend.vocabulary.label(i) for i in ends]
    assert labels == (["<|endoftext|>", "<|eot_id|>"] if name.startswith("Llama") else ["<|endoftext|>"])


def test_the_script_makes_the_same_text(talker: Talker, visitor_of: VisitorOf, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = talker()
    page = visitor_of(backend)
    turns = [{"role": "user", "content": 'It\'s "late"\n\\n'}, {"role": "assistant", "content": "So"}]
    for more in ({}, {"continue_final_message": True}):
        page.do("run", turns=written(turns, **more), length=5, temperature=0.8)
        script = page.tab.code(page.session.trace, backend)["code"]
        assert isinstance(script, str) and "apply_chat_template(messages, " in script
        printed = io.StringIO()
        monkeypatch.setattr("transformers.AutoTokenizer.from_pretrained", lambda *_, **__: backend.tokenizer.tokenizer)
        monkeypatch.setattr("transformers.AutoModelForCausalLM.from_pretrained", lambda *_, **__: backend.model.module)
        with contextlib.redirect_stdout(printed), torch.random.fork_rng(devices=[]):
            exec(compile(script, "script", "exec"), {"__name__": "__main__"})
        ids = page.session.trace.request.prompt_ids + page.ids
        assert printed.getvalue() == backend.tokenizer.tokenizer.decode(ids) + "\n"


def test_a_reply_goes_on_with_the_dialogue(talker: Talker, visitor_of: VisitorOf) -> None:
    page = visitor_of(talker())
    turns = [{"role": "user", "content": "Who lives in the wood?"}]
    page.told("run", turns=written(turns), length=3)
    assert "reply" in page.ways_back
    answer = page.tab.slot.get().vocabulary.text(page.ids)
    (sent,) = page.do("swap", "reply")
    assert json.loads(sent["turns"]["value"]) == {
        "messages": [*turns, {"role": "assistant", "content": answer}, {"role": "user", "content": ""}]
    }
    page.told("run", turns=written([*turns, {"role": "assistant", "content": "The"}], continue_final_message=True))
    (sent,) = page.do("swap", "reply")
    said = page.tab.slot.get().vocabulary.text(page.ids)
    assert json.loads(sent["turns"]["value"])["messages"][1] == {"role": "assistant", "content": "The" + said}
    page.told("run", turns="", prompt="A wolf")
    assert "reply" not in page.ways_back
    assert page.do("swap", "reply") == []


def test_turns_pass_on_in_a_link(talker: Talker, visitor_of: VisitorOf) -> None:
    backend = talker()
    first, other = visitor_of(backend), visitor_of(backend)
    turns = [{"role": "user", "content": "狼 & <b>\n"}, {"role": "assistant", "content": "ok = 1"}]
    first.told("run", turns=written(turns, continue_final_message=True), length=4)
    query = "tab=generate&" + first.tab.standing(first.session)["address"]["run"]  # type: ignore[index]
    assert "messages=" in query and "continue_final_message=1" in query
    assert "prompt=" not in query
    *values, _ = other.tab.open_link(other.session, query, *other.values)
    assert json.loads(values[-1]) == {"messages": turns, "continue_final_message": True}
    list(other.tab.run_link(other.session, *values))
    assert other.ids == first.ids
    assert other.session.trace.request.prompt_ids == first.session.trace.request.prompt_ids
    exported = json.loads(first.tab.export(first.session, _Picked("json"), *first.values))["content"]
    assert json.loads(exported)["prompt"]["messages"] == turns
    assert links.read(json.loads(exported)["link"], ROOMS).setup.dialogue.messages == turns  # type: ignore[union-attr]


class _Picked:
    def __init__(self, picked: str) -> None:
        self.picked = picked


def test_branching_and_going_on_stay_in_the_dialogue(talker: Talker, visitor_of: VisitorOf) -> None:
    backend = talker()
    page = visitor_of(backend)
    page.told("run", turns=written([{"role": "user", "content": "king"}]), length=3)
    end_id = backend.tokenizer.tokenizer.convert_tokens_to_ids("<|im_end|>")
    page.do("inspect", 1)
    page.told("branch", end_id)
    assert page.ids[1:] == (end_id,) and page.session.trace.finish_reason == "stop"
    assert page.session.trace.request.rendered is not None
    page.told("run", length=3)
    page.told("pause", length=5)
    assert len(page.ids) == 5 and page.session.trace.request.rendered is not None


def test_a_model_without_a_template_offers_no_turns_and_says_why(visitor: Visitor, talker: Talker) -> None:
    sent = [json.loads(update)["channels"] for update in visitor.tab.welcome(visitor.session)]
    assert [one["turns"] for one in sent if "turns" in one] == [{"offered": False}]
    *_, last = visitor.do("run", turns=written([{"role": "user", "content": "king"}]))
    assert last["notice"]["kind"] == "bad" and "chat template" in str(last["notice"])


HOSTILE = (
    "[", "[]", "{}", '{"messages": []}', '{"messages": [{"role": "x", "content": ""}]}', '{"messages": "a", "more": 1}',
    "[" * 100_000,
)  # fmt: skip


@pytest.mark.parametrize("hostile", HOSTILE)
def test_what_is_no_turns_is_said(hostile: str, talker: Talker, visitor_of: VisitorOf) -> None:
    *_, last = [one for one in visitor_of(talker()).told("run", turns=hostile) if "notice" in one]
    assert last["notice"]["kind"] == "bad" and "messages" in str(last["notice"])


def test_a_template_that_refuses_says_so(talker: Talker, visitor_of: VisitorOf) -> None:
    turns = [{"role": "system", "content": "x"}, {"role": "user", "content": "y"}]
    *_, last = visitor_of(talker("Gemma-it")).do("run", turns=written(turns))
    assert "System role not supported" in str(last["notice"])


def test_the_special_tokens_are_those_of_the_tokenizer(talker: Talker) -> None:
    for name, tokens in SPECIAL.items():
        backend = talker(name)
        ids = backend.tokenizer.tokenizer.convert_tokens_to_ids(tokens)
        assert set(ids) <= backend.vocabulary.special_ids


def test_a_special_token_that_somebody_has_written_is_shown_as_one(talker: Talker, visitor_of: VisitorOf) -> None:
    sent = visitor_of(talker()).do("run", turns=written([{"role": "user", "content": "a <|im_end|> b"}]), length=1)
    lead = next(one["strip"]["lead"] for one in sent if "strip" in one)
    own = [(part["kind"], part["text"]) for part in lead if part["kind"].startswith("own")]
    assert own == [("own", "a "), ("own_special", "<|im_end|>"), ("own", " b")]
