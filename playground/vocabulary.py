"""The vocabulary as a person sees it: each token id as bytes, as text and as a printable label."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

_VISIBLE = {" ": "␣", "\n": "⏎", "\t": "⇥", "\r": "␍"}


def whole_characters(text: str) -> str:
    """A text as UTF-8 can hold it: a lone surrogate (half an emoji, cut by an editor) is no character."""
    return text.encode("utf-8", errors="replace").decode("utf-8")


@dataclass(frozen=True)
class Vocabulary:
    """What every id stands for.

    Attributes:
        pieces: the bytes of each id, by id. An id without an entry (padding of the logits) has none.
        special_ids: ids that are no text (end of text, padding …); their piece is their name.
    """

    pieces: tuple[bytes, ...]
    special_ids: frozenset[int] = frozenset()

    def piece(self, token_id: int) -> bytes:
        return self.pieces[token_id] if 0 <= token_id < len(self.pieces) else f"<id {token_id}>".encode()

    def label(self, token_id: int) -> str:
        """Printable text of one token: `␣the`, `⏎`, a byte that is no character as `<0xE4>`, an invisible character
        as `<U+200B>`. The label is hostile input for a page: set it as text, never as HTML."""
        if token_id in self.special_ids:
            return self.piece(token_id).decode(errors="replace")
        return printable(self.piece(token_id)) or "∅"

    def text(self, token_ids: Iterable[int]) -> str:
        """The text of a sequence, special tokens left out, bytes that are no character as U+FFFD."""
        kept = (self.piece(i) for i in token_ids if i not in self.special_ids)
        return b"".join(kept).decode("utf-8", errors="replace")

    def holding(self, texts: tuple[str, ...]) -> frozenset[int]:
        """The ids of all tokens, special ones aside, that hold one of these texts."""
        return _holding(self, texts)

    def labels(self, token_ids: Iterable[int]) -> list[str]:
        return [self.label(i) for i in token_ids]


@lru_cache(maxsize=8)
def _holding(vocabulary: Vocabulary, texts: tuple[str, ...]) -> frozenset[int]:
    wanted = [whole_characters(text).encode() for text in texts]
    special = vocabulary.special_ids
    return frozenset(
        i for i, piece in enumerate(vocabulary.pieces) if i not in special and any(text in piece for text in wanted)
    )


def printable(piece: bytes) -> str:
    """Bytes as visible characters; nothing is dropped.

    Example: b" a\\n" -> "␣a⏎", b"\\xe4" -> "<0xE4>"
    """
    # surrogateescape maps each undecodable byte 0xNN to U+DCNN
    characters = piece.decode("utf-8", errors="surrogateescape")
    return "".join(_visible(c) for c in characters)


def _visible(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:
        return f"<0x{code - 0xDC00:02X}>"
    if character in _VISIBLE:
        return _VISIBLE[character]
    if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zs", "Zl", "Zp"):
        return f"<U+{code:04X}>"
    return character


def from_tokenizer_json(tokenizer: dict[str, object], size: int | None = None) -> Vocabulary:
    """The vocabulary of a `tokenizers` file (tokenizer.json): byte-level BPE, SentencePiece style or WordPiece.

    Args:
        tokenizer: the parsed JSON.
        size: number of ids wanted; ids without an entry are left to `Vocabulary.piece`.
    """
    model = tokenizer["model"]
    assert isinstance(model, dict)
    entries = model["vocab"]
    by_id: dict[int, str] = (
        {i: entry[0] for i, entry in enumerate(entries)}  # Unigram: [[piece, score], …]
        if isinstance(entries, list)
        else {i: token for token, i in entries.items()}
    )
    to_bytes = piece_reader(tokenizer)
    pieces = {i: to_bytes(token) for i, token in by_id.items()}
    special: set[int] = set()
    added = tokenizer.get("added_tokens") or []
    assert isinstance(added, list)
    for entry in added:
        pieces[entry["id"]] = entry["content"].encode()
        if entry["special"]:
            special.add(entry["id"])
    count = max(pieces, default=-1) + 1 if size is None else size
    return Vocabulary(
        tuple(pieces.get(i, f"<id {i}>".encode()) for i in range(count)),
        frozenset(i for i in special if i < count),
    )


def piece_reader(tokenizer: dict[str, object]):  # type: ignore[no-untyped-def]
    """The function from a token's spelling in tokenizer.json to its bytes, chosen by the decoder named there."""
    kinds = decoder_kinds(tokenizer.get("decoder"))
    if "ByteLevel" in kinds:
        table = {character: byte for byte, character in byte_characters().items()}
        return lambda token: bytes(table[c] for c in token) if all(c in table for c in token) else token.encode()
    if "WordPiece" in kinds:
        return lambda token: token[2:].encode() if token.startswith("##") else b" " + token.encode()
    return _sentencepiece_bytes


def decoder_kinds(decoder: object) -> set[str]:
    if not isinstance(decoder, dict):
        return set()
    nested: Sequence[object] = decoder.get("decoders") or []
    return {str(decoder["type"])}.union(*(decoder_kinds(d) for d in nested))


def _sentencepiece_bytes(token: str) -> bytes:
    if byte := re.fullmatch("<0x([0-9A-Fa-f]{2})>", token):
        return bytes.fromhex(byte[1])
    return token.replace("▁", " ").encode()


def byte_characters() -> dict[int, str]:
    """GPT-2's table from each byte to the printable character that spells it in vocab.json (`bytes_to_unicode`)."""
    plain = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    table = {byte: chr(byte) for byte in plain}
    for byte in range(256):
        if byte not in table:
            table[byte] = chr(256 + len(table) - len(plain))
    return table
