"""Train the detective: a LoRA adapter that makes the storyteller write as Dr. Watson does.

    python scripts/train_detective.py TEXTS --model MODEL --output OUTPUT      (needs peft: requirements-dev.txt)

TEXTS is a folder as for train_default_model.py. Low-rank adaptation (Hu et al. 2021): the model stays as it is; every
matrix of its layers gets the product of two thin ones beside it, and only those learn. Saved as peft saves them, in
float16: `PeftModel.from_pretrained(model, OUTPUT)`.
"""

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from train_default_model import Blocks, apart, encode, read_folder
from training_loop import CURVE, MODELS, ROOT, add_options, heldout_loss, is_first, together, train
from transformers import AutoModelForCausalLM, AutoTokenizer

TARGETS = ["c_attn", "attn.c_proj", "c_fc", "mlp.c_proj"]


def main() -> None:
    together(run, _options())


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train a LoRA adapter on a folder of text.")
    parser.add_argument("texts", type=Path, help="folder of .txt / .txt.xz; heldout* is not trained on")
    parser.add_argument("--model", default=str(MODELS / "storyteller"), help="folder or id of what it adapts")
    parser.add_argument("--output", type=Path, default=MODELS / "detective")
    parser.add_argument("--rank", type=int, default=8)
    learning = add_options(parser, rate=5e-3, decay=0.8, weight_decay=0.0)
    learning.set_defaults(optimizer="adamw")  # Muon is for whole matrices: it would make both thin ones equally large
    learning.add_argument("--batch", type=int, default=8, help="blocks a step")
    learning.add_argument("--block", type=int, default=256, help="tokens a block, at most the context")
    learning.add_argument("--heldout-tokens", type=int, default=8192, help="how much held-out text is looked at")
    return parser.parse_args()


def run(options: argparse.Namespace) -> None:
    """Read, adapt, save."""
    torch.manual_seed(options.seed)
    documents, heldout = read_folder(options.texts)
    tokenizer = AutoTokenizer.from_pretrained(options.model)
    base = AutoModelForCausalLM.from_pretrained(options.model, dtype=torch.float32).to(options.device)
    shape = LoraConfig(
        r=options.rank, lora_alpha=2 * options.rank, target_modules=TARGETS, fan_in_fan_out=True, task_type="CAUSAL_LM"
    )
    adapted = get_peft_model(base, shape)
    blocks = Blocks(encode(tokenizer, documents), options.block, options.batch, options.seed)
    unseen = apart(encode(tokenizer, heldout)[: options.heldout_tokens], options.block)
    inside = adapted.get_base_model()
    if is_first():
        with adapted.disable_adapter():
            print(f"held out without it: {heldout_loss(inside, unseen, options.device):.3f} nats a token", flush=True)
    curve = train(inside, blocks, unseen, options)
    if is_first():
        print(curve[-1])
        keep(adapted, options.output)
        moments = [asdict(moment) for moment in curve]
        (options.output / CURVE).write_text(json.dumps(moments, indent=1) + "\n", encoding="utf-8")


def keep(adapted: Any, folder: Path) -> None:
    """The adapter alone, in float16; its model is named by its place in the repository, if it has one."""
    adapted.to(torch.float16).save_pretrained(folder)
    config = folder / "adapter_config.json"
    shape = json.loads(config.read_text(encoding="utf-8"))
    base = Path(shape["base_model_name_or_path"]).resolve()
    if base.is_relative_to(ROOT):
        shape["base_model_name_or_path"] = base.relative_to(ROOT).as_posix()
    shape["target_modules"].sort()
    config.write_text(json.dumps(shape, indent=2, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
