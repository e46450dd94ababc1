"""What the card of a model says, worked out another way; and what the shipped model must still be able to do."""

import hashlib
import json
import math
from pathlib import Path
from typing import Any

import evaluate_model as evaluate
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from playground.settings import DEFAULT_MODEL

EXCERPT = Path(__file__).parent / "texts" / "heldout.txt"  # Clara Dillingham Pierson, a chapter of pond life, 1901
# of the weights that are shipped: whoever trains them anew measures them anew
HASH = "0760d87720280f8751bcf045cbc35da6170403e058c320814f98e53c42508987"
BITS_PER_BYTE = 1.263
Pair = tuple[Any, Any]


@pytest.fixture(scope="module")
def shipped() -> Pair:
    """The model and the tokenizer, as anybody would load them."""
    model = AutoModelForCausalLM.from_pretrained(DEFAULT_MODEL, dtype=torch.float32).eval()
    return model, AutoTokenizer.from_pretrained(DEFAULT_MODEL)


def naive_nats(model: Any, ids: list[int], context: int) -> float:
    """Token by token, each after as much text as the windows give it."""
    nats = 0.0
    for place in range(1, len(ids)):
        window = 0 if place < context else (place - context) // (context // 2) + 1
        start = window * (context // 2)
        logits = model(torch.tensor([ids[start:place]])).logits[0, -1]
        nats -= float(logits.log_softmax(-1)[ids[place]])
    return nats


@torch.inference_mode()
def test_bits_per_byte_equal_those_taken_token_by_token(shipped: Pair) -> None:
    model, tokenizer = shipped
    documents = ["The old king — über alles — said to his daughter that " * 5, "Once."]
    score = evaluate.measure(model, tokenizer, documents, context=32)
    spelt = [[tokenizer.eos_token_id, *tokenizer(text).input_ids] for text in documents]
    nats = sum(naive_nats(model, ids, 32) for ids in spelt)
    size = sum(len(text.encode("utf-8")) for text in documents)
    assert score.bytes == size > sum(map(len, documents))
    assert score.tokens == sum(len(ids) - 1 for ids in spelt)
    assert score.bits_per_byte == pytest.approx(nats / math.log(2) / size, rel=1e-5)
    assert score.perplexity == pytest.approx(math.exp(nats / score.tokens), rel=1e-5)


@pytest.mark.parametrize("length", [1, 2, 16, 31, 32, 33, 48, 49, 100, 512])
def test_windows_count_every_token_once_after_at_least_half_a_context(length: int) -> None:
    counted = []
    for start, end, first in evaluate.windows(length, 32):
        assert end - start <= 32
        counted += range(first, end)
        assert start == 0 or first - start >= 16
    assert counted == list(range(1, length))


def test_the_first_bytes_are_cut_between_characters() -> None:
    assert evaluate.first(["ab", "cé", "d"], None) == ["ab", "cé", "d"]
    assert evaluate.first(["ab", "cé", "d"], 4) == ["ab", "c"]
    assert evaluate.first(["ab", "cé", "d"], 5) == ["ab", "cé"]


def test_repetition_is_counted() -> None:
    assert evaluate.distinct([1, 2, 1, 2, 1], 2) == 2 / 4
    assert evaluate.repeated([1, 2, 1, 2, 1, 2, 1], 4) == 1 - 2 / 4
    assert (evaluate.distinct([1], 2), evaluate.repeated([1, 2, 3], 4)) == (1.0, 0.0)


def test_the_card_keeps_what_stands_around_the_figures(tmp_path: Path) -> None:
    card = tmp_path / "README.md"
    card.write_text("before\n<!-- measured -->\nold\n<!-- /measured -->\nafter\n", encoding="utf-8")
    evaluate.write_card(card, ["| a\\1 |", "new"])
    text = card.read_text(encoding="utf-8")
    assert text == "before\n<!-- measured -->\n| a\\1 |\nnew\n<!-- /measured -->\nafter\n"
    card.write_text("nothing", encoding="utf-8")
    with pytest.raises(SystemExit, match="measured"):
        evaluate.write_card(card, [])


# ---- the shipped model


def test_the_weights_are_the_ones_that_were_measured() -> None:
    digest = hashlib.sha256()
    shards = sorted(DEFAULT_MODEL.glob("*.safetensors"))
    for shard in shards:
        digest.update(shard.read_bytes())
    assert digest.hexdigest() == HASH
    assert all(shard.stat().st_size < 9.5e6 for shard in shards)
    assert sum(shard.stat().st_size for shard in shards) <= 24e6
    index = json.loads((DEFAULT_MODEL / "model.safetensors.index.json").read_text(encoding="utf-8"))
    assert set(index["weight_map"].values()) == {shard.name for shard in shards}


def test_the_shipped_model_reads_what_it_never_saw_as_well_as_its_card_says(shipped: Pair) -> None:
    score = evaluate.measure(*shipped, evaluate.read_documents(EXCERPT))
    assert score.bits_per_byte == pytest.approx(BITS_PER_BYTE, abs=0.01)
    assert shipped[0].config.max_position_embeddings >= 512


def test_a_story_ends(shipped: Pair) -> None:
    model, tokenizer = shipped
    prompt = "And so they lived happily ever after."
    endings = [evaluate.sample(model, tokenizer, prompt, seed) for seed in range(8)]
    ended = [ids for ids in endings if ids[-1] == tokenizer.eos_token_id]
    assert ended
    assert all(ids.count(tokenizer.eos_token_id) == 1 for ids in ended)
