"""What a model brings that is its own: examples and what to notice in them, texts to look at, where its texts end."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from playground import examples, settings
from playground.engines.shelf import Entry, Shelf
from playground.examples import BATCH, EXAMPLES, LOOKED_AT, Example
from playground.tabs.beam import examples as searches
from playground.tabs.beam.examples import BEAM_EXAMPLES, BeamExample
from playground.tabs.compare import examples as comparisons
from playground.tabs.compare.examples import COMPARE_EXAMPLES, INSTRUCT, CompareExample

MOST = 7  # examples on a tab


@dataclass(frozen=True)
class Brought:
    """Of one model, or of any that brings nothing (`made_with` is "" then).

    Attributes:
        made_with: the model whose words and numbers the texts of the examples speak of.
        examples, searches, comparisons: of the tabs Generate, Beam search and Compare; the first is the one that a
            visitor meets.
        batch: texts of the Attention tab, with their ids where those are known without the model.
        looked_at: the text of the Attention tab; `walked` that of Inside, `compared` that of Two models.
    """

    made_with: str = settings.DEFAULT_MODEL_NAME
    examples: tuple[Example, ...] = EXAMPLES
    searches: tuple[BeamExample, ...] = BEAM_EXAMPLES
    comparisons: tuple[CompareExample, ...] = (*COMPARE_EXAMPLES, INSTRUCT)
    batch: Mapping[str, tuple[int, ...]] = field(default_factory=lambda: BATCH)
    looked_at: str = LOOKED_AT
    walked: str = "The old king said to his son: take the golden"
    compared: str = 'The old man opened the door. "I see that you have come by train," said Holmes to the visitor.'

    def beside(self, shelf: Shelf) -> "Brought":
        """Without comparisons of models that this shelf lacks; itself where it has all."""
        found = tuple(one for one in self.comparisons if all(name in shelf for name in one.models))
        return self if found == self.comparisons else replace(self, comparisons=found)

    @property
    def ends(self) -> str:
        """The text that ends a sequence in the first search, "" for none."""
        return self.searches[0].stop


TALES = Brought()
VERSE = Brought(
    "poet", examples.POETS, searches.POETS, comparisons.POETS,
    dict.fromkeys(("静夜思：床前明月光", "春晓：", "江雪"), ()),
    "静夜思：床前明月光，疑是地上霜。举头望明月，低头思故乡。", "春晓：春眠不觉晓，处处闻啼鸟。",
    "静夜思：床前明月光，疑是地上霜。举头望明月，低头思故乡。",
)  # fmt: skip
OWN = {"storyteller": TALES, "poet": VERSE}


def brought_by(entry: Entry) -> Brought:
    """What a model of the shelf brings."""
    found = OWN.get(entry.name) if entry.group == "shipped" else None
    return found or of_any(entry.language)


_ANY = (
    ("The weather is fine today", "We are going to the", "See you tomorrow"),
    "The teacher asked a question. The children thought about the question, and one of them knew the answer.",
    "The most important thing about a good story is",
)
_ANY_CHINESE = (
    ("今天天气很好", "我们一起去", "早上好"),
    "老师提了一个问题。孩子们想了想这个问题，其中一个知道答案。",
    "今天天气很好，我们一起去公园",
)


def of_any(language: str) -> Brought:
    """What stands there for a model that brings nothing: nothing of what the shipped ones bring."""
    batch, looked_at, walked = _ANY_CHINESE if language == "zh" else _ANY
    return Brought(
        "", examples.of_any(language), searches.of_any(language), comparisons.of_any(language),
        dict.fromkeys(batch, ()), looked_at, walked, looked_at,
    )  # fmt: skip
