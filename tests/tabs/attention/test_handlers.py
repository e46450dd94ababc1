"""The Attention tab without a browser: its handlers are plain functions, its frames say what the model says."""

import base64
import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, MistralConfig, MistralForCausalLM

from playground import settings
from playground.components.live_bus import Frame
from playground.engines.huggingface.backend import Backend, from_parts
from playground.engines.loading import ModelSlot
from playground.errors import ModelUnavailableError
from playground.examples import BATCH, LOOKED_AT
from playground.i18n import translator
from playground.panels.attention.frames import AVERAGE
from playground.tabs.attention.handlers import AttentionTab
from playground.tabs.attention.session import WAITING, AttentionSession
from playground.tabs.brought import TALES
from playground.views.padding_lab import WAYS

Channels = dict[str, Any]
t = translator()
TEXT = "The old king said to his son"
EXAMPLE_TEXTS = "\n".join(TALES.batch)
BATCH_VALUES = (EXAMPLE_TEXTS, "left", 0)


class Visitor:
    """One session of the tab; what a handler yields comes back as (channels, grid, large)."""

    def __init__(self, tab: AttentionTab) -> None:
        self.tab, self.session = tab, AttentionSession()

    def begin(self, handler: str, *values: Any, picked: Any = None) -> Iterator[tuple[Channels, Any, Any]]:
        event = () if picked is None else (picked,)
        for sent, grid, large in getattr(self.tab, handler)(self.session, *event, *values):
            channels = json.loads(sent)["channels"] if isinstance(sent, Frame) else {}
            yield channels, *(json.loads(v) if isinstance(v, str) else None for v in (grid, large))

    def do(self, handler: str, *values: Any, picked: Any = None) -> tuple[Channels, Any, Any]:
        """All frames of a handler as one."""
        channels: Channels = {}
        grid = large = None
        for more, new_grid, new_large in self.begin(handler, *values, picked=picked):
            channels, grid, large = channels | more, new_grid or grid, new_large or large
        return channels, grid, large


@pytest.fixture(scope="module")
def shared(storyteller: Backend) -> AttentionTab:
    return AttentionTab(ModelSlot.filled(storyteller, "assets/models/storyteller"), storyteller.vocabulary, t)


@pytest.fixture
def visitor(shared: AttentionTab) -> Visitor:
    return Visitor(shared)


@pytest.fixture(scope="module")
def eager() -> Any:
    """The default model loaded anew, with eager attention."""
    return AutoModelForCausalLM.from_pretrained(
        settings.DEFAULT_MODEL, dtype=torch.float32, attn_implementation="eager"
    ).eval()  # fmt: skip


def decoded(text: str, *shape: int) -> np.ndarray:  # type: ignore[type-arg]
    return (np.frombuffer(base64.b64decode(text), dtype=np.uint8).reshape(shape) / 255) ** 2


# ---- at the start


def test_the_example_texts_have_the_ids_of_the_shipped_tokenizer(storyteller: Backend) -> None:
    assert {text: storyteller.tokenizer.encode(text) for text in BATCH} == BATCH


def test_masks_are_there_before_the_model_is(storyteller: Backend) -> None:
    tab = AttentionTab(ModelSlot("never loaded"), storyteller.vocabulary, t)
    channels = tab.first_frame()
    together: Any = channels["attention.together"]
    assert [head for head, *_ in together["columns"]] == ["pad"] * 3 + ["The", "␣wolf", "␣was", "␣hungry"]
    waiting: Any = channels["attention.badge"]
    assert waiting["kind"] == "wait"
    assert "never loaded" in waiting["parts"][0]
    assert json.dumps(channels)


def test_another_side_needs_no_model_either(storyteller: Backend) -> None:
    visitor = Visitor(AttentionTab(ModelSlot("never loaded"), storyteller.vocabulary, t))
    channels, _, _ = next(visitor.begin("batch", EXAMPLE_TEXTS, "right", 0))
    assert [head for head, *_ in channels["attention.together"]["columns"]][-3:] == ["pad"] * 3


def test_the_tab_is_filled_once(visitor: Visitor) -> None:
    channels, grid, large = visitor.do("open", *BATCH_VALUES, LOOKED_AT)
    assert {"attention.together", "attention.lab", "attention.text", "attention.entropy", "attention.kept"} <= set(
        channels
    )
    assert grid and large
    assert channels["attention.badge"]["kind"] == "good"
    assert list(visitor.begin("open", *BATCH_VALUES, LOOKED_AT)) == []


# ---- masks


@pytest.mark.parametrize("side", ["left", "right"])
def test_every_cell_says_in_words_why_it_is_blocked(visitor: Visitor, side: str) -> None:
    channels, _, _ = visitor.do("batch", EXAMPLE_TEXTS, side, 3)
    pads = range(3) if side == "left" else range(4, 7)
    for query, row in enumerate(channels["attention.together"]["rows"]):
        for key, (letters, words, kind) in enumerate(row["cells"]):
            assert ("F" in letters) == ("future" in words.partition("(")[0]) == ("future" in kind) == (key > query)
            assert ("P" in letters) == ("padding" in words.partition("(")[0]) == (key in pads)
            assert ("W" in letters) == ("outside the window" in words) == (query - key >= 3)
            assert ("may not" in words) == bool(letters) == (kind != "seen")
            assert ("thrown away" in words) == (query in pads)
    assert channels["attention.badge"]["kind"] == "good"
    assert "147/147" in channels["attention.badge"]["parts"][0]  # 3 texts of 7 × 7 cells


def test_the_badge_counts_the_cells_of_all_layers(visitor: Visitor) -> None:
    channels, _, _ = visitor.do("batch", *BATCH_VALUES)
    assert f"{6 * 3 * 49}/{6 * 3 * 49}" in channels["attention.badge"]["parts"][0]


def test_the_badge_turns_bad_where_a_mask_differs(visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    inspection = visitor.tab.inspection()
    wrong = torch.ones(3, 7, 7, dtype=torch.bool)
    monkeypatch.setattr(type(inspection), "masks_in_use", lambda *_: [wrong])
    channels, _, _ = visitor.do("batch", *BATCH_VALUES)
    assert channels["attention.badge"]["kind"] == "bad"


def test_a_text_of_the_batch_is_chosen_by_a_click(visitor: Visitor) -> None:
    visitor.do("batch", *BATCH_VALUES)
    channels, _, _ = visitor.do("choose", *BATCH_VALUES, picked=[2, 3])
    assert [head for head, *_ in channels["attention.causal"]["columns"]] == ["pad"] * 5 + ["Good", "␣morning"]
    assert channels["attention.batch"]["selected"] == [2, -1]
    assert "“Good morning”" in channels["attention.lab_words"]["parts"][0]


@pytest.mark.parametrize(
    ("texts", "window", "words"),
    [
        ("", 0, "empty"),
        ("a\nb\nc\nd\ne", 0, "between 1 and 4"),
        ("word " * 40, 0, "at most 20"),
        ("fine", -1, "between 0 and 512"),
        ("fine", 2.5, "between 0 and 512"),
    ],
)
def test_what_can_not_be_shown_is_said_and_the_picture_stays(
    visitor: Visitor, texts: str, window: float, words: str
) -> None:
    channels, grid, large = visitor.do("batch", texts, "left", window)
    assert words in channels["attention.notice"]["parts"][0]
    assert set(channels) - set(WAITING) == {"attention.notice"}  # what waited for the first answer waits no more
    assert grid is large is None


# ---- the padding lab


def test_the_lab_says_what_the_model_says(visitor: Visitor, eager: Any) -> None:
    """The truth and the two ways of `generate`, from a model of its own."""
    channels, _, _ = visitor.do("batch", *BATCH_VALUES)
    ids = BATCH["The wolf was hungry"]
    with torch.inference_mode():
        alone = eager(torch.tensor([ids])).logits[0, -1].log_softmax(-1)
        padded = torch.tensor([(*[0] * 3, *ids)])
        bare = eager(padded, position_ids=torch.arange(7)[None]).logits[0, -1].log_softmax(-1)
    rows = channels["attention.lab"]["rows"]
    assert len(rows) == 1 + len(WAYS)
    labels = [label for label, *_ in channels["attention.lab"]["columns"]][2:8]
    vocabulary = visitor.tab.inspection().backend.vocabulary
    assert labels == vocabulary.labels(alone.topk(6).indices.tolist())
    assert rows[0]["cells"][2][0] == f"{100 * float(alone.max().exp()):.2g} %"
    told, untold = rows[1], rows[4]
    assert told["cells"][1][0] == "0"
    expected = float((alone.exp() * (alone - bare)).sum())
    assert float(untold["cells"][1][0]) == pytest.approx(expected, rel=0.01)
    assert [row["cells"][0][2] for row in rows] == ["truth", *["kept"] * 3, *["changed"] * 5, "kept"]
    words = "".join(
        part if isinstance(part, str) else part["text"] for part in channels["attention.lab_words"]["parts"]
    )
    assert "In 5 of 9 ways" in words


def test_the_longest_text_is_never_padded(visitor: Visitor) -> None:
    visitor.do("batch", *BATCH_VALUES)
    channels, _, _ = visitor.do("choose", *BATCH_VALUES, picked=[0, -1])
    assert all(row["cells"][1][0] in ("", "0") for row in channels["attention.lab"]["rows"])
    assert "longest" in channels["attention.lab_words"]["parts"][0]


# ---- heads


def test_the_maps_hold_the_weights_of_every_head(visitor: Visitor, eager: Any, storyteller: Backend) -> None:
    _, grid, large = visitor.do("look", TEXT)
    ids = storyteller.tokenizer.encode(TEXT)
    with torch.inference_mode():
        weights = torch.stack(eager(torch.tensor([ids]), output_attentions=True).attentions)[:, 0].numpy()
    n = len(ids)
    assert (grid["rows"], grid["columns"], grid["side"], grid["lines"]) == (6, 4, n, n)
    assert np.abs(decoded(grid["maps"], 6, 4, n, n) - weights).max() < 0.005
    layer, head = visitor.session.layer, visitor.session.head
    assert np.abs(decoded(large["map"], n, n) - weights[layer, head]).max() < 0.005
    assert large["labels"] == storyteller.vocabulary.labels(ids)
    assert len(grid["titles"]) == 24


def test_a_head_and_a_token_are_chosen_by_clicks(visitor: Visitor, eager: Any, storyteller: Backend) -> None:
    visitor.do("look", TEXT)
    channels, grid, large = visitor.do("pick_head", picked=[3, 2])
    assert channels["attention.selected"] == {"selected": [3, 2]}
    assert grid is None
    ids = storyteller.tokenizer.encode(TEXT)
    with torch.inference_mode():
        weights = eager(torch.tensor([ids]), output_attentions=True).attentions[3][0, 2]
    assert np.abs(decoded(large["map"], len(ids), len(ids)) - weights.numpy()).max() < 0.005
    channels, _, _ = visitor.do("pick_query", picked=4)
    shown = channels["attention.text"]
    assert shown["from"] == 4
    strongest = int(weights[4].argmax())
    assert shown["rays"][0]["to"] == strongest
    assert shown["rays"][0]["weight"] == pytest.approx(float(weights[4].max()), abs=1e-4)
    assert "exactly 0" in shown["tokens"][5]["title"]
    assert all("gets" in token["title"] for token in shown["tokens"][:5])


def test_the_average_is_of_the_layers_heads(visitor: Visitor, eager: Any, storyteller: Backend) -> None:
    visitor.do("look", TEXT)
    visitor.do("pick_head", picked=[2, 1])
    large = visitor.do("average")[2]
    assert visitor.session.head == AVERAGE
    ids = storyteller.tokenizer.encode(TEXT)
    with torch.inference_mode():
        mean = eager(torch.tensor([ids]), output_attentions=True).attentions[2][0].mean(0).numpy()
    assert np.abs(decoded(large["map"], len(ids), len(ids)) - mean).max() < 0.005
    visitor.do("average")
    assert (visitor.session.layer, visitor.session.head) == (2, 1)


@pytest.mark.parametrize("tokens", [70, 512])
def test_a_long_text_is_aggregated_and_said_to_be(visitor: Visitor, storyteller: Backend, tokens: int) -> None:
    text = storyteller.vocabulary.text(range(300, 300 + 2 * tokens))
    while len(storyteller.tokenizer.encode(text)) > tokens:
        text = text[:-1]
    n = len(storyteller.tokenizer.encode(text))
    channels, grid, large = visitor.do("look", text)
    pool = -(-n // 64)
    assert f"{pool} × {pool} tokens" in channels["attention.grid_note"]["parts"][0]
    assert grid["side"] == -(-n // pool)
    weights = visitor.tab.inspection().attentions(storyteller.tokenizer.encode(text)).numpy()
    small = decoded(grid["maps"], 6, 4, grid["side"], grid["side"])
    assert small[1, 1, 3, 2] == pytest.approx(weights[1, 1, 3 * pool : 4 * pool, 2 * pool : 3 * pool].max(), abs=0.005)
    assert large["size"] == n


def test_a_text_that_is_too_long_is_said(visitor: Visitor) -> None:
    visitor.do("look", TEXT)
    before = visitor.session.ids  # of the text before
    channels, grid, _ = visitor.do("look", "word " * 700)
    assert "at most 512" in channels["attention.notice"]["parts"][0]
    assert visitor.session.ids == before
    assert grid is None


# ---- growing


def test_the_newest_row_grows_with_the_tokens_of_generate(visitor: Visitor, eager: Any, storyteller: Backend) -> None:
    ids = storyteller.tokenizer.encode(TEXT)
    frames = list(visitor.begin("grow", TEXT, "greedy", 5, 0))
    expected = eager.generate(torch.tensor([ids]), do_sample=False, max_new_tokens=5, pad_token_id=0)[0].tolist()
    assert list(visitor.session.ids) == expected
    with torch.inference_mode():
        weights = torch.stack(eager(torch.tensor([expected]), output_attentions=True).attentions)[:, 0].numpy()
    first = frames[0][1]
    assert first["side"] == len(expected)  # room for what comes
    layer, head = visitor.session.layer, visitor.session.head
    grown = [
        channels["attention.grow"] for channels, _, _ in frames if channels.get("attention.grow", {}).get("tokens")
    ]
    assert [g["start"] for g in grown] == list(range(len(ids), len(expected)))
    for g in grown:
        (token,), row = g["tokens"], g["start"]
        assert g["run"] == first["run"]
        assert token["line"] == row
        assert np.abs(decoded(token["small"], 6, 4, row + 1) - weights[:, :, row, : row + 1]).max() < 0.005
        assert np.abs(decoded(token["large"], row + 1) - weights[layer, head, row, : row + 1]).max() < 0.005
        assert token["label"] == storyteller.vocabulary.label(expected[row])


def test_the_same_seed_grows_the_same_text(visitor: Visitor) -> None:
    texts = []
    for seed in (3, 3, 4):
        visitor.do("grow", TEXT, "sample", 6, seed)
        texts.append(visitor.session.ids)
    assert texts[0] == texts[1] != texts[2]


def test_a_growing_text_is_stopped_and_stays(visitor: Visitor) -> None:
    frames = visitor.begin("grow", TEXT, "greedy", 30, 0)
    for _ in range(4):
        next(frames)
    assert visitor.session.is_running
    length = len(visitor.session.ids)
    _, grid, _ = visitor.do("stop")
    assert not visitor.session.is_running
    assert grid["lines"] == length
    assert list(frames) == []
    assert len(visitor.session.ids) == length


def test_another_head_is_taken_up_while_the_text_grows(visitor: Visitor) -> None:
    frames = visitor.begin("grow", TEXT, "greedy", 6, 0)
    next(frames), next(frames)
    visitor.do("pick_head", picked=[5, 3])
    channels, _, large = next(frames)
    assert channels["attention.selected"] == {"selected": [5, 3]}
    assert large["head"] == "5:3"
    assert large["size"] == len(visitor.session.ids)
    list(frames)


@pytest.mark.parametrize(("new", "words"), [(0, "between 1 and 64"), (65, "between 1 and 64"), (None, "between 1")])
def test_a_length_out_of_range_is_said(visitor: Visitor, new: Any, words: str) -> None:
    channels, _, _ = visitor.do("grow", TEXT, "greedy", new, 0)
    assert words in channels["attention.notice"]["parts"][0]


# ---- the cache


def test_the_formula_of_the_cache_has_the_models_numbers(visitor: Visitor, storyteller: Backend) -> None:
    channels, _, _ = visitor.do("look", TEXT)
    n = len(storyteller.tokenizer.encode(TEXT))
    total = 2 * 6 * 4 * 64 * n * 4
    text, _, measured = channels["attention.cache_formula"]["parts"]
    assert f"= {total:,} bytes" in text
    assert measured["kind"] == "good"
    assert f"{total:,}" in measured["text"]
    kept = [[kind for _, _, kind in row["cells"]] for row in channels["attention.kept"]["rows"]]
    prompt = n // 2
    assert kept[0] == ["new"] * prompt + ["none"] * (n - prompt)
    assert kept[1] == ["kept"] * prompt + ["new"] + ["none"] * (n - prompt - 1)
    assert kept[-1] == ["kept"] * (n - 1) + ["new"]


# ---- another model


def test_a_model_with_a_window_says_so(storyteller: Backend) -> None:
    config = MistralConfig(
        vocab_size=8192, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, sliding_window=4, bos_token_id=None, eos_token_id=None, pad_token_id=None,
    )  # fmt: skip
    backend = from_parts(MistralForCausalLM(config), storyteller.tokenizer._tokenizer, "windowed")
    visitor = Visitor(AttentionTab(ModelSlot.filled(backend, "windowed"), storyteller.vocabulary, t))
    channels, _, _ = visitor.do("open", *BATCH_VALUES, LOOKED_AT)
    kinds = [[kind for _, _, kind in row["cells"]] for row in channels["attention.together"]["rows"]]
    assert kinds[6][2] == "padding-window"  # its own window, without being asked for
    assert kinds[6][3] == "seen"
    assert "window of 4 tokens in 2 of its 2 layers" in channels["attention.window_note"]["parts"][0]
    assert channels["attention.badge"]["kind"] == "good"
    parts = channels["attention.cache_formula"]["parts"]
    assert parts[2]["kind"] == "good"
    assert "4 query heads share 2" in parts[-1]


def test_a_model_that_can_not_be_loaded_is_said(storyteller: Backend) -> None:
    slot = ModelSlot("nowhere")
    slot._result.set_exception(ModelUnavailableError(name="nowhere", reason="it is not there."))
    visitor = Visitor(AttentionTab(slot, storyteller.vocabulary, t))
    channels, grid, large = visitor.do("open", *BATCH_VALUES, LOOKED_AT)
    assert "it is not there" in channels["attention.notice"]["parts"][0]
    assert grid is large is None


def test_every_visitor_has_a_session_of_their_own(visitor: Visitor) -> None:
    visitor.do("look", TEXT)
    assert copy.deepcopy(visitor.session).ids == ()


def test_hostile_tokens_reach_the_page_as_text(tiny_backend: Callable[..., Backend]) -> None:
    backend = tiny_backend(words="<script>alert(1)</script> ${x} {name} b")
    visitor = Visitor(AttentionTab(ModelSlot.filled(backend, "tiny"), backend.vocabulary, t))
    channels, _, large = visitor.do(
        "open", "<script>alert(1)</script> {name}\nb", "left", 0, "<script>alert(1)</script> {name} b"
    )
    assert "<script>alert(1)</script>" in large["labels"][0]
    assert "notice" not in {name for name in channels if channels[name].get("kind") == "bad"}
