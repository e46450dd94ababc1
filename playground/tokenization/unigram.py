"""Unigram: of all ways to cut a word into pieces of the vocabulary, the most probable one, found by Viterbi."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

UNKNOWN_PENALTY = 10.0  # an unknown character costs this much more than the worst piece


class Arc(NamedTuple):
    """A piece that ends at a place: where it starts, its log-probability, and the sum of the best way that takes it."""

    start: int
    token_id: int
    score: float
    total: float


@dataclass(frozen=True)
class Lattice:
    """The word's places 0 … n between its characters.

    Attributes:
        word: its characters.
        arcs: for each place, the pieces that end there, earliest start first; none at place 0.
        best: for each place the Arc by which the best way arrives; None at place 0.
        path: the places that the best way of all passes, 0 and n included.
    """

    word: str
    arcs: tuple[tuple[Arc, ...], ...]
    best: tuple[Arc | None, ...]
    path: tuple[int, ...]


@dataclass(frozen=True)
class UnigramRules:
    """The `model` of a Unigram tokenizer.json: pieces with their natural-log probabilities, by id."""

    pieces: Sequence[tuple[str, float]]
    unknown_id: int | None = None
    byte_fallback: bool = False
    fuse_unknown: bool = True

    @cached_property
    def vocab(self) -> Mapping[str, int]:
        return {piece: token_id for token_id, (piece, _) in enumerate(self.pieces)}

    @cached_property
    def unknown_score(self) -> float:
        return min(score for _, score in self.pieces) - UNKNOWN_PENALTY

    @cached_property
    def _longest(self) -> int:
        return max(len(piece) for piece in self.vocab)

    def encode(self, word: str) -> tuple[int, ...]:
        """Raises ValueError for an unknown character where there is no token for such."""
        ids: list[int] = []
        for piece in self.cut(word):
            token_id = self.vocab.get(piece)
            names = [f"<0x{byte:02X}>" for byte in piece.encode()]
            if token_id is not None:
                ids.append(token_id)
            elif self.byte_fallback and all(name in self.vocab for name in names):
                ids += [self.vocab[name] for name in names]
            else:
                ids.append(self._unknown())
        return tuple(ids)

    def cut(self, word: str) -> list[str]:
        """The pieces of the best way; neighbouring unknown characters as one where they are fused."""
        lattice = self.lattice(word)
        pieces: list[str] = []
        was_unknown = False
        for start, end in zip(lattice.path, lattice.path[1:], strict=False):
            arc = lattice.best[end]
            is_unknown = self.fuse_unknown and arc is not None and arc.token_id == self.unknown_id
            if is_unknown and was_unknown:
                pieces[-1] += word[start:end]
            else:
                pieces.append(word[start:end])
            was_unknown = is_unknown
        return pieces

    def lattice(self, word: str) -> Lattice:
        arcs: list[list[Arc]] = [[] for _ in range(len(word) + 1)]
        best: list[Arc | None] = [None] * (len(word) + 1)

        def arrive(end: int, arc: Arc) -> None:
            arcs[end].append(arc)
            known = best[end]
            if known is None or arc.total > known.total:  # of equals, the one that came first
                best[end] = arc

        for start in range(len(word)):
            so_far = best[start].total if best[start] else 0.0  # type: ignore[union-attr]
            for end in range(start + 1, min(start + self._longest, len(word)) + 1):
                token_id = self.vocab.get(word[start:end])
                if token_id is not None:
                    score = self.pieces[token_id][1]
                    arrive(end, Arc(start, token_id, score, score + so_far))
            if word[start] not in self.vocab:
                score = self.unknown_score
                arrive(start + 1, Arc(start, self._unknown(), score, score + so_far))
        path = [len(word)]
        while path[-1] > 0:
            arc = best[path[-1]]
            assert arc is not None  # every character has an arc of its own
            path.append(arc.start)
        return Lattice(word, tuple(map(tuple, arcs)), tuple(best), tuple(reversed(path)))

    def _unknown(self) -> int:
        if self.unknown_id is None:
            raise ValueError("this vocabulary has no token for an unknown character")
        return self.unknown_id
