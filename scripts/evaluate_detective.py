"""Measure an adapter: what it gains on its own kind of text, what it loses on the model's, what it does to a text.

    python scripts/evaluate_detective.py ADAPTER HOLMES STORIES            print the figures (needs peft)
    python scripts/evaluate_detective.py ADAPTER HOLMES STORIES --card     and put them into ADAPTER/README.md

HOLMES and STORIES are held-out files (.txt or .txt.xz); the adapter's configuration names its model.
"""

import argparse
import json
import math
from pathlib import Path

import torch
from evaluate_model import Score, draw_curve, first, measure, sample, write_card
from peft import PeftConfig, PeftModel
from train_default_model import read_documents
from training_loop import CURVE
from transformers import AutoModelForCausalLM, AutoTokenizer

PROMPTS = ("The old man opened the door and", "In the morning the boy found a letter", '"Who are you?" said the')
SEEDS = range(4)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure a LoRA adapter beside its model.")
    parser.add_argument("adapter", type=Path)
    parser.add_argument("own", type=Path, help="held-out text of its own kind")
    parser.add_argument("others", type=Path, help="held-out text of the model's kind")
    parser.add_argument("--bytes", type=int, default=60_000, help="of either text, from the start")
    parser.add_argument("--card", action="store_true", help="write figures, texts and curve into the adapter's folder")
    options = parser.parse_args()
    base = PeftConfig.from_pretrained(str(options.adapter)).base_model_name_or_path
    tokenizer = AutoTokenizer.from_pretrained(base)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    adapted = PeftModel.from_pretrained(model, str(options.adapter)).eval()
    texts = [first(read_documents(path), options.bytes) for path in (options.own, options.others)]
    with adapted.disable_adapter():
        without = [measure(adapted, tokenizer, documents) for documents in texts]
        plain = [sample(adapted, tokenizer, prompt, seed) for prompt in PROMPTS for seed in SEEDS]
    with_it = [measure(adapted, tokenizer, documents) for documents in texts]
    turned = [sample(adapted, tokenizer, prompt, seed) for prompt in PROMPTS for seed in SEEDS]
    report = ["| held out, nats a token (bits per byte) | without | with |", "|---|---|---|"]
    for name, before, after in zip(("Holmes", "stories"), without, with_it, strict=True):
        report.append(f"| {name}, {before.bytes:,} bytes | {figures(before)} | {figures(after)} |")
    report += ["", "The same prompts and seeds (temperature 0.8, top-p 0.9) without and with it, none left out:", ""]
    for before_ids, after_ids in zip(plain, turned, strict=True):
        report += [f"* without: {' '.join(tokenizer.decode(before_ids).split())}"]
        report += [f"  <br>with: {' '.join(tokenizer.decode(after_ids).split())}"]
    print("\n".join(report))
    if options.card:
        if (options.adapter / CURVE).exists():
            draw_curve(json.loads((options.adapter / CURVE).read_text(encoding="utf-8")), options.adapter / "curve.png")
        write_card(options.adapter / "README.md", report)


def figures(score: Score) -> str:
    """Nats a token, and bits per byte behind it."""
    return f"{math.log(score.perplexity):.3f} ({score.bits_per_byte:.3f})"


if __name__ == "__main__":
    main()
