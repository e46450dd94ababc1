"""The example prompts: settings that each make one phenomenon visible (their texts are in i18n)."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Example:
    """A prompt with its settings; `example.<key>.name` and `.notice` are its texts.

    Attributes:
        values: processors that are on, by name.
        inspect: the token to look at first (0 for the first generated one).
    """

    key: str
    prompt: str
    values: Mapping[str, float] = field(default_factory=dict)
    do_sample: bool = True
    seed: int = 3
    max_new_tokens: int = 40
    inspect: int = 0


EXAMPLES: tuple[Example, ...] = (
    Example("sure_unsure", "The old king said to his", {"temperature": 0.8, "top_p": 0.9}, seed=36, inspect=5),
    Example("greedy_loops", "The wolf knocked at the door, and", do_sample=False, max_new_tokens=60, inspect=22),
    Example("too_hot", "Once upon a time there was a little", {"temperature": 1.8}, inspect=3),
    Example("rigid_k", "The wolf knocked at the door, and", {"top_k": 2}, inspect=0),
    Example("same_dice", "The old king said to his", {"temperature": 0.4}, seed=36, inspect=5),
)

# of the poet, whose lines tell their form: the mark at their end is certain, and hardly any character before it
POETS: tuple[Example, ...] = (
    Example("poet_form", "江雪：", {"temperature": 0.8, "top_p": 0.9}, seed=36, inspect=5),
    Example("poet_greedy", "江雪：", do_sample=False, inspect=7),
    Example("poet_hot", "春晓：", {"temperature": 1.8}, inspect=7),
    Example("poet_k", "春晓：", {"top_k": 2}, seed=6, inspect=7),
)


def of_any(language: str) -> tuple[Example, ...]:
    """Of a model that brings none of its own: they say what to look at, and nothing of what it will write."""
    prompt = "今天天气很好，我们" if language == "zh" else "The most important thing about a good story is"
    return (
        Example("any_draw", prompt, {"temperature": 0.8, "top_p": 0.9}),
        Example("any_greedy", prompt, do_sample=False, max_new_tokens=60),
        Example("any_hot", prompt, {"temperature": 1.8}),
    )


# Texts of different length for the masks, with the ids that the shipped tokenizer gives them: no model is needed.
BATCH: Mapping[str, tuple[int, ...]] = {
    "Once upon a time there was a": (2656, 705, 259, 531, 439, 308, 259),
    "The wolf was hungry": (337, 2410, 308, 1695),
    "Good morning": (2003, 915),
}
LOOKED_AT = (
    "The old king said to his son: take the golden key and go into the wood. "
    "The son took the key, and when he came to the wood he saw a little bird."
)
