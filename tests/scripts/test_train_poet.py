"""The poet's script on a handful of poems: its vocabulary, its batches of equal lengths, a model that loads."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import train_poet
from transformers import AutoModelForCausalLM, AutoTokenizer

QUATRAIN = "静夜思\n床前明月光，疑是地上霜。\n举头望明月，低头思故乡。"
OTHER = "江雪\n千山鸟飞绝，万径人踪灭。\n孤舟蓑笠翁，独钓寒江雪。"


@pytest.fixture
def poems(tmp_path: Path) -> Path:
    folder = tmp_path / "poems"
    folder.mkdir()
    (folder / "poems-song.txt").write_text(f"{QUATRAIN}\n<|endoftext|>\n" * 6, encoding="utf-8")
    (folder / "poems-tang.txt").write_text(f"{OTHER}\n<|endoftext|>\n" * 2, encoding="utf-8")
    (folder / "heldout.txt").write_text(QUATRAIN, encoding="utf-8")
    return folder


@pytest.fixture
def trained(poems: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    output = tmp_path / "poet"
    shape = ["--layers", "1", "--width", "16", "--heads", "2", "--context", "64", "--tokens", "80", "--device", "cpu"]
    places = ["--output", str(output), "--steps", "40", "--warm-up", "0", "--rate", "0.03", "--precision", "float32"]
    monkeypatch.setattr(sys, "argv", ["train", str(poems), *shape, *places])
    train_poet.main()
    return output


def test_a_poem_is_its_title_a_colon_and_its_lines_in_a_row(poems: Path) -> None:
    texts, heldout = train_poet.read_poems(poems, "poems-tang")
    assert heldout == ["静夜思：床前明月光，疑是地上霜。举头望明月，低头思故乡。"]
    assert (len(texts), texts.count(heldout[0])) == (10, 6)  # six, and two that count twice


def test_the_result_is_a_gpt2_of_one_token_a_character_that_has_learnt_something(trained: Path) -> None:
    tokenizer, model = AutoTokenizer.from_pretrained(trained), AutoModelForCausalLM.from_pretrained(trained)
    text = "静夜思：床前明月光，疑是地上霜。"
    ids = tokenizer(text).input_ids
    assert (ids[0], len(ids)) == (tokenizer.cls_token_id, 1 + len(text))
    assert tokenizer.decode(ids, skip_special_tokens=True) == text
    assert (tokenizer.bos_token, tokenizer.eos_token, tokenizer.pad_token) == ("[CLS]", "[SEP]", "[PAD]")
    assert (model.generation_config.eos_token_id, model.dtype) == (tokenizer.eos_token_id, torch.float16)
    curve = json.loads((trained / "training.json").read_text(encoding="utf-8"))
    assert curve[-1]["heldout"] < 3  # of log 40 = 3.7


def test_an_epoch_has_every_poem_once_in_batches_of_one_length() -> None:
    rows = [[length, *([number] * (length - 1))] for length in (3, 5) for number in range(10)]
    batches = train_poet.EqualLengths(rows, tokens=12, seed=1)
    epochs = [
        [batches.batch(epoch * batches.per_epoch + step) for step in range(batches.per_epoch)] for epoch in (0, 1)
    ]
    for epoch in epochs:
        assert sorted(row for batch in epoch for row in batch.tolist()) == sorted(rows)
        assert all(batch.numel() <= 12 for batch in epoch)
    again: Any = train_poet.EqualLengths(rows, tokens=12, seed=1)
    assert torch.equal(again.batch(batches.per_epoch + 2), epochs[1][2])
    assert [batch.tolist() for batch in epochs[0]] != [batch.tolist() for batch in epochs[1]]


def test_a_folder_without_held_out_poems_is_told_what_it_needs(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(QUATRAIN, encoding="utf-8")
    with pytest.raises(SystemExit, match="heldout"):
        train_poet.read_poems(tmp_path, "poems-tang")
