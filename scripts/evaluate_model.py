"""Measure a model on text that it has not seen, and write the figures and samples into its card.

    python scripts/evaluate_model.py MODEL heldout.txt.xz                   print the figures
    python scripts/evaluate_model.py MODEL heldout.txt.xz --bytes 300000    on the first 300 kB
    python scripts/evaluate_model.py MODEL heldout.txt.xz --card            and put them into MODEL/README.md

Bits per byte compare models whatever their tokenizers: the negative log-likelihood of the text over its bytes. Windows
of one context, each half a context further; a token is counted in the window that gives it the most text before it.
"""

import argparse
import itertools
import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm
from train_default_model import read_documents
from training_loop import CURVE
from transformers import AutoModelForCausalLM, AutoTokenizer

PROMPTS = ("Once upon a time there was a little", "The old king said to his", "In the middle of the forest")
SAMPLES = 10
LENGTH = 120  # tokens a sample
SAMPLING = {"do_sample": True, "temperature": 0.8, "top_p": 0.9, "top_k": 0}
MEASURED = re.compile(r"<!-- measured -->.*<!-- /measured -->", re.DOTALL)


@dataclass(frozen=True)
class Score:
    """A model on a text.

    Attributes:
        bits_per_byte: comparable whatever the tokenizer.
        perplexity: per token, comparable only for the same tokenizer.
        tokens, bytes: what was read.
    """

    bits_per_byte: float
    perplexity: float
    tokens: int
    bytes: int


@dataclass(frozen=True)
class Variety:
    """How much texts repeat themselves.

    Attributes:
        distinct_2: different bigrams of tokens over all of them (Li et al. 2016), the mean over the texts.
        repeated_4: the share of 4-grams that the same text had before, the mean over the texts.
    """

    distinct_2: float
    repeated_4: float


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure a causal language model on held-out text.")
    parser.add_argument("model", help="folder or id")
    parser.add_argument("text", type=Path, help=".txt or .txt.xz, documents apart by <|endoftext|>")
    parser.add_argument("--bytes", type=int, help="only so many from the start; the last document is cut")
    parser.add_argument("--card", action="store_true", help="write figures, samples and curve into the model's folder")
    options = parser.parse_args()
    tokenizer = AutoTokenizer.from_pretrained(options.model)
    model = AutoModelForCausalLM.from_pretrained(options.model, dtype=torch.float32).eval()
    score = measure(model, tokenizer, first(read_documents(options.text), options.bytes))
    greedy = [sample(model, tokenizer, prompt) for prompt in PROMPTS]
    prompts = list(itertools.islice(itertools.cycle(PROMPTS), SAMPLES))
    sampled = [sample(model, tokenizer, prompt, seed) for seed, prompt in enumerate(prompts)]
    texts = [tokenizer.decode(ids) for ids in sampled]
    lines = report(score, variety(greedy), variety(sampled), tokenizer.decode(greedy[0]), texts)
    print("\n".join(lines))
    if options.card:
        folder = Path(options.model)
        if (folder / CURVE).exists():
            draw_curve(json.loads((folder / CURVE).read_text(encoding="utf-8")), folder / "curve.png")
        write_card(folder / "README.md", lines)


def first(documents: Sequence[str], limit: int | None) -> list[str]:
    """The documents until their bytes reach the limit; the last one is cut, not within a character."""
    found: list[str] = []
    left = math.inf if limit is None else limit
    for document in documents:
        encoded = document.encode()
        if left <= 0:
            break
        found.append(document if len(encoded) <= left else encoded[: int(left)].decode(errors="ignore"))
        left -= len(encoded)
    return found


@torch.inference_mode()
def measure(model: Any, tokenizer: Any, documents: Sequence[str], context: int | None = None) -> Score:
    """Each document by itself, after an end-of-text token; the bits are spread over the bytes of the documents."""
    context, nats, tokens = context or model.config.max_position_embeddings, 0.0, 0
    for document in tqdm(documents, unit="document", leave=False):
        ids = torch.tensor([[tokenizer.eos_token_id, *tokenizer(document, verbose=False).input_ids]])
        for start, end, counted in windows(ids.shape[1], context):
            logits = model(ids[:, start:end]).logits[0, counted - start - 1 : -1]
            targets = ids[0, counted:end]
            nats += float(torch.nn.functional.cross_entropy(logits, targets, reduction="sum"))
            tokens += len(targets)
    size = sum(len(document.encode()) for document in documents)
    return Score(nats / math.log(2) / size, math.exp(nats / tokens), tokens, size)


def windows(length: int, context: int) -> Iterator[tuple[int, int, int]]:
    """(start, end, first token counted) of windows of at most `context` tokens, half a context apart; every token but
    the very first is counted once."""
    start = 0
    counted = 1
    while counted < length:
        end = min(start + context, length)
        yield start, end, counted
        start, counted = start + context // 2, end


@torch.inference_mode()
def sample(model: Any, tokenizer: Any, prompt: str, seed: int | None = None) -> list[int]:
    """The ids of prompt and continuation: greedy without a seed."""
    encoded = tokenizer(prompt, return_tensors="pt")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed or 0)
        settings = {"do_sample": False} if seed is None else SAMPLING
        output = model.generate(**encoded, max_new_tokens=LENGTH, pad_token_id=tokenizer.eos_token_id, **settings)
    return [int(token_id) for token_id in output[0]]


def variety(texts: Sequence[Sequence[int]]) -> Variety:
    return Variety(
        sum(distinct(text, 2) for text in texts) / len(texts), sum(repeated(text, 4) for text in texts) / len(texts)
    )


def grams(ids: Sequence[int], n: int) -> list[tuple[int, ...]]:
    return [tuple(ids[i : i + n]) for i in range(len(ids) - n + 1)]


def distinct(ids: Sequence[int], n: int) -> float:
    found = grams(ids, n)
    return len(set(found)) / len(found) if found else 1.0


def repeated(ids: Sequence[int], n: int) -> float:
    """The share of n-grams that occurred before in the same text."""
    found = grams(ids, n)
    return 1 - len(set(found)) / len(found) if found else 0.0


def report(score: Score, greedy: Variety, sampled: Variety, looping: str, texts: Sequence[str]) -> list[str]:
    """The measured part of a card, in Markdown."""
    quoted = [f"{number + 1}. {' '.join(text.split())}" for number, text in enumerate(texts)]
    return [
        "| measured | |",
        "|---|---|",
        f"| bits per byte, held-out text ({score.bytes:,} bytes) | {score.bits_per_byte:.3f} |",
        f"| perplexity per token ({score.tokens:,} tokens) | {score.perplexity:.1f} |",
        f"| distinct bigrams: greedy / sampled | {greedy.distinct_2:.2f} / {sampled.distinct_2:.2f} |",
        f"| repeated 4-grams: greedy / sampled | {greedy.repeated_4:.2f} / {sampled.repeated_4:.2f} |",
        "",
        f"Greedy: {' '.join(looping.split())}",
        "",
        f"Ten samples (temperature 0.8, top-p 0.9, seeds 0 to {len(texts) - 1}), none left out:",
        "",
        *quoted,
    ]


def write_card(path: Path, lines: Sequence[str]) -> None:
    """Put the lines between the marks of the card; what stands around them is a person's.

    Raises:
        SystemExit: the card has no marks.
    """
    card = path.read_text(encoding="utf-8")
    if not MEASURED.search(card):
        raise SystemExit(f"{path} needs the line <!-- measured --><!-- /measured --> where the figures are to stand")
    block = "\n".join(["<!-- measured -->", *lines, "<!-- /measured -->"])
    path.write_text(MEASURED.sub(lambda _: block, card), encoding="utf-8")


def draw_curve(moments: Sequence[dict[str, Any]], path: Path) -> None:
    """The loss while training, as a picture (Chromium draws it, as it draws the page)."""
    import shutil

    import plotly.graph_objects as go
    from playwright.sync_api import sync_playwright

    millions = [moment["tokens"] / 1e6 for moment in moments]
    figure = go.Figure(layout={"template": "plotly_white", "width": 900, "height": 420, "margin": {"t": 20}})
    for name, title in (("loss", "training"), ("heldout", "held-out")):
        figure.add_scatter(x=millions, y=[moment[name] for moment in moments], name=title, mode="lines+markers")
    figure.update_xaxes(title="million tokens")
    figure.update_yaxes(title="nats per token")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        page = browser.new_page(viewport={"width": 900, "height": 420})
        page.set_content(figure.to_html(include_plotlyjs=True))
        page.wait_for_selector(".main-svg")
        page.screenshot(path=str(path))
        browser.close()


if __name__ == "__main__":
    main()
