"""Byte-pair encoding of one word by the ranks of a tokenizer: one merge a step, the lowest rank first.

Byte-level BPE (GPT-2) and SentencePiece-style BPE (Llama 2) are the same algorithm over other symbols: the 256
characters that spell bytes, or the characters of the text with bytes for those that the vocabulary lacks.
"""

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Merge:
    """Two neighbours become one. Places count the symbols that the word began with.

    Attributes:
        start, middle, end: the left part covers [start, middle), the right part [middle, end).
        rank: of the pair in the tokenizer's list of merges, 0 for the first that was learnt.
        token_id: what they become.
    """

    start: int
    middle: int
    end: int
    rank: int
    token_id: int


@dataclass(frozen=True)
class BpeRules:
    """The `model` of a BPE tokenizer.json.

    Attributes:
        vocab: spelling → id.
        merges: (left id, right id) → (rank, id of the result).
        unknown: spelling of the token for what the vocabulary lacks, if there is one.
        fuse_unknown: whether neighbouring unknown characters share one such token.
        byte_fallback: whether an unknown character is spelt by `<0xE4>` tokens instead.
        prefix, suffix: put before every symbol but the first, after the last.
        ignore_merges: whether a word that is in the vocabulary as a whole is taken at once.
    """

    vocab: Mapping[str, int]
    merges: Mapping[tuple[int, int], tuple[int, int]]
    unknown: str | None = None
    fuse_unknown: bool = False
    byte_fallback: bool = False
    prefix: str = ""
    suffix: str = ""
    ignore_merges: bool = False

    def encode(self, word: str) -> tuple[int, ...]:
        symbols = self.symbols(word)
        return tuple(after(symbols, merges_of(symbols, self)))

    def symbols(self, word: str) -> tuple[int, ...]:
        """The ids that the merging begins with: one a character, or one a byte where the vocabulary lacks it."""
        if self.ignore_merges and word in self.vocab:
            return (self.vocab[word],)
        ids: list[int] = []
        waiting: int | None = None  # an unknown character, held back because the next may join it
        for place, character in enumerate(word):
            spelling = (self.prefix if place else "") + character + (self.suffix if place == len(word) - 1 else "")
            if spelling in self.vocab:
                if waiting is not None:
                    ids.append(waiting)
                    waiting = None
                ids.append(self.vocab[spelling])
                continue
            names = [f"<0x{byte:02X}>" for byte in spelling.encode()]
            if self.byte_fallback and all(name in self.vocab for name in names):
                ids += [self.vocab[name] for name in names]
            elif self.unknown is not None and self.unknown in self.vocab:
                if waiting is not None and not self.fuse_unknown:
                    ids.append(waiting)
                waiting = self.vocab[self.unknown]
        return tuple(ids) if waiting is None else (*ids, waiting)


def rules_of(vocab: Mapping[str, int], pairs: Iterable[tuple[str, str]], **options: object) -> BpeRules:
    """The rules of a vocabulary and its merges in order of learning."""
    prefix = str(options.get("prefix") or "")
    merges = {}
    for rank, (left, right) in enumerate(pairs):
        result = left + (right[len(prefix) :] if prefix else right)
        merges[vocab[left], vocab[right]] = (rank, vocab[result])
    return BpeRules(vocab, merges, **options)  # type: ignore[arg-type]


def merges_of(symbols: Sequence[int], rules: BpeRules) -> list[Merge]:
    """Every merge of a word, in order: always the pair of lowest rank, of equals the leftmost.

    As in `tokenizers`, candidates wait in a queue and are looked at again when their turn comes: one whose parts have
    changed meanwhile is dropped, unless the new parts happen to spell the same token.
    """
    ids = list(symbols)
    after_it = [*range(1, len(ids)), -1]
    before_it = list(range(-1, len(ids) - 1))
    ends = list(range(1, len(ids) + 1))
    is_gone = [False] * len(ids)
    queue: list[tuple[int, int, int]] = []  # rank, place, id of the result

    def consider(place: int) -> None:
        found = rules.merges.get((ids[place], ids[after_it[place]]))
        if found:
            heapq.heappush(queue, (found[0], place, found[1]))

    for place in range(len(ids) - 1):
        consider(place)
    done: list[Merge] = []
    while queue:
        _, place, result = heapq.heappop(queue)
        right = after_it[place]
        if is_gone[place] or right < 0:
            continue
        found = rules.merges.get((ids[place], ids[right]))
        if found is None or found[1] != result:
            continue
        done.append(Merge(place, right, ends[right], found[0], result))
        ids[place], ends[place], after_it[place] = result, ends[right], after_it[right]
        is_gone[right] = True
        if after_it[place] >= 0:
            before_it[after_it[place]] = place
            consider(place)
        if before_it[place] >= 0:
            consider(before_it[place])
    return done


def after(symbols: Sequence[int], merges: Iterable[Merge]) -> list[int]:
    """The ids that are left when `merges` have been carried out."""
    return [token_id for _, token_id in parts_after(symbols, merges)]


def parts_after(symbols: Sequence[int], merges: Iterable[Merge]) -> list[tuple[int, int]]:
    """The same with the place where each begins: (start, id)."""
    parts: dict[int, int] = dict(enumerate(symbols))
    for merge in merges:
        parts[merge.start] = merge.token_id
        del parts[merge.middle]
    return list(parts.items())
