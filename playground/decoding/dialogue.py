"""Dialogue: a prompt as turns, and which of its tokens a chat template has put around them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Turn:
    """What one side says; `role` is "system", "user" or "assistant"."""

    role: str
    content: str


@dataclass(frozen=True)
class Dialogue:
    """Turns for a chat template; `continues`: the last one goes on, instead of a new one of the assistant."""

    turns: tuple[Turn, ...]
    continues: bool = False

    @property
    def messages(self) -> list[dict[str, str]]:
        """As transformers' apply_chat_template takes them."""
        return [{"role": turn.role, "content": turn.content} for turn in self.turns]

    @property
    def plain(self) -> str:
        """What of it a model reads that has no chat template: what the user says last and what stands behind that, a
        turn below the other; the last turn where none is the user's."""
        users = (i for i, turn in enumerate(self.turns) if turn.role == "user")
        last = max(users, default=len(self.turns) - 1)
        return "\n".join(turn.content for turn in self.turns[last:])

    def answered(self, text: str) -> "Dialogue":
        """The same with what the assistant has said, and the word given to the user."""
        if self.continues:
            *before, last = self.turns
            turns = (*before, Turn(last.role, last.content + text))
        else:
            turns = (*self.turns, Turn("assistant", text))
        return Dialogue((*turns, Turn("user", "")))


Prompt = str | Dialogue  # what texts go on from


def plain(prompt: Prompt) -> str:
    """A prompt as a plain text."""
    return prompt if isinstance(prompt, str) else prompt.plain


@dataclass(frozen=True)
class Rendered:
    """A dialogue as a model reads it.

    Attributes:
        dialogue: the turns.
        is_added: per id of the prompt whether any character of it is the template's; empty where that is not known.
        end_ids: special tokens that the template puts behind a turn of the assistant, which end a run besides those
            that end any text of the model.
    """

    dialogue: Dialogue
    is_added: tuple[bool, ...] = ()
    end_ids: tuple[int, ...] = ()
