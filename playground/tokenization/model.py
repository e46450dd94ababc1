"""The rules of a tokenizer.json, as one of our algorithms."""

from collections.abc import Iterable
from typing import Any, Literal

from playground.tokenization.bpe import BpeRules, rules_of
from playground.tokenization.unigram import UnigramRules
from playground.tokenization.wordpiece import WordLevelRules, WordPieceRules
from playground.vocabulary import decoder_kinds

Rules = BpeRules | WordPieceRules | UnigramRules | WordLevelRules
Algorithm = Literal["byte_level_bpe", "sentencepiece_bpe", "wordpiece", "unigram", "word_level", "unknown"]


def rules_from(tokenizer: dict[str, Any]) -> Rules:
    """The rules of the parsed tokenizer.json. Raises ValueError for a model that is none of the four."""
    model = tokenizer["model"]
    kind = model.get("type")
    if kind == "BPE":
        return rules_of(
            model["vocab"],
            _pairs(model["merges"]),
            unknown=model.get("unk_token"),
            fuse_unknown=bool(model.get("fuse_unk")),
            byte_fallback=bool(model.get("byte_fallback")),
            prefix=model.get("continuing_subword_prefix") or "",
            suffix=model.get("end_of_word_suffix") or "",
            ignore_merges=bool(model.get("ignore_merges")),
        )
    if kind == "WordPiece":
        return WordPieceRules(
            model["vocab"], model["unk_token"], model["continuing_subword_prefix"], model["max_input_chars_per_word"]
        )
    if kind == "Unigram":
        pieces = [(piece, float(score)) for piece, score in model["vocab"]]
        return UnigramRules(
            pieces, model.get("unk_id"), bool(model.get("byte_fallback")), bool(model.get("fuse_unk", True))
        )
    if kind == "WordLevel":
        return WordLevelRules(model["vocab"], model["unk_token"])
    raise ValueError(f"unknown model type {kind!r}")


def _pairs(merges: Iterable[Any]) -> Iterable[tuple[str, str]]:
    """Newer files have [left, right], older ones "left right"."""
    for merge in merges:
        left, right = merge.split(" ") if isinstance(merge, str) else merge
        yield left, right


def algorithm_of(tokenizer: dict[str, Any], rules: Rules | None) -> Algorithm:
    """Which algorithm cuts the words, as a person would name it."""
    if isinstance(rules, BpeRules):
        return "byte_level_bpe" if "ByteLevel" in decoder_kinds(tokenizer.get("decoder")) else "sentencepiece_bpe"
    if isinstance(rules, WordPieceRules):
        return "wordpiece"
    if isinstance(rules, UnigramRules):
        return "unigram"
    return "word_level" if rules else "unknown"
