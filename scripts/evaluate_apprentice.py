"""Measure the apprentice beside its teacher: how often its drafts are accepted, how fast it is, what it is good for.

    python scripts/evaluate_apprentice.py APPRENTICE TEACHER heldout.txt.xz            print the figures
    python scripts/evaluate_apprentice.py APPRENTICE TEACHER heldout.txt.xz --card     and put them into its card

Speculative decoding (Leviathan et al. 2023): the apprentice drafts four tokens, the teacher accepts each with
probability min(1, p/q), up to the first rejection; then it says one itself. Acceptance is the mean number accepted over
four. Greedy: a token is accepted if the teacher would have said it. Texts begin as held-out paragraphs do.

Contrastive decoding (Li et al. 2023): of the tokens at least a tenth as probable as the teacher's best, the one that
gains most over the apprentice.
"""

import argparse
import json
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from evaluate_model import PROMPTS, distinct, draw_curve, first, measure, write_card
from torch import Tensor
from train_default_model import read_documents
from training_loop import CURVE
from transformers import AutoModelForCausalLM, AutoTokenizer

DRAFT = 4
PLAUSIBLE = 0.1
MORE = (
    "The wolf said to the little pig", "There was once a king who had three", "The princess opened the door and",
    "Early in the morning the old woman", "The boy was so hungry that he", "The frog and the mouse went",
    "When the giant heard this, he",
)  # fmt: skip


@dataclass(frozen=True)
class Drafts:
    """What became of drafts: the mean number accepted over the number drafted, and how many drafts there were."""

    accepted: float
    rounds: int


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure a draft model beside the model it drafts for.")
    parser.add_argument("apprentice", help="folder or id")
    parser.add_argument("teacher", help="folder or id")
    parser.add_argument("text", type=Path, help="held-out text")
    parser.add_argument("--texts", type=int, default=40, help="how many beginnings")
    parser.add_argument("--length", type=int, default=32, help="tokens a text")
    parser.add_argument("--bytes", type=int, default=100_000, help="of the text, for bits per byte")
    parser.add_argument("--card", action="store_true", help="write figures and curve into the apprentice's folder")
    options = parser.parse_args()
    tokenizer = AutoTokenizer.from_pretrained(options.teacher)
    apprentice, teacher = (
        AutoModelForCausalLM.from_pretrained(name, dtype=torch.float32).eval()
        for name in (options.apprentice, options.teacher)
    )
    documents = read_documents(options.text)
    begun = beginnings(tokenizer, documents, options.texts)
    greedy, sampled = (drafts(apprentice, teacher, begun, options.length, greedy) for greedy in (True, False))
    faster = seconds_a_token(teacher) / seconds_a_token(apprentice)
    bits = measure(apprentice, tokenizer, first(documents, options.bytes)).bits_per_byte
    report = [
        "| measured | |",
        "|---|---|",
        f"| accepted of {DRAFT} drafted, greedy ({greedy.rounds:,} drafts) | {greedy.accepted:.1%} |",
        f"| the same at temperature 1 ({sampled.rounds:,} drafts) | {sampled.accepted:.1%} |",
        f"| its speed, tokens one by one, over the teacher's | {faster:.1f} × |",
        f"| bits per byte, held-out text ({options.bytes:,} bytes) | {bits:.3f} |",
        "",
        "Ten greedy texts without and with contrastive decoding, none left out:",
        "",
    ]
    for prompt in (*PROMPTS, *MORE):
        plain, contrasted = (contrastive(other, teacher, tokenizer, prompt) for other in (None, apprentice))
        shares = [f"{distinct(ids, 2):.2f}" for ids in (plain, contrasted)]
        texts = [" ".join(tokenizer.decode(ids).split()) for ids in (plain, contrasted)]
        report += [
            f"* alone ({shares[0]} of its bigrams differ): {texts[0]}",
            f"  contrasted ({shares[1]}): {texts[1]}",
        ]
    print("\n".join(report))
    if options.card:
        folder = Path(options.apprentice)
        if (folder / CURVE).exists():
            draw_curve(json.loads((folder / CURVE).read_text(encoding="utf-8")), folder / "curve.png")
        write_card(folder / "README.md", report)


def beginnings(tokenizer: Any, documents: Sequence[str], count: int, length: int = 16) -> list[list[int]]:
    """The first tokens of paragraphs, as far apart as the documents allow."""
    paragraphs = [part for document in documents for part in document.split("\n\n")]
    long = [ids for ids in (tokenizer(part, verbose=False).input_ids for part in paragraphs) if len(ids) >= 2 * length]
    return [long[number * len(long) // count][:length] for number in range(count)]


@torch.inference_mode()
def drafts(apprentice: Any, teacher: Any, begun: Sequence[Sequence[int]], length: int, greedy: bool) -> Drafts:
    """Write on from every beginning by speculative decoding."""
    accepted = rounds = 0
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for beginning in begun:
            ids = list(beginning)
            while len(ids) < len(beginning) + length:
                drafted, guesses = draft(apprentice, ids, greedy)
                truth = chances(teacher, [*ids, *drafted], greedy)[len(ids) - 1 :]
                taken, token = judge(drafted, guesses, truth)
                accepted, rounds = accepted + taken, rounds + 1
                ids += [*drafted[:taken], token]
    return Drafts(accepted / rounds / DRAFT, rounds)


def draft(apprentice: Any, ids: Sequence[int], greedy: bool) -> tuple[list[int], Tensor]:
    """Four tokens of the apprentice, and its distributions at them (4, vocabulary)."""
    drafted: list[int] = []
    guesses = []
    for _ in range(DRAFT):
        guesses.append(chances(apprentice, [*ids, *drafted], greedy)[-1])
        drafted.append(int(torch.multinomial(guesses[-1], 1)))
    return drafted, torch.stack(guesses)


def chances(model: Any, ids: Sequence[int], greedy: bool) -> Tensor:
    """What comes after every token (tokens, vocabulary): all on the best one if greedy."""
    logits = model(torch.tensor([list(ids)])).logits[0]
    if greedy:
        return torch.nn.functional.one_hot(logits.argmax(-1), logits.shape[-1]).float()
    return logits.softmax(-1)


def judge(drafted: Sequence[int], guesses: Tensor, truth: Tensor) -> tuple[int, int]:
    """How many of the drafted tokens are accepted, and the token that follows them.

    Args:
        guesses: the apprentice's distributions (4, vocabulary).
        truth: the teacher's at the same places and after the last (5, vocabulary).
    """
    for place, token in enumerate(drafted):
        p, q = float(truth[place, token]), float(guesses[place, token])
        if float(torch.rand(())) >= p / q:
            rest = (truth[place] - guesses[place]).clamp_min(0)
            return place, int(torch.multinomial(rest, 1))
    return len(drafted), int(torch.multinomial(truth[-1], 1))


@torch.inference_mode()
def seconds_a_token(model: Any, rounds: int = 5, tokens: int = 40) -> float:
    """The quickest of some runs, token by token with a cache, after 32 tokens: other work on the machine only adds."""
    best = math.inf
    for _ in range(rounds):
        cache = model(torch.arange(1, 33)[None], use_cache=True).past_key_values
        start = time.perf_counter()
        for token in range(tokens):
            cache = model(torch.tensor([[token]]), past_key_values=cache, use_cache=True).past_key_values
        best = min(best, (time.perf_counter() - start) / tokens)
    return best


@torch.inference_mode()
def contrastive(apprentice: Any, teacher: Any, tokenizer: Any, prompt: str, length: int = 48) -> list[int]:
    """The ids of prompt and text; greedy without an apprentice."""
    ids: list[int] = tokenizer(prompt).input_ids
    for _ in range(length):
        scores = teacher(torch.tensor([ids])).logits[0, -1].log_softmax(-1)
        if apprentice is not None:
            implausible = scores < scores.max() + math.log(PLAUSIBLE)
            scores = scores - apprentice(torch.tensor([ids])).logits[0, -1].log_softmax(-1)
            scores[implausible] = -math.inf
        ids.append(int(scores.argmax()))
        if ids[-1] == tokenizer.eos_token_id:
            break
    return ids


if __name__ == "__main__":
    main()
