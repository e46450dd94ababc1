"""The controls of the Compare tab by name, and what they say that the texts go on from."""

from typing import NamedTuple

from playground.decoding.dialogue import Prompt
from playground.engines import dialogues

COUNT = 4  # with which every handler's arguments end


class Controls(NamedTuple):
    """As the page sends them; `turns` is JSON, "" for a plain text."""

    prompt: str | None
    same_dice: bool
    speed: str | None
    turns: str = ""

    @property
    def begins(self) -> Prompt:
        """Raises InvalidArgumentError for what are no turns."""
        return dialogues.of_the_page(self.turns) or self.prompt or ""
