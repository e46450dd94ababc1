"""Comparisons that each show something with the default model: which setups, on which prompt, and what to notice."""

from dataclasses import dataclass

from playground.decoding.dialogue import Dialogue, Prompt, Turn
from playground.i18n import Said, say
from playground.runs.setup import Setup
from playground.tabs.compare.session import OwnText, Source


@dataclass(frozen=True)
class CompareExample:
    """Attributes:
    key: of its texts, `compare.example.<key>.name` and `.notice`.
    lanes: the name of each row and its setup, or the text that is read.
    """

    key: str
    prompt: Prompt
    lanes: tuple[tuple[str | Said, Source], ...]
    same_dice: bool = True

    @property
    def models(self) -> frozenset[str]:
        """Those that its lanes name."""
        return frozenset(source.model for _, source in self.lanes if source.model)


# Parker Fillmore, The Laughing Prince (1921), one of the five books that the storyteller's training held out
TALE = (
    " She was as lovely as a princess ought to be and by the time she reached a marriageable age the fame of her "
    "beauty had spread far and wide over all the world. Neighboring kings and even distant ones were already sending "
    "envoys to her father's court begging permission to offer their sons as suitors to the Princess's hand."
)


def _drawn(length: int = 40, **settings: float) -> Setup:
    return Setup("sample", settings, 36, length)


COMPARE_EXAMPLES = (
    CompareExample(
        "strategies", "The old king said to his",
        (
            (say("compare.lane.greedy"), Setup("greedy", {}, None, 40)), ("T 0.7", _drawn(temperature=0.7)),
            ("T 1.2", _drawn(temperature=1.2)),
            (say("compare.lane.beam", beams=4), Setup("beam", {"num_beams": 4}, None, 40)),
        ),
    ),
    CompareExample(
        "temperature", "The old king said to his",
        (("T 0.5", _drawn(temperature=0.5)), ("T 1", _drawn()), ("T 2", _drawn(temperature=2.0))),
    ),
    CompareExample(
        "ban", "The old king said to his",
        (
            (say("compare.lane.greedy"), Setup("greedy", {}, None, 60)),
            (say("compare.lane.ban"), Setup("greedy", {"no_repeat_ngram_size": 2}, None, 60)),
        ),
    ),
    CompareExample(
        "rigid", "The old king said to his",
        (
            ("top-k 10", Setup("sample", {"top_k": 10}, 7, 40)),
            ("top-p 0.9", Setup("sample", {"top_p": 0.9}, 7, 40)),
        ),
    ),
    CompareExample(
        "human", "There was once a King who had an only daughter.",
        ((say("compare.lane.author"), OwnText(TALE)), (say("compare.lane.greedy"), Setup("greedy", {}, None, 70))),
    ),
    CompareExample(
        "adapter", "The old man opened the door.",
        (
            (say("compare.lane.base"), Setup("greedy", {}, None, 40, model="storyteller")),
            (say("compare.lane.with_adapter"), Setup("greedy", {}, None, 40, model="detective")),
            (say("compare.lane.twice"), Setup("greedy", {}, None, 40, model="detective*2")),
        ),
    ),
)  # fmt: skip


# read otherwise by either: as a turn, as plain text
INSTRUCT = CompareExample(
    "instruct", Dialogue((Turn("user", "What is the capital of France?"),)),
    (
        (say("compare.lane.instruct"), Setup("greedy", {}, None, 40, model="SmolLM2-135M-Instruct")),
        (say("compare.lane.base"), Setup("greedy", {}, None, 40, model="SmolLM2-135M")),
    ),
)  # fmt: skip


def _usual(key: str, prompt: str) -> tuple[CompareExample, ...]:
    """Strategies, and temperatures, on a prompt."""
    strategies, temperatures = COMPARE_EXAMPLES[:2]
    return (
        CompareExample(f"{key}_strategies", prompt, strategies.lanes),
        CompareExample(f"{key}_temperature", prompt, temperatures.lanes),
    )


POETS = _usual("poet", "春晓：")


def of_any(language: str) -> tuple[CompareExample, ...]:
    """Of a model that brings none of its own."""
    if language == "zh":
        return _usual("any", "今天天气很好，我们")
    return (*_usual("any", "The most important thing about a good story is"), INSTRUCT)
