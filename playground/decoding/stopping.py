"""Stop strings: a text ends with the token that completes one of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class StopStrings:
    """End the run when the last token completes a string; the string stays, and the token may reach beyond it.

    transformers `StopStringCriteria`, prompt included. Convention here: on the bytes of the tokens, so that a string is
    found also where a token ends within one of its characters (transformers does not see it there).

    Attributes:
        strings: none of them empty.
        pieces: the bytes of each token id.
    """

    strings: tuple[str, ...]
    pieces: Sequence[bytes] = field(compare=False, repr=False)

    def __post_init__(self) -> None:
        if not all(self.strings):
            raise ValueError("a stop string must not be empty")

    def completed(self, token_ids: Sequence[int]) -> str | None:
        """The string that the last of these ids completes, or None."""
        last = self._piece(token_ids[-1])
        for string in self.strings:
            wanted = string.encode()
            text = last
            for token_id in reversed(token_ids[:-1]):
                if len(text) >= len(last) + len(wanted) - 1:
                    break
                text = self._piece(token_id) + text
            begin = max(0, len(text) - len(last) - len(wanted) + 1)  # earlier ones were complete before the last token
            if text.find(wanted, begin) >= 0:
                return string
        return None

    def _piece(self, token_id: int) -> bytes:
        return self.pieces[token_id] if token_id < len(self.pieces) else b""
