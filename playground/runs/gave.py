"""Gave: the tokens of a link's run where it was made, in few characters: whoever opens it is told of others."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import NamedTuple
from urllib.parse import urlencode

from playground.runs.versions import versions

PARAMETERS = ("gave", "made_with")
MOST = 48  # ids that stand in a link; a sum stands for all of them
LONGEST = 2000  # characters of each parameter
COUNTED = ("decoding-playground", "transformers", "torch")  # versions that may change a run, in the order of a link
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_GAVE = re.compile(r"([0-9]{1,6})-([0-9a-f]{8})-([0-9a-z]{0,6}(?:\.[0-9a-z]{1,6})*)")
_VERSION = re.compile(r"[0-9A-Za-z.]{0,20}")


class Difference(NamedTuple):
    """Where two runs part: the number of the first token that differs, from 1, and the id on either side, None where
    that one had ended. Without a number they part beyond the ids that the link holds."""

    number: int | None
    there: int | None = None
    here: int | None = None


@dataclass(frozen=True)
class Gave:
    """What a run gave.

    Attributes:
        count: how many tokens.
        sum: eight digits that stand for all of them (SHA-256).
        ids: the first MOST of them.
        made_with: the version of each of COUNTED, as far as it is known.
    """

    count: int
    sum: str
    ids: tuple[int, ...]
    made_with: Mapping[str, str]

    @classmethod
    def of(cls, ids: Sequence[int]) -> "Gave":
        """Of a run that was made here."""
        return cls(len(ids), _sum(ids), tuple(ids[:MOST]), _here())

    @classmethod
    def read(cls, gave: str, made_with: str) -> "Gave | None":
        """What `query` wrote, or anybody; None for what it can't have written."""
        found = _GAVE.fullmatch(gave)
        if found is None:
            return None
        ids = tuple(int(one, 36) for one in found[3].split(".") if one)
        named = made_with.split("-")
        if len(ids) != min(int(found[1]), MOST) or not all(_VERSION.fullmatch(one) for one in named):
            return None
        return cls(int(found[1]), found[2], ids, {name: one for name, one in zip(COUNTED, named, strict=False) if one})

    @property
    def query(self) -> str:
        """As a part of an address. Example: [9, 77] -> "gave=2-…-9.25&made_with=…"."""
        gave = f"{self.count}-{self.sum}-{'.'.join(map(_in_36, self.ids))}"
        made_with = "-".join(self.made_with.get(name, "") for name in COUNTED)
        return urlencode(dict(zip(PARAMETERS, (gave, made_with), strict=True)))

    def difference(self, ids: Sequence[int]) -> Difference | None:
        """Where a run with these ids parts from it; None where it is the same."""
        if len(ids) == self.count and _sum(ids) == self.sum:
            return None
        for i, (there, here) in enumerate(zip_longest(self.ids, ids[: len(self.ids)])):
            if there != here:
                return Difference(i + 1, there, here)
        if self.count == len(self.ids):
            return Difference(self.count + 1, None, ids[self.count] if len(ids) > self.count else None)
        return Difference(None)

    def other_versions(self) -> list[tuple[str, str, str]]:
        """What has another version here: its name, the version there and here."""
        now = _here()
        return [(name, was, now[name]) for name, was in self.made_with.items() if now.get(name, was) != was]


def _here() -> dict[str, str]:
    """The versions of this machine, without what a build adds to them ("2.9.0+cpu")."""
    return {name: one.partition("+")[0] for name, one in versions().items() if name in COUNTED}


def _sum(ids: Sequence[int]) -> str:
    return hashlib.sha256(" ".join(map(str, ids)).encode()).hexdigest()[:8]


def _in_36(number: int) -> str:
    digits = ""
    while True:
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
        if not number:
            return digits
