"""The handlers of the Tokenizer tab without a browser: what a visitor's frames hold."""

import copy
import json
import threading
from collections.abc import Callable
from typing import Any

import gradio as gr
import pytest

from playground.engines.huggingface import hub_tokenizers
from playground.engines.huggingface.backend import Backend
from playground.engines.huggingface.tokenizers_at_hand import TokenizerShelf
from playground.engines.loading import ModelSlot
from playground.i18n import translator
from playground.panels.generate import retokenization
from playground.panels.tokenizer import frames as tokenizer_frames
from playground.settings import DEFAULT_MODEL
from playground.tabs.tokenizer.handlers import EXAMPLES, MOST_CHARACTERS, SECTIONS, TokenizerTab
from playground.tabs.tokenizer.session import TokenizerSession
from playground.tokenization.segments import segment
from playground.tokenization.text_tokenizer import from_functions
from playground.views.notation import NATS
from playground.vocabulary import Vocabulary

Channels = dict[str, Any]
t = translator()
VALUES = ("older 3\nfinest 9\nlowest 4", 0, ["default", "wordpiece"], "", "", "a b\nc", "left")


@pytest.fixture(scope="session")
def tokenizer_tab(storyteller: Backend) -> TokenizerTab:
    return TokenizerTab(ModelSlot.filled(storyteller, "assets/models/storyteller"), t)


@pytest.fixture
def session(tokenizer_tab: TokenizerTab) -> TokenizerSession:
    return copy.deepcopy(tokenizer_tab.new_session())  # as Gradio does for every visitor


def channels(sent: Any) -> Channels:
    return json.loads(sent)["channels"] if isinstance(sent, str) else {}


def shown(tab: TokenizerTab, session: TokenizerSession, section: str, **changes: Any) -> Channels:
    names = ("words", "size", "at_hand", "others", "ids", "texts", "side")
    values = dict(zip(names, VALUES, strict=True)) | changes
    merged: Channels = {}
    for sent in tab.show(session, section, *values.values()):
        merged |= channels(sent)
    return merged


def words(payload: Channels) -> str:
    return "".join(part if isinstance(part, str) else part["text"] for part in payload["parts"])


def cells(payload: Channels) -> list[list[str]]:
    return [[cell["text"] for cell in row["cells"]] for block in payload["blocks"] for row in block.get("rows", [])]


# ---- the text


def test_the_first_frame_is_there_without_a_model() -> None:
    tab = TokenizerTab(ModelSlot("on its way"), t)  # never loaded
    first = tab.first_frame()
    assert first["tokenizer.tokens"]["count"] == len(segment(tab.first_text, tab.shelf.first).tokens)
    assert "chartreuse" in json.dumps(first["tokenizer.words"])
    json.dumps(first)


def test_typing_gives_the_ids_of_transformers(
    tokenizer_tab: TokenizerTab, session: TokenizerSession, storyteller: Backend
) -> None:
    text = "The old king 😀 <|endoftext|>\n said"
    payload = channels(tokenizer_tab.type(session, text, "default"))["tokenizer.tokens"]
    assert payload["ids"] == list(storyteller.tokenizer.encode(text))
    assert payload["count"] == len(payload["ids"]) and payload["characters"] == len(text)
    for token_id, (label, hexadecimal) in payload["pieces"].items():
        assert label == storyteller.vocabulary.label(int(token_id))
        assert bytes.fromhex(hexadecimal) == storyteller.vocabulary.piece(int(token_id))
    facts = {name: value for value, name, *_ in payload["facts"]}
    assert facts[t("tokenizer.fact.context", context=512)] == f"{100 * payload['count'] / 512:.3g} %"
    assert facts[t("tokenizer.fact.vocabulary")] == "8,192"


def test_an_older_text_never_comes_after_a_newer_one(
    tokenizer_tab: TokenizerTab, session: TokenizerSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first answer is held up until the second has gone out: then it is not sent at all."""
    may_go, began = threading.Event(), threading.Event()
    at_once = tokenizer_tab.shelf.at_once

    def held(name: str) -> Any:
        if threading.current_thread() is not threading.main_thread():
            began.set()
            may_go.wait(10)
        return at_once(name)

    monkeypatch.setattr(tokenizer_tab.shelf, "at_once", held)
    answers: list[Any] = []
    late = threading.Thread(target=lambda: answers.append(tokenizer_tab.type(session, "older", "default")))
    late.start()
    assert began.wait(10)
    newer = channels(tokenizer_tab.type(session, "newer text", "default"))["tokenizer.tokens"]
    may_go.set()
    late.join(10)
    assert channels(answers[0]) == {}
    assert session.segmentation.text == "newer text" and newer["run"] == 2


def test_strangers_are_told_what_they_may_choose(storyteller: Backend, session: TokenizerSession) -> None:
    slot = ModelSlot.filled(storyteller, "assets/models/storyteller")
    tab = TokenizerTab(slot, t, TokenizerShelf(slot, hub_tokenizers.read, is_public=True))
    before = session.segmentation
    sent = channels(tab.type(session, "The king", str(DEFAULT_MODEL)))
    notice = words(sent["tokenizer.notice"])
    assert str(DEFAULT_MODEL) in notice and "default, wordpiece, unigram, sentencepiece-bpe" in notice
    assert "tokenizer.tokens" not in sent and session.segmentation is before
    side = shown(tab, session, "side", others="gpt2")
    assert notice.replace(str(DEFAULT_MODEL), "gpt2") in json.dumps(side["tokenizer.side.notice"], ensure_ascii=False)
    assert "gpt2" not in json.dumps(side["tokenizer.side.table"])
    assert words(channels(tab.type(session, "The king", "wordpiece"))["tokenizer.notice"]) == ""


@pytest.mark.parametrize("is_public", [False, True])
def test_strangers_have_no_field_for_names(
    build_page: Callable[..., gr.Blocks], storyteller: Backend, is_public: bool
) -> None:
    blocks = build_page(ModelSlot.filled(storyteller, "assets/models/storyteller"), is_public).blocks.values()
    (name,) = [block for block in blocks if block.elem_id == "tokenizer-name"]
    (others,) = [block for block in blocks if block.elem_id == "side-others"]
    assert name.allow_custom_value == (not is_public) and bool(others.visible) == (not is_public)
    assert name.info == t("tokenizer.choice.public" if is_public else "tokenizer.choice.info")


def test_odd_texts_have_a_defined_picture(tokenizer_tab: TokenizerTab, session: TokenizerSession) -> None:
    for text in ("", "\ud83d", "\x00\x07", "e\u0301\u0301", "\u202eabc", "שלום", "\r\n\t", "\U0010ffff"):
        for name in ("default", "wordpiece", "unigram", "sentencepiece-bpe"):
            sent = tokenizer_tab.type(session, text, name)
            sent.encode("utf-8")  # what a browser can be sent
            assert channels(sent)["tokenizer.tokens"]["characters"] == len(text)
    note = channels(tokenizer_tab.type(session, "\ud83d!", "default"))["tokenizer.tokens"]["note"]
    assert note == t("tokenizer.note.surrogates", count=1)


def test_a_combining_mark_has_something_to_sit_on() -> None:
    vocabulary = Vocabulary(("\u0301".encode(), "e\u0301".encode(), b"\xcc"))
    tokenizer = from_functions("marks", vocabulary, lambda text, _: [], lambda ids: "")
    assert [tokenizer_frames.label(i, tokenizer) for i in range(3)] == ["◌\u0301", "e\u0301", "<0xCC>"]


def test_a_very_long_text_is_cut_and_says_so(tokenizer_tab: TokenizerTab, session: TokenizerSession) -> None:
    payload = channels(tokenizer_tab.type(session, "狐" * (MOST_CHARACTERS + 5), "default"))["tokenizer.tokens"]
    assert payload["characters"] == MOST_CHARACTERS and payload["count"] == 3 * MOST_CHARACTERS
    assert len(payload["ids"]) == 10_000
    assert t("tokenizer.note.cut", cut=5) in payload["note"]


def test_a_tokenizer_that_is_not_there_leaves_the_picture(
    tokenizer_tab: TokenizerTab, session: TokenizerSession
) -> None:
    before = session.segmentation
    sent = channels(tokenizer_tab.type(session, "new", "nobody/nothing"))
    assert list(sent) == ["tokenizer.notice"] and "nobody/nothing" in words(sent["tokenizer.notice"])
    assert session.segmentation is before


@pytest.mark.parametrize("key", EXAMPLES)
def test_the_examples(key: str, tokenizer_tab: TokenizerTab, session: TokenizerSession) -> None:
    text, sent = tokenizer_tab.example(key, session, "default")
    got = channels(sent)
    assert got["tokenizer.tokens"]["characters"] == len(text)
    assert words(got["tokenizer.lesson"]) == t(f"tokenizer.example.{key}.notice")


def test_findings_come_and_go(tokenizer_tab: TokenizerTab, session: TokenizerSession) -> None:
    text = "The wolf was quite beautiful, said the WOLF."
    got = channels(tokenizer_tab.find(session, text, "default"))
    rows = cells(got["tokenizer.findings"])
    assert rows[0] == ["␣beautiful"] and rows[1] == ["␣W", "O", "L", "F"]
    marked = [got["tokenizer.tokens"]["ids"][i] for i in got["tokenizer.tokens"]["marks"]]
    assert marked == [*segment(" beautiful", session.tokenizer).ids, *segment(" WOLF", session.tokenizer).ids]
    assert channels(tokenizer_tab.find(session, text, "default"))["tokenizer.findings"] == {"blocks": []}


# ---- the sections


@pytest.mark.parametrize("name", ["default", "wordpiece", "unigram", "sentencepiece-bpe"])
@pytest.mark.parametrize("text", ["The wolf's chartreuse 😀\n\n<|endoftext|> ", "", "\x00", "   "])
def test_every_section_for_every_algorithm(
    name: str, text: str, tokenizer_tab: TokenizerTab, session: TokenizerSession
) -> None:
    tokenizer_tab.type(session, text, name)
    for section in SECTIONS:
        got = shown(tokenizer_tab, session, section)
        assert "bad" not in str(got["tokenizer.notice"])
        json.dumps(got).encode("utf-8")
    for index in range(len(session.segmentation.tokens)):
        tokenizer_tab.pick(session, index, "replay")
        assert session.replaying is not None
        steps = channels(tokenizer_tab.step_replay(session, 0))["tokenizer.replay.stepper"]["steps"]
        for step in range(steps + 1):
            rows = channels(tokenizer_tab.step_replay(session, step))["tokenizer.replay.rows"]
            assert bool(rows["blocks"]) == bool(session.replaying.passages)


def test_the_replay_of_chartreuse(tokenizer_tab: TokenizerTab, session: TokenizerSession) -> None:
    got = channels(tokenizer_tab.step_replay(session, 0))
    assert got["tokenizer.replay.stepper"] == {"step": 0, "steps": 7}
    assert [
        text for text in cells(got["tokenizer.replay.rows"])[0] if (len(text) == 1 and text.isalpha()) or text == "␣"
    ]
    last = channels(tokenizer_tab.step_replay(session, 7))
    final = [
        cell for cell in last["tokenizer.replay.rows"]["blocks"][0]["rows"][-1]["cells"] if "rank" not in cell["kind"]
    ]
    assert [cell["text"] for cell in final] == ["␣ch", "art", "re", "use"]
    whole = channels(tokenizer_tab.pick_word(session, -1))
    assert whole["tokenizer.replay.stepper"]["step"] == 0
    end = channels(tokenizer_tab.step_replay(session, whole["tokenizer.replay.stepper"]["steps"]))
    row = [
        cell["text"] for cell in end["tokenizer.replay.rows"]["blocks"][0]["rows"][-1]["cells"] if cell["kind"] != "gap"
    ]
    assert row == [session.tokenizer.label(i) for i in session.segmentation.ids]


def test_the_training_step_by_step(tokenizer_tab: TokenizerTab, session: TokenizerSession) -> None:
    start = shown(tokenizer_tab, session, "train")
    assert start["tokenizer.train.stepper"] == {"step": 0, "steps": 12}
    assert "e 16" in cells(start["tokenizer.train.symbols"])[0]
    pairs = start["tokenizer.train.pairs"]["blocks"][0]["table"]["rows"]
    assert (pairs[0][0]["text"], pairs[0][1]) == ("e + s", "13")
    first = channels(tokenizer_tab.step_training(session, 1))
    counts = cells(first["tokenizer.train.symbols"])[0]
    assert {"es 13", "e 3", "s 0"} <= set(counts[:3])
    second = channels(tokenizer_tab.step_training(session, 2))
    assert "est 13" in cells(second["tokenizer.train.symbols"])[0]
    assert cells(second["tokenizer.train.words"])[0] == ["f", "i", "n", "est"]
    curve = second["tokenizer.train.curve"]["data"][0]
    assert curve["x"][:3] == [11, 12, 13] and curve["y"][:3] == [93, 80, 67]
    gone = channels(tokenizer_tab.step_training(session, 1))
    assert gone["tokenizer.train.stepper"]["step"] == 1
    bad = [channels(sent) for sent in tokenizer_tab.learn(session, "train", " ", *VALUES[1:])]
    assert "bad" in str(bad[-1]["tokenizer.notice"])


def test_one_tokenizer_that_fails_does_not_stop_the_others(
    tokenizer_tab: TokenizerTab, session: TokenizerSession
) -> None:
    got = shown(tokenizer_tab, session, "side", others="nobody/nothing, unigram")
    assert "nobody/nothing" in words(got["tokenizer.side.notice"])
    rows = got["tokenizer.side.table"]["blocks"][0]["table"]["rows"]
    assert [row[0] for row in rows] == [
        "storyteller", t("tokenizer.shipped.wordpiece"), t("tokenizer.shipped.unigram"),
    ]  # fmt: skip
    assert rows[0][3] == f"{len(session.segmentation.tokens)}"


def test_the_alarm_of_ids_that_come_back_as_others(
    tokenizer_tab: TokenizerTab, session: TokenizerSession, storyteller: Backend
) -> None:
    typed = tokenizer_tab.split_a_token(session)
    ids = tuple(map(int, typed.split()))
    assert storyteller.vocabulary.text(ids) == storyteller.vocabulary.text(session.segmentation.ids[: len(ids) - 1])
    got = shown(tokenizer_tab, session, "round", ids=typed)
    assert got["tokenizer.round.alarm"]["kind"] == "bad"
    table = got["tokenizer.round.likelihood"]["blocks"][0]["table"]["rows"]
    expected = -sum(storyteller.model.logprobs((0, *ids)))
    assert table[0][2] == "−" + NATS.amount(expected)
    for bad in ("1 x", "-1", "99999", "1 " * 300):
        assert "ids" in words(shown(tokenizer_tab, session, "round", ids=bad)["tokenizer.notice"])
    stable = shown(tokenizer_tab, session, "round", ids="337 2410")
    assert stable["tokenizer.round.alarm"]["kind"] == "good"


def test_the_batch(tokenizer_tab: TokenizerTab, session: TokenizerSession) -> None:
    got = shown(tokenizer_tab, session, "batch", texts="The old king\n\nHush", side="right")
    rows = got["tokenizer.batch.mask"]["blocks"][0]["table"]["rows"]
    assert [[cell["text"] for cell in row[1:]] for row in rows] == [["1", "1", "1"], ["1", "0", "0"]]
    assert "no pad token" in words(got["tokenizer.batch.sentence"])


# ---- the Generate tab's alarm


def test_the_words_of_the_alarm(storyteller: Backend) -> None:
    the = storyteller.tokenizer.encode("the")
    apart = tuple(i for c in "the" for i in storyteller.tokenizer.encode(c))
    said = retokenization.alarm(apart, storyteller, NATS, t)
    change = sum(storyteller.model.logprobs((0, *the))) - sum(storyteller.model.logprobs((0, *apart)))
    amount = ("−" if change < 0 else "+") + NATS.amount(abs(change))
    assert said == t("tokenizer.alarm", chosen="t|h|e", read_as="the", change=amount, unit="nats")
    assert retokenization.alarm(the, storyteller, NATS, t) == ""
    emoji = storyteller.tokenizer.encode("😀")
    assert retokenization.alarm(emoji[:2], storyteller, NATS, t) == t("tokenizer.alarm.broken")


def test_the_branch_of_the_generate_tab_shows_the_alarm(
    visitor: Any, storyteller: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token that makes the text read otherwise: after "The ol" by hand, d."""
    the, ol, d = (storyteller.tokenizer.encode(part) for part in ("The", " ol", "d"))
    if retokenization.found_in((*the, *ol, *d), storyteller).is_stable:
        pytest.fail("the example needs other tokens")
    visitor.do("run", prompt="The ol", length=2)
    visitor.session.pinned = 0
    [frame, *_] = [f for f in visitor.do("branch", picked=d[0]) if "notice" in f]
    assert words(frame["notice"]).startswith("Re-tokenization: as text, ")
    assert "␣old" in words(frame["notice"])


def test_a_section_that_is_redrawn_leaves_the_word_about_a_tokenizer_that_is_not_there(
    tokenizer_tab: TokenizerTab, session: TokenizerSession
) -> None:
    refused = channels(tokenizer_tab.type(session, "The Wolf", "nobody/nothing"))
    assert refused["tokenizer.notice"]["kind"] == "bad"
    assert "tokenizer.notice" not in shown(tokenizer_tab, session, "replay")
    tokenizer_tab.type(session, "The Wolf", "wordpiece")
    assert shown(tokenizer_tab, session, "replay")["tokenizer.notice"] == {"parts": [], "kind": ""}


def test_one_that_may_be_far_away_is_said_to_be_looked_for_and_its_late_failure_is_nobodys(
    tokenizer_tab: TokenizerTab, session: TokenizerSession
) -> None:
    first, last = (channels(sent) for sent in tokenizer_tab.choose(session, "The Wolf", "nobody/nothing"))
    assert words(first["tokenizer.notice"]) == t("tokenizer.looking", name="nobody/nothing")
    assert last["tokenizer.notice"]["kind"] == "bad"
    assert len(list(tokenizer_tab.choose(session, "The Wolf", "wordpiece"))) == 1
    late = session.new_text()
    tokenizer_tab.type(session, "The Wolf", "wordpiece")
    assert not session.refuse(late)
    assert not session.refused
