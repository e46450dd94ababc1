"""Measure the poet on poems that it has not seen, and what it writes by itself; figures and samples into its card.

    python scripts/evaluate_poet.py MODEL POEMS            print the figures
    python scripts/evaluate_poet.py MODEL POEMS --card     and put them into MODEL/README.md

POEMS is the folder that the poet was trained on (train_poet.py), with its held-out file. Every held-out poem is read by
itself from [CLS]; nats are the mean over its characters, title, signs and all, its end left out. Samples take held-out
titles. Whether lines rhyme is told by today's pronunciation (pypinyin), which a thousand years have moved away from the
poets': so held-out poems are measured too.
"""

import argparse
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from evaluate_model import SAMPLING, draw_curve, write_card
from train_default_model import read_documents
from train_poet import EqualLengths, as_text, encode
from training_loop import CURVE
from transformers import AutoModelForCausalLM, AutoTokenizer

LONGEST = 80  # tokens after a title: eight lines of seven with their signs and the end are 65
LINE = re.compile("[，。？！；：]")
FORMS = {(lines, length) for lines in (4, 8) for length in (5, 7)}
MEDIALS = re.compile("^[iuü](?=[aeoê])")


@dataclass(frozen=True)
class Form:
    """What poems look like.

    Attributes:
        right: the share with four or eight lines, all of five or all of seven characters, that end with [SEP].
        rhymes: of those, the share whose second and fourth lines rhyme in today's pronunciation.
        copied: the share of all lines that stand in the training text.
        lines: how many lines that is a share of.
    """

    right: float
    rhymes: float
    copied: float
    lines: int


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure a poet on held-out poems.")
    parser.add_argument("model", help="folder or id")
    parser.add_argument("poems", type=Path, help="the folder it was trained on")
    parser.add_argument("--heldout", type=int, default=500, help="how many held-out poems")
    parser.add_argument("--samples", type=int, default=200)
    parser.add_argument("--card", action="store_true", help="write figures, samples and curve into the model's folder")
    options = parser.parse_args()
    tokenizer = AutoTokenizer.from_pretrained(options.model)
    model = AutoModelForCausalLM.from_pretrained(options.model, dtype=torch.float32).eval()
    (held_out,) = options.poems.glob("heldout*")
    unseen = [as_text(poem) for poem in read_documents(held_out)]
    known = {line for path in files(options.poems) for poem in read_documents(path) for line in lines_of(as_text(poem))}
    nats, count = nats_a_character(model, tokenizer, unseen[: options.heldout])
    titles = [text.partition("：")[0] for text in unseen[: options.samples]]
    written = write(model, tokenizer, titles)
    ours, theirs = form(written, known), form([(text, True) for text in unseen[: options.samples]], known)
    verses = f"{len(written)} poems written"
    report = [
        "| measured | |",
        "|---|---|",
        f"| nats a character, the first {options.heldout} held-out poems ({count:,} characters) | {nats:.3f} |",
        f"| form right, of {verses} | {ours.right:.1%} |",
        f"| second and fourth line rhyme today: {verses} / held-out poems | {ours.rhymes:.0%} / {theirs.rhymes:.0%} |",
        f"| lines that stand in the training text, of {ours.lines:,} | {ours.copied:.2%} |",
        f"| the same of {theirs.lines:,} lines of held-out poems | {theirs.copied:.2%} |",
        "",
        "The first ten (temperature 0.8, top-p 0.9, titles of held-out poems, seed 0), none left out:",
        "",
        *(f"{number + 1}. {text}" for number, (text, _) in enumerate(written[:10])),
    ]
    print("\n".join(report))
    print("\n".join(text for text, _ in written[10:50]))
    if options.card:
        folder = Path(options.model)
        if (folder / CURVE).exists():
            draw_curve(json.loads((folder / CURVE).read_text(encoding="utf-8")), folder / "curve.png")
        write_card(folder / "README.md", report)


def files(folder: Path) -> list[Path]:
    """What the poet was trained on."""
    found = (*folder.glob("*.txt"), *folder.glob("*.txt.xz"))
    return sorted(path for path in found if not path.name.startswith("heldout"))


@torch.inference_mode()
def nats_a_character(model: Any, tokenizer: Any, poems: list[str]) -> tuple[float, int]:
    """Mean negative log-likelihood of the characters of the poems, and how many they are."""
    nats, count = 0.0, 0
    for rows in EqualLengths(encode(tokenizer, poems), 2048, 0).all():
        logits = model(rows).logits[:, :-2].flatten(0, 1)
        targets = rows[:, 1:-1].flatten()
        nats += float(torch.nn.functional.cross_entropy(logits, targets, reduction="sum"))
        count += len(targets)
    return nats / count, count


@torch.inference_mode()
def write(model: Any, tokenizer: Any, titles: Sequence[str]) -> list[tuple[str, bool]]:
    """A poem to every title, and whether it came to its end; titles of a length are written together."""
    found: dict[int, tuple[str, bool]] = {}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for places in by_length(titles):
            prompts = tokenizer([f"{titles[place]}：" for place in places], return_tensors="pt")
            prompts.pop("token_type_ids", None)
            output = model.generate(**prompts, max_new_tokens=LONGEST, pad_token_id=tokenizer.pad_token_id, **SAMPLING)
            for place, ids in zip(places, output.tolist(), strict=True):
                text = tokenizer.decode(ids, skip_special_tokens=True)
                found[place] = text, tokenizer.eos_token_id in ids
    return [found[place] for place in range(len(titles))]


def by_length(titles: Sequence[str]) -> Iterator[list[int]]:
    """The places of the titles of every length."""
    for length in sorted({len(title) for title in titles}):
        yield [place for place, title in enumerate(titles) if len(title) == length]


def lines_of(text: str) -> list[str]:
    """The lines of "题目：…", without their signs."""
    return [line for line in LINE.split(text.partition("：")[2]) if line]


def form(poems: Iterable[tuple[str, bool]], known: set[str]) -> Form:
    """Measure poems and whether they came to their ends, beside the lines of the training text."""
    split = [(lines_of(text), ended) for text, ended in poems]
    right = [lines for lines, ended in split if ended and has_form(lines)]
    rhyming = [lines for lines in right if rhyme(lines[1][-1], lines[3][-1])]
    every = [line for lines, _ in split for line in lines]
    copied = sum(line in known for line in every)
    return Form(len(right) / len(split), len(rhyming) / max(1, len(right)), copied / max(1, len(every)), len(every))


def has_form(lines: Sequence[str]) -> bool:
    """Four or eight lines, all of five or all of seven characters."""
    return {(len(lines), len(line)) for line in lines} <= FORMS and len({len(line) for line in lines}) == 1


def rhyme(one: str, other: str) -> bool:
    """Whether two characters rhyme in any of today's readings: same vowel, same rest, whatever the tone."""
    return bool(endings(one) & endings(other))


def endings(character: str) -> set[str]:
    """The finals of a character's readings, without the glide before the vowel: 天 tiān and 山 shān both end on an."""
    from pypinyin import Style, pinyin

    (finals,) = pinyin(character, style=Style.FINALS, heteronym=True, strict=True)
    return {MEDIALS.sub("", final) for final in finals if final}


if __name__ == "__main__":
    main()
