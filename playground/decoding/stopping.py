"""Stop strings: a text ends with the token that completes one, as transformers' StopStringCriteria decides it."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class StopStrings:
    """Texts that end a sequence. The text itself stays, and so does what its last token brings beyond it.

    Attributes:
        strings: the texts; compared as UTF-8 bytes, so one may end inside a character's bytes.
        pieces: the bytes of every token id, special tokens by their name.
    """

    strings: tuple[str, ...]
    pieces: tuple[bytes, ...] = field(repr=False)

    def __post_init__(self) -> None:
        if not all(self.strings):
            raise ValueError("a stop string must have at least one character")

    def completed_by(self, context: Sequence[int], token_id: int) -> bool:
        """Whether `token_id` after `context` (the prompt counts) completes a stop string.

        An occurrence must reach into the last token: one that was complete before it has ended nothing.
        """
        return self.which(context, token_id) is not None

    def which(self, context: Sequence[int], token_id: int) -> str | None:
        """The first of the strings that is completed so."""
        wanted = [string.encode(errors="replace") for string in self.strings]
        longest = max(map(len, wanted), default=0)
        text = last = self._piece(token_id)
        for earlier in reversed(context[max(0, len(context) - longest + 1) :]):
            if len(text) >= len(last) + longest - 1:
                break
            text = self._piece(earlier) + text
        before = len(text) - len(last)
        pairs = zip(self.strings, wanted, strict=True)
        return next((string for string, w in pairs if text.find(w, max(0, before - len(w) + 1)) >= 0), None)

    def _piece(self, token_id: int) -> bytes:
        return self.pieces[token_id] if 0 <= token_id < len(self.pieces) else b""
