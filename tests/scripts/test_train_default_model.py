"""The training script on a corpus of a page: every text is read, a run goes on where it stopped, the result loads."""

import json
import math
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import train_default_model as training
import training_loop
from transformers import AutoModelForCausalLM, AutoTokenizer

TEXT = "The cat sat on the mat. The dog sat on the log.\n<|endoftext|>\nThe hen sat on the pen, and then again.\n" * 30


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "stories.txt").write_text(TEXT, encoding="utf-8")
    (folder / "heldout.txt").write_text("The cat sat on the log. " * 9, encoding="utf-8")
    return folder


@pytest.fixture
def train(texts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs the script as a command, tiny."""

    def run(*more: str, minutes: float = 0.04) -> Path:
        output = tmp_path / "model"
        tiny = [
            "--vocabulary", "300", "--layers", "1", "--width", "16", "--heads", "2", "--context", "32", "--batch", "4",
            "--block", "16",
        ]  # fmt: skip
        places = ["--output", str(output), "--checkpoint", str(tmp_path / "run.pt")]
        sizes = ["--minutes", str(minutes), "--every", "0.01", "--device", "cpu"]
        monkeypatch.setattr(sys, "argv", ["train", str(texts), *tiny, *places, *sizes, "--heldout-tokens", "64", *more])
        training.main()
        return output

    return run


def test_the_result_loads_with_transformers_and_has_learnt_something(train: Any) -> None:
    folder = train()
    model = AutoModelForCausalLM.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    curve = json.loads((folder / "training.json").read_text(encoding="utf-8"))
    losses = [moment["loss"] for moment in curve if moment["loss"] is not None]
    assert losses[-1] < losses[0] < math.log(len(tokenizer)) + 0.5
    assert model.dtype == torch.float16
    assert (tokenizer.eos_token, tokenizer.eos_token_id, model.generation_config.eos_token_id) == (
        "<|endoftext|>",
        0,
        0,
    )
    assert tokenizer.decode(tokenizer("The cat sat, über  uns.").input_ids) == "The cat sat, über  uns."


def test_a_run_that_was_cut_off_goes_on_with_its_steps_its_time_and_its_curve(train: Any, tmp_path: Path) -> None:
    train()
    shutil.copy(tmp_path / "run.pt", tmp_path / "cut.pt")
    kept = torch.load(tmp_path / "cut.pt", weights_only=True)
    folder = train("--resume", str(tmp_path / "cut.pt"), minutes=0.06)
    curve = json.loads((folder / "training.json").read_text(encoding="utf-8"))
    assert curve[: len(kept["curve"])] == kept["curve"]
    assert kept["tokens"] == kept["step"] * 4 * 16 < curve[-1]["tokens"]
    assert [moment["minutes"] for moment in curve] == sorted(moment["minutes"] for moment in curve)


def test_an_epoch_has_every_block_once_and_the_next_one_is_cut_elsewhere() -> None:
    blocks = training.Blocks(torch.arange(1000), 10, 1, seed=3)
    per_epoch = blocks.per_epoch
    first = torch.cat([blocks.batch(step) for step in range(per_epoch)])
    second = torch.cat([blocks.batch(step) for step in range(per_epoch, 2 * per_epoch)])
    for epoch in (first, second):
        assert (epoch.diff(dim=1) == 1).all()
        assert len(set(epoch[:, 0].tolist())) == per_epoch == 99
    assert set(first[:, 0].tolist()) != set(second[:, 0].tolist())
    fours = [training.Blocks(torch.arange(1000), 10, 4, seed=3).batch(5) for _ in range(2)]
    assert torch.equal(*fours)


def test_the_rate_rises_stays_then_falls_to_nothing() -> None:
    shares = [training_loop.share_of_rate(done / 100, 0.02, 0.4) for done in range(101)]
    assert shares[:3] == [0, 0.5, 1]
    assert set(shares[2:61]) == {1}
    assert shares[61:] == pytest.approx([left / 40 for left in range(39, -1, -1)])


def test_a_folder_without_held_out_text_is_told_what_it_needs(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("text", encoding="utf-8")
    with pytest.raises(SystemExit, match="heldout"):
        training.read_folder(tmp_path)


def test_a_corpus_that_is_too_short_is_told_so(train: Any, texts: Path) -> None:
    (texts / "heldout.txt").write_text("Cat.", encoding="utf-8")
    with pytest.raises(SystemExit, match="16 tokens"):
        train()


@pytest.mark.long
def test_processes_that_share_a_step_learn_what_one_alone_learns(texts: Path, tmp_path: Path) -> None:
    """The command itself, in one process and in two, for the same blocks: `--steps` ends both at the same place."""
    tiny = ["--vocabulary", "300", "--layers", "1", "--width", "16", "--heads", "2", "--context", "32", "--batch", "4"]
    sizes = ["--block", "16", "--heldout-tokens", "64", "--steps", "3", "--precision", "float32"]
    weights = []
    for processes in ("1", "2"):
        output = tmp_path / processes
        script = [sys.executable, training.__file__, str(texts), *tiny, *sizes, "--processes", processes]
        subprocess.run([*script, "--device", "cpu", "--output", str(output)], check=True, capture_output=True)
        weights.append(AutoModelForCausalLM.from_pretrained(output).state_dict())
    alone, shared = weights
    for name, weight in alone.items():
        torch.testing.assert_close(shared[name], weight, atol=2e-4, rtol=0, msg=name)


def test_blocks_that_processes_cannot_share_are_refused(train: Any) -> None:
    with pytest.raises(SystemExit, match="--batch 4 can't be shared by --processes 3"):
        train("--processes", "3")


def test_training_from_a_model_keeps_its_tokenizer(train: Any, tmp_path: Path) -> None:
    folder = train()
    before = (folder / "tokenizer.json").read_bytes()
    shutil.copytree(folder, tmp_path / "start")
    again = train("--start", str(tmp_path / "start"))
    assert (again / "tokenizer.json").read_bytes() == before
