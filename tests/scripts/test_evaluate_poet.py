"""What the poet's card says, worked out another way; what the shipped poet must still be able to do."""

import hashlib
from pathlib import Path
from typing import Any

import evaluate_poet as evaluate
import pytest
import torch
from train_default_model import read_documents
from train_poet import as_text
from training_loop import MODELS
from transformers import AutoModelForCausalLM, AutoTokenizer

POET = MODELS / "poet"
EXCERPT = Path(__file__).parent / "texts" / "heldout-poems.txt"  # the first twenty of the corpus's held-out poems
# of the weights that are shipped: whoever trains them anew measures them anew
HASH = "19f6056e5b59e5d97eb0f850c789cd5b9d13db8b0f347bb7f1e46f273a4ea944"
NATS = 3.903
QUATRAIN = "静夜思：床前明月光，疑是地上霜。举头望明月，低头思故乡。"
EIGHT = "山居秋暝：空山新雨后，天气晚来秋。明月松间照，清泉石上流。竹喧归浣女，莲动下渔舟。随意春芳歇，王孙自可留。"


@pytest.fixture(scope="module")
def poet() -> tuple[Any, Any]:
    model = AutoModelForCausalLM.from_pretrained(POET, dtype=torch.float32).eval()
    return model, AutoTokenizer.from_pretrained(POET)


def test_lines_are_found_without_their_signs() -> None:
    assert evaluate.lines_of(QUATRAIN) == ["床前明月光", "疑是地上霜", "举头望明月", "低头思故乡"]
    assert evaluate.lines_of("no colon") == []


@pytest.mark.parametrize(
    ("text", "right"),
    [
        (QUATRAIN, True),
        (EIGHT, True),
        (QUATRAIN + "低头思故乡。", False),  # five lines
        (QUATRAIN.replace("低头思", "思"), False),
        ("无题：", False),
        ("六言：" + "一二三四五六，" * 4, False),
    ],
)
def test_form_is_four_or_eight_lines_of_five_or_seven(text: str, right: bool) -> None:
    assert evaluate.has_form(evaluate.lines_of(text)) is right


def test_a_poem_that_did_not_end_has_no_form_and_known_lines_are_counted() -> None:
    pytest.importorskip("pypinyin")
    known = set(evaluate.lines_of(QUATRAIN)[:1])
    found = evaluate.form([(QUATRAIN, True), (QUATRAIN, False)], known)
    assert (found.right, found.copied, found.lines) == (0.5, 0.25, 8)


def test_rhymes_are_todays_whatever_the_tone_and_the_glide() -> None:
    pytest.importorskip("pypinyin")
    assert evaluate.rhyme("霜", "乡")  # shuāng, xiāng
    assert evaluate.rhyme("天", "山")  # tiān, shān
    assert not evaluate.rhyme("光", "山")
    assert evaluate.form([(QUATRAIN, True)], set()).rhymes == 1


@torch.inference_mode()
def test_nats_a_character_equal_those_taken_one_by_one(poet: tuple[Any, Any]) -> None:
    model, tokenizer = poet
    nats = 0.0
    for text in (QUATRAIN, EIGHT):
        ids = tokenizer(text).input_ids
        assert len(ids) == 1 + len(text)
        for place in range(1, len(ids)):
            nats -= float(model(torch.tensor([ids[:place]])).logits[0, -1].log_softmax(-1)[ids[place]])
    found, count = evaluate.nats_a_character(model, tokenizer, [QUATRAIN, EIGHT])
    assert count == len(QUATRAIN + EIGHT)
    assert found == pytest.approx(nats / count, rel=1e-5)


# ---- the shipped poet


def test_the_weights_are_the_ones_that_were_measured() -> None:
    shards = sorted(POET.glob("*.safetensors"))
    assert hashlib.sha256(b"".join(shard.read_bytes() for shard in shards)).hexdigest() == HASH
    assert all(shard.stat().st_size < 9.5e6 for shard in shards)


def test_the_shipped_poet_reads_poems_it_never_saw_as_well_as_it_did(poet: tuple[Any, Any]) -> None:
    poems = [as_text(poem) for poem in read_documents(EXCERPT)]
    assert evaluate.nats_a_character(*poet, poems)[0] == pytest.approx(NATS, abs=0.01)


def test_the_shipped_poet_keeps_the_form_and_writes_without_blanks(poet: tuple[Any, Any]) -> None:
    written = evaluate.write(*poet, ["静夜思"] * 20)
    assert sum(ended and evaluate.has_form(evaluate.lines_of(text)) for text, ended in written) >= 19
    assert not any(" " in text for text, _ in written)
    assert len({text for text, _ in written}) == 20
