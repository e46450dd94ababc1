"""Models that don't come with the page: the list, what lies in the Hub's cache, what somebody names."""

import contextlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from playground import settings
from playground.__main__ import on_shelf
from playground.engines.huggingface.hub import Hub
from playground.engines.known import known, named
from playground.errors import ModelUnavailableError
from playground.tabs.lockstep.sides import at_first
from playground.tabs.picker import titles

pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")  # peft asks transformers so


def test_the_list_names_each_model_once_with_size_and_licence() -> None:
    entries = known(Hub())
    assert {"gpt2", "gpt2-xl", "distilgpt2", "SmolLM2-135M-Instruct", "Qwen3-0.6B"} <= {e.name for e in entries}
    assert len({e.name for e in entries}) == len({e.source for e in entries}) == len(entries)
    gpt2 = entries[0]
    assert (gpt2.note, gpt2.bytes, gpt2.licence, gpt2.language) == ("548 MB · MIT", 4 * 124439808, "mit", "en")
    assert all(e.group == "known" and e.source.count("/") == 1 and e.bytes for e in entries)


def test_what_somebody_names_is_a_folder_a_file_or_an_id(tmp_path: Path) -> None:
    assert named(f" {tmp_path} ", Hub()).source == str(tmp_path) and named(str(tmp_path), Hub()).shown == tmp_path.name
    assert named("model.gguf", Hub()).source == str(Path("model.gguf").absolute())
    for text, shown in (("gpt2", "gpt2"), ("a/b@v1", "b@v1")):
        entry = named(text, Hub())
        assert (entry.name, entry.source, entry.shown, entry.group) == (text, text, shown, "own")


def test_the_shelf_has_the_shipped_ones_first_and_the_one_that_was_named_before_them() -> None:
    names = [entry.name for entry in on_shelf(settings.Settings()).entries]
    assert names[:5] == ["storyteller", "poet", "detective", "apprentice", "gpt2"]
    shelf = on_shelf(settings.Settings(model="somebody/tales@v1"))
    assert shelf.first_name == "tales@v1" and shelf.entry().source == "somebody/tales@v1"


def test_an_adapter_of_the_start_model_stands_on_the_shelf_beside_it(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    shutil.copytree(settings.MODELS / "detective", folder)
    config = json.loads((folder / "adapter_config.json").read_text())
    (folder / "adapter_config.json").write_text(json.dumps(config | {"base_model_name_or_path": "nobody/knows"}))
    shelf = on_shelf(settings.read(["--adapter", str(folder)], {}))
    assert shelf.first_name == "storyteller" and shelf.entry("mine").base == "storyteller"
    assert ("storyteller + mine", "mine") in titles(shelf) and at_first(shelf, "storyteller").second == "mine"
    with_it: Any = shelf.slot("mine").get()
    base: Any = shelf.slot("storyteller").get()
    assert with_it.base is base and with_it.info.name == "storyteller + mine"
    assert with_it.model.bytes < base.model.bytes / 10
    module = AutoModelForCausalLM.from_pretrained(settings.DEFAULT_MODEL, dtype=torch.float32)
    theirs = PeftModel.from_pretrained(module, str(folder)).eval()
    ids = base.tokenizer.encode("“My dear Watson,” said Holmes")
    for scale, name in ((1.0, "mine"), (0.0, "mine*0")):
        engine: Any = shelf.slot(name).get()
        with torch.inference_mode(), theirs.disable_adapter() if not scale else contextlib.nullcontext():
            logits = theirs(input_ids=torch.tensor([ids]), use_cache=False).logits[0]
        assert torch.equal(engine.model.logits(ids), logits)
    assert shelf.slot("mine*0.5").get().info.name == "storyteller + mine × 0.5"
    assert shelf.add_adapter(str(folder)).name == "mine-2"


def test_an_adapter_of_another_model_says_so_when_it_is_chosen(tmp_path: Path) -> None:
    shelf = on_shelf(settings.read(["--model", str(settings.MODELS / "apprentice")], {}))
    shelf.add_adapter(str(settings.MODELS / "detective"))
    with pytest.raises(ModelUnavailableError, match="another model"):
        shelf.slot("detective-2").get()
