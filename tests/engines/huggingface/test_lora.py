"""LoRA read from the adapter's files: equal to peft's own forward at 0, on a twin that leaves the base alone."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

from playground.engines.huggingface import backend, lora, transparent
from playground.engines.huggingface.inspection import Inspection
from playground.errors import ModelUnavailableError
from playground.settings import ASSETS, DEFAULT_MODEL
from tests.conftest import build_llama

DETECTIVE = ASSETS / "models" / "detective"
# peft asks transformers so
pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")


def story() -> Any:
    return AutoModelForCausalLM.from_pretrained(DEFAULT_MODEL, dtype=torch.float32).eval()


@pytest.fixture(scope="module")
def base() -> Any:
    return story()


@pytest.fixture(scope="module")
def with_peft() -> Any:
    return PeftModel.from_pretrained(story(), str(DETECTIVE)).eval()


def logits(module: Any, ids: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        found: torch.Tensor = module(input_ids=ids).logits
    return found


@pytest.fixture(scope="module")
def ids() -> torch.Tensor:
    return torch.randint(0, 8192, (2, 60), generator=torch.Generator().manual_seed(0))


def test_on_and_off_equal_peft_at_0(base: Any, with_peft: Any, ids: torch.Tensor) -> None:
    adapter = lora.read(DETECTIVE)
    assert torch.equal(logits(lora.adapted(base, adapter), ids), logits(with_peft, ids))
    with with_peft.disable_adapter():
        off = logits(with_peft, ids)
    assert torch.equal(logits(lora.adapted(base, adapter, 0.0), ids), off)
    assert torch.equal(logits(base, ids), off)  # the base is as it was
    assert not torch.equal(logits(with_peft, ids), off)


@pytest.mark.parametrize("scale", [0.3, 0.5, 1.7, 2.0])
def test_at_any_scale_it_equals_peft(base: Any, with_peft: Any, ids: torch.Tensor, scale: float) -> None:
    layers = [part for part in with_peft.modules() if hasattr(part, "scale_layer")]
    assert layers
    for layer in layers:
        layer.set_scale("default", scale)
    theirs = logits(with_peft, ids)
    for layer in layers:
        layer.set_scale("default", 1)
    assert torch.equal(logits(lora.adapted(base, lora.read(DETECTIVE), scale), ids), theirs)


def test_the_counts_are_those_of_peft_and_the_weights_are_shared(base: Any, with_peft: Any) -> None:
    adapter = lora.read(DETECTIVE)
    twin = lora.adapted(base, adapter)
    trained = sum(p.numel() for name, p in with_peft.named_parameters() if "lora_" in name)
    assert adapter.parameters == trained > 0
    own = dict(base.named_parameters())
    for name, weight in twin.named_parameters():
        assert weight is own[name]
    for delta in adapter.deltas:
        theirs = with_peft.base_model.model.get_submodule(delta.name).get_delta_weight("default")
        assert torch.equal(delta.matrix().T, theirs) and delta.rank == 8
        assert lora.weight_of(twin, delta).shape == delta.matrix().shape


@pytest.mark.parametrize("use_rslora", [False, True])
def test_another_architecture_that_peft_has_saved(use_rslora: bool, ids: torch.Tensor, tmp_path: Path) -> None:
    torch.manual_seed(0)
    config = LoraConfig(
        r=3, lora_alpha=5, target_modules=["q_proj", "down_proj"], use_rslora=use_rslora, init_lora_weights=False
    )
    model = build_llama(8192, 64, 0.4)
    kept = LlamaForCausalLM(LlamaConfig(**model.config.to_dict()))
    kept.load_state_dict(model.state_dict())
    theirs = get_peft_model(model, config).eval()
    theirs.save_pretrained(tmp_path)
    assert torch.equal(logits(lora.adapted(kept.eval(), lora.read(tmp_path)), ids), logits(theirs, ids))


def test_the_folder_of_an_adapter_loads_as_its_base_with_it(with_peft: Any) -> None:
    loaded = backend.load(str(DETECTIVE))
    assert loaded.info.name == "storyteller + detective" and loaded.info.parameters == 6_967_296
    ids = loaded.tokenizer.encode("The old man opened the door and")
    assert torch.equal(loaded.model.logits(ids), logits(with_peft, torch.tensor([ids]))[0])
    inspection = Inspection(loaded)
    *_, probabilities = transparent.forward(inspection.twin, ids, inspection.windows)
    theirs = torch.softmax(inspection.logits(ids), -1)
    assert float((probabilities.values - theirs).abs().max()) < 1e-5  # the forward written out knows of it
    assert inspection.attentions(ids).shape[2] == len(ids)


def changed(tmp_path: Path, **settings: Any) -> Path:
    folder = tmp_path / "adapter"
    shutil.copytree(DETECTIVE, folder)
    config = json.loads((folder / "adapter_config.json").read_text())
    (folder / "adapter_config.json").write_text(json.dumps(config | settings))
    return folder


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"use_dora": True}, "use_dora"),
        ({"peft_type": "PREFIX_TUNING"}, "PREFIX_TUNING"),
        ({"bias": "all"}, "bias=all"),
        ({"modules_to_save": ["lm_head"]}, "modules_to_save"),
        ({"base_model_name_or_path": "someone/base-1b"}, "“someone/base-1b” could not be loaded"),
    ],
)
def test_what_is_more_than_lora_or_without_a_base_is_refused(
    settings: dict[str, Any], words: str, tmp_path: Path
) -> None:
    with pytest.raises(ModelUnavailableError, match=words):
        backend.load(str(changed(tmp_path, **settings)))


def test_files_that_do_not_fit_are_told(base: Any, tmp_path: Path) -> None:
    folder = changed(tmp_path)
    weights = load_file(folder / lora.WEIGHTS)
    save_file({**weights, "base_model.model.lm_head.weight": torch.zeros(2, 2)}, folder / lora.WEIGHTS)
    with pytest.raises(ModelUnavailableError, match=r"lm_head\.weight"):
        lora.read(folder)
    (folder / lora.WEIGHTS).write_bytes(b"nothing")
    with pytest.raises(ModelUnavailableError, match="damaged"):
        lora.read(folder)
    (folder / lora.WEIGHTS).unlink()
    with pytest.raises(ModelUnavailableError, match=r"adapter_model\.safetensors"):
        lora.read(folder)
    with pytest.raises(ModelUnavailableError, match="another model"):
        lora.adapted(build_llama(8192, 64, 0.4), lora.read(DETECTIVE))
