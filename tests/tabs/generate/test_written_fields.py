"""The written settings at work: run, redraw, verify, script, dice; what is wrong is said and the picture stays."""

import json
from typing import Any

import gradio as gr
import pytest

from playground.decoding.processors_guidance import Guidance
from playground.engines.huggingface.backend import Backend
from playground.lists import LISTS
from playground.tabs.generate.controls import Values, drawer
from playground.tabs.generate.dice_handlers import DiceSession, DiceTab
from playground.tabs.generate.written_fields import reread

Visitor = Any
WRITTEN = {
    "bad_words_ids": "own\nthe old king", "sequence_bias": "father −30\nwolf 2", "suppress_tokens": "Yes\n12",
    "stop_strings": "zzzz", "negative_prompt_ids": "A sad story", "guidance_scale": 1.3,
}  # fmt: skip


def words(payload: dict[str, Any]) -> str:
    return "".join(part if isinstance(part, str) else part["text"] for part in payload["parts"])


def read_again(visitor: Visitor, **changes: Any) -> dict[str, Any]:
    visitor.set(**changes)
    sent = reread(visitor.tab, visitor.session, *visitor.values)
    found: dict[str, Any] = json.loads(sent)["channels"]
    return found


def asked(visitor: Visitor, *names: str) -> dict[str, Any]:
    event = gr.EventData(None, {"picked": list(names)})
    dice = DiceTab(visitor.tab)
    sent = dice.ask(DiceSession(), visitor.session, event, "top_p", "tokens", *visitor.values)
    found: dict[str, Any] = json.loads(sent)["channels"]
    return found


def score_in(frames: list[dict[str, Any]]) -> dict[str, Any]:
    """What was said last of the watermark."""
    found: dict[str, Any] = [channels["watermark"] for channels in frames if "watermark" in channels][-1]
    return found


def test_all_of_them_together_give_what_generate_gives(visitor: Visitor, storyteller: Backend) -> None:
    visitor.do("run", length=12, seed=3, **WRITTEN)
    (badge,) = [channels["badge"] for channels in visitor.verify()[1:]]
    assert badge["kind"] == "good"
    assert "equals transformers.generate: 12/12" in words(badge)
    processors = {p.name: p for p in visitor.session.trace.steps[0].processors}
    assert set(processors) == {"guidance_scale", "bad_words_ids", "sequence_bias", "suppress_tokens"}
    spelt = storyteller.tokenizer.encode_inside
    assert processors["bad_words_ids"].sequences == (spelt(" own"), spelt(" the old king"))
    assert processors["sequence_bias"].sequences == ((spelt(" father"), -30.0), (spelt(" wolf"), 2.0))
    assert processors["suppress_tokens"].token_ids == (*spelt(" Yes"), 12)
    assert isinstance(processors["guidance_scale"], Guidance)
    assert processors["guidance_scale"].negative_prompt_ids == storyteller.tokenizer.encode("A sad story")
    assert visitor.session.trace.request.strategy.stop.strings == ("zzzz",)
    script = visitor.tab.code(visitor.session.trace, storyteller)["code"]
    for argument in (
        "bad_words_ids=[[",
        "sequence_bias=[[[",
        "suppress_tokens=[",
        "stop_strings=['zzzz']",
        "negative_",
    ):
        assert argument in script


def test_a_forbidden_word_is_gone_and_the_rest_of_the_dice_is_the_same(visitor: Visitor, storyteller: Backend) -> None:
    visitor.do("run", length=3, mode="greedy")
    first = visitor.ids[0]
    visitor.do("run", bad_words_ids=f'"{storyteller.vocabulary.text((first,))}"')
    assert visitor.ids[0] != first
    row = visitor.session.trace.steps[0].logits
    assert visitor.ids[0] == int(row.argsort(descending=True)[1])


def test_typing_shows_the_tokens_and_the_step_under_them_without_a_forward_pass(
    visitor: Visitor, forwards: Any
) -> None:
    visitor.do("run", length=4)
    made = forwards.count
    sent = read_again(visitor, bad_words_ids="wolf", sequence_bias="golden key −3", stop_strings='" ."')
    assert forwards.count == made
    assert words(sent["written"]["bad_words_ids"]) == "␣wolf → [2410]\n"
    assert words(sent["written"]["sequence_bias"]) == "␣golden·␣key → [1455, 3452]: -3\n"
    assert words(sent["written"]["stop_strings"]) == "“␣.”\n"
    assert set(sent["written"]) == {"bad_words_ids", "sequence_bias", "stop_strings"}
    assert {row[0] for row in sent["stages"]["table"]["rows"]} == {"model", "Sequence bias 1", "Bad words 1"}
    assert "changed settings" in words(sent["headline"])
    assert read_again(visitor, bad_words_ids="", sequence_bias="", stop_strings="")["written"] == {}


def test_the_recorded_run_is_redrawn_before_any_model_is_there(visitor: Visitor, monkeypatch: Any) -> None:
    monkeypatch.setattr(visitor.tab.slot, "get", lambda: pytest.fail("no model is needed to look at the recorded run"))
    sent = read_again(visitor, bad_words_ids="wolf")
    assert words(sent["written"]["bad_words_ids"]) == "␣wolf → [2410]\n"
    assert sent["stages"]["table"]["rows"][1][0] == "Bad words 1"


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("sequence_bias", "wolf", "end “wolf” with a number"),
        ("suppress_tokens", "the old king", "is 3 tokens"),
        ("suppress_tokens", "8192", "no token 8192"),
        ("bad_words_ids", '""', "has no tokens for"),
        ("stop_strings", "x\n" * 9, "Stop strings: at most 2,000 characters in at most 8 lines"),
    ],
)  # fmt: skip
def test_what_can_not_be_read_is_said_and_the_picture_stays(visitor: Visitor, name: str, text: str, said: str) -> None:
    visitor.do("run", length=4)
    before = visitor.session.trace
    typed = read_again(visitor, **{name: text})
    assert set(typed) == {"written"}
    assert said in words(typed["written"][name])
    assert typed["written"][name]["kind"] == "bad"
    for handler in ("run", "step"):
        (sent,) = [channels for channels in visitor.do(handler) if "notice" in channels]
        assert said in words(sent["notice"])
        assert sent["notice"]["kind"] == "bad"
        assert "strip" not in sent
    assert visitor.session.trace is before
    assert said in words(visitor.do("redraw")[0]["notice"])


def test_what_leaves_no_token_is_said(visitor_of: Any, tiny_backend: Any) -> None:
    visitor = visitor_of(tiny_backend())
    visitor.do("run", prompt="a b", length=3)
    sent = read_again(visitor, suppress_tokens="0, 1, 2, 3, 4, 5, 6, 7")
    assert set(sent) == {"written", "notice"}
    assert sent["notice"]["kind"] == "bad"
    assert "remove every token" in words(sent["notice"])
    assert words(read_again(visitor, suppress_tokens="0, 1, 2, 3, 4, 5, 6")["notice"]) == ""


def test_a_stop_string_ends_the_run_and_says_so(visitor: Visitor, storyteller: Backend) -> None:
    visitor.do("run", length=10, seed=4)
    ids = visitor.ids
    text = storyteller.vocabulary.text(ids[2:4]).strip()
    frames = visitor.do("run", stop_strings=text)
    assert visitor.session.trace.finish_reason == "stop_string"
    ended = len(visitor.ids)
    assert visitor.ids == ids[:ended] and ended <= 4
    said = [words(channels["notice"]) for channels in frames if "notice" in channels]
    assert said[-1].startswith(f"Token {ended} completes the stop string “{text.replace(' ', '␣')}”")
    assert f"{ended}/{ended} tokens" in words(visitor.verify()[-1]["badge"])
    assert visitor.tab.code(visitor.session.trace, storyteller)["code"].count("tokenizer=tokenizer") == 1
    # it stays at its end while the string is there, and goes on without
    visitor.do("step")
    assert len(visitor.ids) == ended
    visitor.do("step", stop_strings="")
    assert visitor.ids == ids[: ended + 1]
    assert visitor.verify()[-1]["badge"]["kind"] == "good"


def test_a_token_by_hand_ends_at_the_stop_string_of_now(visitor: Visitor) -> None:
    visitor.do("run", length=5)
    visitor.session.pinned = 1
    visitor.do("branch", picked=2410, stop_strings="wolf")
    assert visitor.session.trace.finish_reason == "stop_string"
    assert len(visitor.ids) == 2


def test_a_long_negative_prompt_leaves_that_much_less_room(visitor: Visitor) -> None:
    long = "wolf " * 390
    visitor.do("run", length=300, guidance_scale=1.5, negative_prompt_ids=long)
    context, negative = 512, visitor.session.trace.request.strategy.guidance.negative_prompt_ids
    assert (
        len(visitor.ids) <= visitor.session.trace.request.max_new_tokens == min(300, context - len(negative) + 1) < 300
    )
    (sent,) = [c for c in visitor.do("run", negative_prompt_ids="wolf, 7 " * 249) if "notice" in c]
    assert "reads at most 512" in words(sent["notice"])


@pytest.mark.parametrize("name", LISTS)
def test_the_help_of_each_has_the_numbers_of_the_step(visitor: Visitor, name: str) -> None:
    visitor.do("run", length=5, **{**WRITTEN, "stop_strings": "", "bad_words_ids": ""})
    visitor.set(**WRITTEN)
    lines = asked(visitor, f"help:{name}")["dice.help"][name]
    kinds = {line["kind"]: line["text"] for line in lines["lines"]}
    assert kinds["numbers"]
    assert lines["paper"]["url"].startswith("https://")
    expected = {
        "bad_words_ids": "forbidden sequences: 2; 1 token would complete one",
        "suppress_tokens": "suppressed token ids: 2, of which removed here: 2",
        "stop_strings": "Token 5 does not complete your string.",
        "negative_prompt_ids": "log q of the formula of guidance is the model after these 3 tokens and the 4 taken "
        "since.",
    }
    assert kinds["numbers"] == expected.get(name, kinds["numbers"])
    visitor.set(**{name: ""})
    off = asked(visitor, f"help:{name}")["dice.help"][name]["lines"]
    assert not any(line["kind"] == "numbers" for line in off)


def test_the_help_of_guidance_says_what_a_run_is_needed_for(visitor: Visitor) -> None:
    visitor.do("run", length=5)
    for scale in (1, 1.5):
        lines = asked(visitor.set(guidance_scale=scale), "help:guidance_scale")["dice.help"]["guidance_scale"]["lines"]
        assert any("Token 5 was chosen without guidance" in line["text"] for line in lines)
    visitor.do("run")
    lines = asked(visitor, "help:guidance_scale")["dice.help"]["guidance_scale"]["lines"]
    assert not any("without guidance" in line["text"] for line in lines)
    assert any("log q + 1.5" in line["text"] for line in lines)


def test_the_dice_know_of_them(visitor: Visitor) -> None:
    visitor.do("run", length=8, seed=5, temperature=0.9)
    first = visitor.tab.slot.get().vocabulary.label(visitor.ids[0])
    sent = asked(visitor.set(bad_words_ids=first), "race", "same_dice", "mass_flow")
    assert "your settings now: token 1 would be" in words(sent["dice.same_words"])
    assert "bad words" in words(sent["dice.flow_here_words"])
    assert first not in [part["text"] for part in sent["dice.race_words"]["parts"][1:2]]


def test_going_on_with_the_same_dice_takes_the_stop_strings_along(visitor: Visitor, storyteller: Backend) -> None:
    visitor.do("run", length=8, seed=5, temperature=0.9)
    ids, dice, mine = visitor.ids, DiceTab(visitor.tab), DiceSession()

    def go(**changes: Any) -> list[str]:
        visitor.set(**changes)
        mine.wants_branch = True
        sent = list(dice.part(visitor.session, mine, *visitor.values))
        return [words(json.loads(s)["channels"].get("notice", {"parts": []})) for s in sent]

    fourth = f'"{storyteller.vocabulary.text(ids[3:4])}"'
    first = f'"{storyteller.vocabulary.text(ids[:1])}"'
    said = go(bad_words_ids=fourth, stop_strings=first)
    assert "ends the text at token 1" in said[-1]
    assert visitor.ids == ids
    go(stop_strings="zzzz")
    assert visitor.ids[:3] == ids[:3] and visitor.ids[3] != ids[3]
    assert visitor.session.trace.request.strategy.stop.strings == ("zzzz",)
    assert visitor.verify()[-1]["badge"]["kind"] == "good"


def test_a_watermark_colours_the_text_and_is_scored(visitor: Visitor) -> None:
    plain = visitor.do("run", length=6)
    assert all(len(token["shades"]) == 4 for c in plain if "strip" in c for token in c["strip"]["tokens"])
    assert score_in(plain) == {"parts": []}
    frames = visitor.do("run", length=20, watermark_bias=4)
    tokens = [token for c in frames if "strip" in c for token in c["strip"]["tokens"]]
    greens = [token["shades"][4] for token in tokens]
    assert len(tokens) == 20 and set(greens) == {0, 1}
    assert [token["title"].endswith(", green") for token in tokens] == [bool(green) for green in greens]
    line = words(score_in(frames))
    assert f"{sum(greens)} of 20 tokens green, 25 % expected" in line
    z = (sum(greens) - 5) / (20 * 0.25 * 0.75) ** 0.5
    assert f"z = {z:.2f} " in line
    assert "of 19 tokens" in words(score_in(visitor.do("back")))
    assert "of 19 tokens" in words(score_in(visitor.do("change_unit")))


def test_the_drawer_holds_everything_but_what_is_shown_at_first_each_detail_after_its_own() -> None:
    names = drawer()
    assert set(names).isdisjoint({"temperature", "top_k", "top_p", "min_p"})
    assert set(LISTS) <= set(names)
    assert names[names.index("guidance_scale") + 1] == "negative_prompt_ids"
    assert names[names.index("dry_multiplier") : names.index("dry_multiplier") + 4] == [
        "dry_multiplier", "dry_base", "dry_allowed_length", "dry_penalty_last_n",
    ]  # fmt: skip
    assert names[-1] == "stop_strings"


def test_values_without_the_written_ones_are_values_without_them(visitor: Visitor) -> None:
    values = visitor.values
    assert Values.of(values[: -len(LISTS) - 1]).texts == {}
    assert Values.of(values).texts == dict.fromkeys(LISTS, "")
    with pytest.raises(ValueError, match="shorter"):
        Values.of(values[:-2])
