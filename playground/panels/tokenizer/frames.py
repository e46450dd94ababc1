"""Frames of the Tokenizer tab's upper half: the coloured tokens, the counts, the sentence, what was found."""

import unicodedata
from typing import Any

from playground.i18n import Translator
from playground.panels.wording import Part
from playground.tokenization.findings import Findings, Variants, WordInText, find
from playground.tokenization.segments import Segmentation, gaps
from playground.tokenization.text_tokenizer import TextTokenizer
from playground.views.notation import percent, significant
from playground.vocabulary import printable

MOST_DRAWN = 10_000  # tokens: a page with more boxes no longer answers at once
Cell = dict[str, Any]


def label(token_id: int, tokenizer: TextTokenizer) -> str:
    """A token's label as it is drawn: a combining mark at its beginning gets a circle to sit on."""
    text = tokenizer.label(token_id)
    return "◌" + text if unicodedata.category(text[0]).startswith("M") else text


def hexadecimal(piece: bytes) -> str:
    return piece.hex(" ").upper()


def token_cell(token_id: int, tokenizer: TextTokenizer, **more: Any) -> Cell:
    return {"text": label(token_id, tokenizer), "title": f"{label(token_id, tokenizer)} · {token_id}", **more}


def tokens(
    segmentation: Segmentation, tokenizer: TextTokenizer, run: int, cut: int, found: Findings | None, t: Translator,
    settles: bool = True,
) -> dict[str, Any]:  # fmt: skip
    """The payload of the coloured tokens; `cut` characters of the text were left unread."""
    drawn = segmentation.tokens[:MOST_DRAWN]
    holes = gaps(segmentation)
    notes = []
    if cut:
        notes.append(t("tokenizer.note.cut", cut=cut))
    if len(drawn) < len(segmentation.tokens):
        notes.append(t("tokenizer.note.drawn", drawn=len(drawn), count=len(segmentation.tokens)))
    if segmentation.replaced:
        notes.append(t("tokenizer.note.surrogates", count=segmentation.replaced))
    return {
        "run": run,
        "settles": settles,
        "count": len(segmentation.tokens),
        "characters": len(segmentation.text),
        "ids": [token.token_id for token in drawn],
        "spans": [place for token in drawn for place in (token.start, token.end)],
        "pieces": {
            str(token_id): [label(token_id, tokenizer), hexadecimal(tokenizer.piece(token_id)) or "–"]
            for token_id in {token.token_id for token in drawn}
        },
        "kinds": {str(i): token.kind for i, token in enumerate(drawn) if token.kind != "text"},
        "gaps": {str(i): _spaced(gap) for i, gap in holes.items() if i < len(drawn)},
        "facts": facts(segmentation, tokenizer, t),
        "note": " ".join(notes),
        "marks": _marks(found, len(drawn)),
    }


def _spaced(gap: str) -> str:
    """Text between tokens: its spaces as spaces, its line ends as ⏎ and a new line."""
    return printable(gap.encode()).replace("␣", " ").replace("⏎", "⏎\n")


def facts(segmentation: Segmentation, tokenizer: TextTokenizer, t: Translator) -> list[list[Any]]:
    """[number, what it counts, share of a meter?] each."""
    count = len(segmentation.tokens)
    characters, size = len(segmentation.text), segmentation.byte_count
    rows: list[list[Any]] = [
        [f"{count:,}", t("tokenizer.fact.tokens")],
        [f"{characters:,}", t("tokenizer.fact.characters", each=significant(characters / count) if count else "–")],
        [f"{size:,}", t("tokenizer.fact.bytes", each=significant(size / count) if count else "–")],
    ]
    rows.append([f"{tokenizer.vocab_size:,}", t("tokenizer.fact.vocabulary")])
    if tokenizer.context_length:
        share = count / tokenizer.context_length
        rows.append([percent(share), t("tokenizer.fact.context", context=tokenizer.context_length), round(share, 4)])
    return rows


def _marks(found: Findings | None, drawn: int) -> list[int]:
    words = [word for word in (found.longest_single, found.shortest_split) if word] if found else []
    return [i for word in words for i in range(word.first, word.first + len(word.ids)) if i < drawn]


def headline(segmentation: Segmentation, tokenizer: TextTokenizer, t: Translator) -> dict[str, list[Part]]:
    """The one sentence of what to notice in this text."""
    if not segmentation.tokens:
        return {"parts": [t("tokenizer.headline.empty")]}
    found = find(segmentation, tokenizer)
    single, split = found.longest_single, found.shortest_split
    counts = t("tokenizer.headline.counts", tokens=len(segmentation.tokens), characters=len(segmentation.text))
    if single and split:
        return {
            "parts": [
                counts + " ",
                {"text": single.word, "kind": "token"},
                t("tokenizer.headline.single", letters=len(single.word)),
                {"text": split.word, "kind": "token"},
                t("tokenizer.headline.split", letters=len(split.word), tokens=len(split.ids)),
            ]
        }
    return {"parts": [counts + " " + t("tokenizer.headline.unit")]}


def findings(found: Findings, tokenizer: TextTokenizer, t: Translator) -> dict[str, Any]:
    """The examples as rows of boxes."""
    rows = []
    for word, key in (
        (found.longest_single, "tokenizer.found.single"),
        (found.shortest_split, "tokenizer.found.split"),
    ):
        rows.append({"head": t(key), **_word(word, tokenizer, t)})
    for variants, key in ((found.case, "tokenizer.found.case"), (found.space, "tokenizer.found.space")):
        rows.append({"head": t(key), **_variants(variants, tokenizer, t)})
    return {"blocks": [{"rows": rows}]}


def _word(word: WordInText | None, tokenizer: TextTokenizer, t: Translator) -> dict[str, Any]:
    if word is None:
        return {"cells": [{"text": t("tokenizer.found.none"), "kind": "plain"}]}
    cells: list[Cell] = [token_cell(token_id, tokenizer) for token_id in word.ids]
    return {"cells": cells, "tail": t("tokenizer.found.letters", letters=len(word.word), tokens=len(word.ids))}


def _variants(variants: Variants | None, tokenizer: TextTokenizer, t: Translator) -> dict[str, Any]:
    if variants is None:
        return {"cells": [{"text": t("tokenizer.found.no_difference"), "kind": "plain"}]}
    cells: list[Cell] = []
    for i, (_, ids) in enumerate(variants.forms):
        if i:
            cells.append({"text": "≠", "kind": "plain"})
        cells += [token_cell(token_id, tokenizer) for token_id in ids]
        cells.append({"text": " ".join(map(str, ids)), "kind": "ids"})
    return {"cells": cells}
