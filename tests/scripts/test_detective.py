"""The shipped adapter, laid beside the storyteller's weights by hand (no peft needed): its hash and what it gains."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from evaluate_model import measure
from safetensors.torch import load_file
from train_default_model import read_documents
from training_loop import MODELS, ROOT
from transformers import AutoModelForCausalLM, AutoTokenizer

from playground.settings import DEFAULT_MODEL

DETECTIVE = MODELS / "detective"
HOLMES = Path(__file__).parent / "texts" / "heldout-holmes.txt"  # the first pages of a tale that it never saw
STORY = Path(__file__).parent / "texts" / "heldout.txt"
# of the weights that are shipped: whoever trains them anew measures them anew
HASH = "aae9fbe8a1b6ef56171b875b1f50f126698eca56571dc591913f3b58951bf893"
BITS_PER_BYTE = {"Holmes": (1.459, 1.400), "story": (1.263, 1.338)}  # without, with


def with_adapter(model: Any) -> Any:
    """Add (alpha / rank) × (B A)ᵀ to every matrix it adapts: GPT-2's are (in, out)."""
    shape = json.loads((DETECTIVE / "adapter_config.json").read_text(encoding="utf-8"))
    weights = load_file(DETECTIVE / "adapter_model.safetensors")
    found = 0
    for name, module in model.named_modules():
        key = f"base_model.model.{name}.lora_"
        if f"{key}A.weight" in weights:
            product = weights[f"{key}B.weight"].float() @ weights[f"{key}A.weight"].float()
            module.weight.data += shape["lora_alpha"] / shape["r"] * product.T
            found += 2
    assert found == len(weights) > 0
    return model


def test_the_weights_are_the_ones_that_were_measured() -> None:
    file = DETECTIVE / "adapter_model.safetensors"
    assert hashlib.sha256(file.read_bytes()).hexdigest() == HASH
    assert file.stat().st_size < 1e6
    assert {weight.dtype for weight in load_file(file).values()} == {torch.float16}
    shape = json.loads((DETECTIVE / "adapter_config.json").read_text(encoding="utf-8"))
    assert ROOT / shape["base_model_name_or_path"] == DEFAULT_MODEL
    assert 4 <= shape["r"] <= 8


def test_it_reads_holmes_better_and_stories_as_much_worse_as_its_card_says() -> None:
    tokenizer = AutoTokenizer.from_pretrained(DEFAULT_MODEL)
    model = AutoModelForCausalLM.from_pretrained(DEFAULT_MODEL, dtype=torch.float32).eval()
    texts = {"Holmes": read_documents(HOLMES), "story": read_documents(STORY)}
    before = {name: measure(model, tokenizer, text).bits_per_byte for name, text in texts.items()}
    model = with_adapter(model)
    after = {name: measure(model, tokenizer, text).bits_per_byte for name, text in texts.items()}
    for name, figures in BITS_PER_BYTE.items():
        assert (before[name], after[name]) == pytest.approx(figures, abs=0.01)
    assert after["Holmes"] < before["Holmes"] - 0.03
