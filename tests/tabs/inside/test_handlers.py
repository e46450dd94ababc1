"""The Inside tab without a browser: its frames say what the model computes, whatever its family."""

import base64
import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, GPTNeoXConfig, GPTNeoXForCausalLM, LlamaConfig, LlamaForCausalLM

from playground import settings
from playground.engines.huggingface import rounding, transparent
from playground.engines.huggingface.backend import Backend, from_parts
from playground.engines.loading import ModelSlot
from playground.i18n import translator
from playground.panels.inside.frames import MEASURES
from playground.tabs.brought import TALES
from playground.tabs.inside import handlers
from playground.tabs.inside.handlers import LENS_COLUMNS, InsideSession, InsideTab
from playground.views.notation import significant

Channels = dict[str, Any]
t = translator()
SHAPE: dict[str, Any] = {
    "vocab_size": 8192, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
    "max_position_embeddings": 96, "bos_token_id": None, "eos_token_id": None, "pad_token_id": None,
}  # fmt: skip


class Visitor:
    """One session of the tab; the frames of a handler come back as channels."""

    def __init__(self, tab: InsideTab) -> None:
        self.tab, self.session = tab, InsideSession()

    def begin(self, handler: str, *values: Any, picked: Any = None) -> Iterator[Channels]:
        look = () if picked is None else (None if picked == "nothing" else picked,)
        for sent in getattr(self.tab, handler)(self.session, *look, *values):
            yield json.loads(sent)["channels"]

    def do(self, handler: str, *values: Any, picked: Any = None) -> Channels:
        channels: Channels = {}
        for more in self.begin(handler, *values, picked=picked):
            channels |= more
        return channels


@pytest.fixture(scope="module")
def shared(storyteller: Backend) -> InsideTab:
    return InsideTab(ModelSlot.filled(storyteller, "assets/models/storyteller"), t)


@pytest.fixture
def visitor(shared: InsideTab) -> Visitor:
    return Visitor(shared)


@pytest.fixture(scope="module")
def eager() -> Any:
    """The default model loaded anew, with eager attention."""
    return AutoModelForCausalLM.from_pretrained(
        settings.DEFAULT_MODEL, dtype=torch.float32, attn_implementation="eager"
    ).eval()  # fmt: skip


def of(module: Any, storyteller: Backend) -> Visitor:
    backend = from_parts(module, storyteller.tokenizer._tokenizer, "another")
    return Visitor(InsideTab(ModelSlot.filled(backend, "another"), t))


def names(channels: Channels) -> list[str]:
    return [row["name"] for row in channels["inside.stations"]["rows"]]


# ---- the forward pass


def test_the_tab_is_filled_once(visitor: Visitor) -> None:
    channels = visitor.do("open", TALES.walked, "probability")
    assert {
        "inside.stations",
        "inside.lens",
        "inside.lens_list",
        "inside.anatomy",
        "inside.family",
        "inside.head",
    } <= set(channels)
    assert channels["inside.badge"]["kind"] == "good"
    assert "largest difference 0.0 " in channels["inside.badge"]["parts"][0]
    assert list(visitor.begin("open", TALES.walked, "probability")) == []


def test_the_opened_block_shows_its_stations_and_the_others_one_line(visitor: Visitor) -> None:
    channels = visitor.do("look", TALES.walked, "probability")
    found = names(channels)
    assert sum(name.startswith("Block ") for name in found) == 6
    assert found[:5] == ["Token embedding", "Position embedding", "Embedding", "Block 1 of 6", "Norm"]
    assert found[-3:] == ["Final norm", "LM head: logits", "Softmax: probabilities"]
    assert found.count("Scores") == found.count("Causal mask") == found.count("Softmax: weights") == 1
    rows = {row["name"]: row for row in channels["inside.stations"]["rows"]}
    n = len(visitor.session.ids)
    assert rows["Queries"]["shape"] == f"4 × {n} × 64"
    assert rows["Scores"]["shape"] == f"4 × {n} × {n}"
    assert rows["MLP, wide"]["shape"] == f"{n} × 1,024"
    assert rows["LM head: logits"]["shape"] == f"{n} × 8,192"
    other = visitor.do("pick_block", "probability", picked=4)
    assert names(other).index("Scores") > names(other).index("Block 5 of 6")
    closed = visitor.do("pick_block", "probability", picked="nothing")
    assert "Scores" not in names(closed)
    assert names(closed).count("+ Residual") == 0


def test_a_strip_shows_the_states_of_the_library_for_the_chosen_token(visitor: Visitor, eager: Any) -> None:
    visitor.do("look", TALES.walked, "probability")
    channels = visitor.do("pick_token", "probability", picked=3)
    with torch.inference_mode():
        states = eager(torch.tensor([visitor.session.ids]), output_hidden_states=True).hidden_states
    rows = [row for row in channels["inside.stations"]["rows"] if row["kind"] == "block"]
    for row, state in zip(rows[:-1], states[1:], strict=False):
        values = state[0, 3].numpy()
        strip = np.frombuffer(base64.b64decode(row["strip"]["data"]), dtype=np.uint8).astype(float)
        back = (strip - 128) / 127 * np.abs(values).max()
        assert np.abs(back - values).max() <= np.abs(values).max() / 127
        assert row["size"] == "‖x‖ " + significant(np.linalg.norm(values))


def test_the_future_of_the_chosen_token_is_blocked_in_its_strip(visitor: Visitor) -> None:
    visitor.do("look", TALES.walked, "probability")
    channels = visitor.do("pick_token", "probability", picked=2)
    row = next(row for row in channels["inside.stations"]["rows"] if row["name"] == "Causal mask")
    codes = np.frombuffer(base64.b64decode(row["strip"]["data"]), dtype=np.uint8).reshape(4, -1)
    assert ((codes == 0) == (np.arange(codes.shape[1]) > 2)).all()


def test_a_difference_turns_the_badge_bad(visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    """The written-out MLP with another activation than the model's."""
    monkeypatch.setattr(transparent, "_activation", lambda name: torch.relu)
    channels = visitor.do("look", TALES.walked, "probability")
    assert channels["inside.badge"]["kind"] == "bad"


def test_the_head_is_said_to_be_tied_or_not(visitor: Visitor, storyteller: Backend) -> None:
    words = "".join(visitor.do("look", TALES.walked, "probability")["inside.head"]["parts"])
    assert "GPT2Model" in words and "GPT2LMHeadModel" in words
    assert "256 → 8,192" in words
    assert "is tied" in words and "2,097,152" in words
    other = of(LlamaForCausalLM(LlamaConfig(**SHAPE, num_key_value_heads=2, tie_word_embeddings=False)), storyteller)
    words = "".join(other.do("look", TALES.walked, "probability")["inside.head"]["parts"])
    assert "not tied" in words and "32 → 8,192" in words and f"{32 * 8192:,}" in words


def test_a_llama_is_laid_open_too(storyteller: Backend) -> None:
    visitor = of(LlamaForCausalLM(LlamaConfig(**SHAPE, num_key_value_heads=2, tie_word_embeddings=False)), storyteller)
    channels = visitor.do("open", TALES.walked, "probability")
    assert channels["inside.badge"]["kind"] == "good"
    assert {"Queries, rotated", "Keys, rotated"} <= set(names(channels))
    assert "Position embedding" not in names(channels)
    rows = {row["name"]: row for row in channels["inside.stations"]["rows"]}
    assert rows["Keys, rotated"]["shape"].startswith("2 × ")  # fewer heads of keys than of queries
    assert rows["Queries, rotated"]["shape"].startswith("4 × ")


def test_an_unknown_architecture_is_said_and_the_rest_is_shown(storyteller: Backend) -> None:
    visitor = of(GPTNeoXForCausalLM(GPTNeoXConfig(**SHAPE)), storyteller)
    channels = visitor.do("open", TALES.walked, "probability")
    assert channels["inside.badge"]["kind"] == "bad"
    assert "GPTNeoXForCausalLM" in channels["inside.badge"]["parts"][0]
    assert "inside.stations" not in channels
    assert {"inside.lens", "inside.anatomy", "inside.family", "inside.head"} <= set(channels)


@pytest.mark.parametrize(("text", "words"), [("", "empty"), ("word " * 700, "at most 512")])
def test_what_can_not_be_shown_is_said_and_the_picture_stays(visitor: Visitor, text: str, words: str) -> None:
    visitor.do("look", TALES.walked, "probability")
    before = visitor.session.ids
    channels = visitor.do("look", text, "probability")
    assert set(channels) == {"inside.notice"}
    assert words in channels["inside.notice"]["parts"][0]
    assert visitor.session.ids == before


# ---- the lens


def test_the_top_row_of_the_lens_is_the_model(visitor: Visitor, eager: Any, storyteller: Backend) -> None:
    channels = visitor.do("look", TALES.walked, "probability")
    with torch.inference_mode():
        logits = eager(torch.tensor([visitor.session.ids])).logits[0]
    rows = channels["inside.lens"]["rows"]
    assert len(rows) == 7  # the embedding and six layers
    assert [cell[0] for cell in rows[0]["cells"]] == storyteller.vocabulary.labels(logits.argmax(-1).tolist())
    assert all(cell[2] == "final" for cell in rows[0]["cells"])
    channels = visitor.do("pick_cell", "probability", picked=[0, visitor.session.token])
    listed = channels["inside.lens_list"]["table"]["rows"]
    top = logits[visitor.session.token].softmax(-1).topk(8)
    assert [row[0] for row in listed] == storyteller.vocabulary.labels(top.indices.tolist())
    assert float(listed[0][1].removesuffix(" %")) == pytest.approx(100 * float(top.values[0]), rel=0.005)


def test_a_cell_of_the_lens_is_chosen_by_a_click(visitor: Visitor, eager: Any, storyteller: Backend) -> None:
    visitor.do("look", TALES.walked, "probability")
    channels = visitor.do("pick_cell", "probability", picked=[2, 3])  # the third row from the top: layer 4
    assert (visitor.session.layer, visitor.session.token) == (4, 3)
    with torch.inference_mode():
        states = eager(torch.tensor([visitor.session.ids]), output_hidden_states=True).hidden_states
        logits = eager.lm_head(eager.transformer.ln_f(states[4][0, 3]))
    assert channels["inside.lens"]["selected"] == [2, 3]
    listed = [row[0] for row in channels["inside.lens_list"]["table"]["rows"]]
    assert listed == storyteller.vocabulary.labels(logits.topk(8).indices.tolist())
    assert "layer 4" in channels["inside.lens_words"]["parts"][0]


@pytest.mark.parametrize("measure", MEASURES)
def test_every_measure_shades_from_0_to_1(visitor: Visitor, measure: str) -> None:
    channels = visitor.do("look", TALES.walked, measure)
    shades = [cell[3] for row in channels["inside.lens"]["rows"] for cell in row["cells"]]
    assert all(0 <= shade <= 1 for shade in shades)
    assert len(set(shades)) > 5
    if measure != "probability":
        assert {cell[3] for cell in channels["inside.lens"]["rows"][0]["cells"]} == {1}  # the model itself


def test_a_long_text_shows_the_part_around_the_chosen_token(visitor: Visitor) -> None:
    channels = visitor.do("look", TALES.walked + " and then went home again" * 20, "probability")
    n = len(visitor.session.ids)
    assert n > LENS_COLUMNS
    channels = visitor.do("pick_token", "probability", picked=n - 1)
    assert len(channels["inside.lens"]["columns"]) == LENS_COLUMNS
    assert channels["inside.lens"]["selected"] == [1, LENS_COLUMNS - 1]
    assert f"{n - LENS_COLUMNS} to {n - 1} of {n} tokens" in channels["inside.lens_note"]["parts"][0]
    channels = visitor.do("pick_cell", "probability", picked=[0, 0])
    assert visitor.session.token == n - LENS_COLUMNS


# ---- anatomy


def test_the_bars_are_the_parts_of_the_loaded_model(visitor: Visitor, eager: Any) -> None:
    channels = visitor.do("open", TALES.walked, "probability")
    bars = channels["inside.anatomy"]["data"][0]
    assert sum(bars["x"]) == sum(p.numel() for p in eager.parameters())
    counts = dict(zip(bars["y"], bars["x"], strict=True))
    assert counts["token embedding"] == eager.transformer.wte.weight.numel()
    assert counts["MLP"] == sum(p.numel() for block in eager.transformer.h for p in block.mlp.parameters())
    assert counts["attention"] == sum(p.numel() for block in eager.transformer.h for p in block.attn.parameters())


def test_the_family_has_the_published_figures(visitor: Visitor) -> None:
    table = visitor.do("open", TALES.walked, "probability")["inside.family"]["table"]
    rows = {row[0]: row[1:] for row in table["rows"]}
    assert rows["gpt2"] == ["124,439,808", "12", "12", "768", "64", "1,024", "50,257"]
    assert rows["gpt2-xl"] == ["1,557,611,200", "48", "25", "1,600", "64", "1,024", "50,257"]


def test_before_the_model_is_there_every_panel_says_so(storyteller: Backend) -> None:
    channels = InsideTab(ModelSlot("never loaded"), t).first_frame()
    badge: Any = channels["inside.badge"]
    assert "never loaded" in badge["parts"][0]


def test_hostile_tokens_reach_the_page_as_text(tiny_backend: Callable[..., Backend]) -> None:
    backend = tiny_backend(words="<script>alert(1)</script> ${x} {name} b")
    visitor = Visitor(InsideTab(ModelSlot.filled(backend, "tiny"), t))
    channels = visitor.do("open", "<script>alert(1)</script> {name} b", "probability")
    assert channels["inside.lens"]["columns"][0][0].endswith("<script>alert(1)</script>")


# ---- what rounding does


def test_the_panel_of_rounding_says_what_a_direct_computation_says(visitor: Visitor, storyteller: Backend) -> None:
    module = copy.deepcopy(storyteller.model.module).to(torch.bfloat16)
    channels = visitor.do("open", TALES.walked, "probability")
    ids = storyteller.tokenizer.encode(TALES.walked)
    with torch.inference_mode():
        ours = storyteller.model.module(input_ids=torch.tensor([ids])).logits[0, :-1].double().log_softmax(-1)
        theirs = module(input_ids=torch.tensor([ids])).logits[0, :-1].double().log_softmax(-1)
    by_hand = (ours.exp() * (ours - theirs)).sum(-1).tolist()
    shown = channels["inside.rounding"]["data"][0]["y"]
    assert shown == pytest.approx(by_hand, rel=0.05, abs=1e-7)
    assert len(channels["inside.rounding_table"]["table"]["rows"]) == min(8, len(ids) - 1)
    assert "bfloat16" in channels["inside.rounding_words"]["parts"][0]


def test_rounding_in_another_way_is_a_choice(visitor: Visitor) -> None:
    before = visitor.do("open", TALES.walked, "probability")
    after = visitor.do("round", "int8")
    if rounding.is_exact():
        assert max(after["inside.rounding"]["data"][0]["y"]) > max(before["inside.rounding"]["data"][0]["y"])
        assert "int8" in after["inside.rounding_words"]["parts"][0]
    else:
        assert "int8 needs" in after["inside.rounding_words"]["parts"][0]
    assert not visitor.do("round", "float8")


def test_a_large_copy_is_made_when_it_is_asked_for(storyteller: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handlers, "SMALL_COPY", 1000)
    visitor = Visitor(InsideTab(ModelSlot.filled(storyteller, "assets/models/storyteller"), t))
    channels = visitor.do("open", TALES.walked, "probability")
    assert "inside.rounding" not in channels and "14 MB" in channels["inside.rounding_words"]["parts"][0]
    assert "inside.rounding" in visitor.do("round", "bfloat16")
    assert "inside.rounding" in visitor.do("look", "The old king", "probability")  # it is there now


def test_one_token_has_nothing_to_compare(visitor: Visitor) -> None:
    assert "one token" in visitor.do("look", "a", "probability")["inside.rounding_words"]["parts"][0]
