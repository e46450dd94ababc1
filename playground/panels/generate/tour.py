"""The tour's scenes: in what order the recorded run is played, and what is said meanwhile."""

from dataclasses import dataclass
from math import exp

from playground.decoding import pipeline
from playground.decoding.distribution import Distribution
from playground.decoding.trace import Trace
from playground.i18n import Translator
from playground.views.notation import percent
from playground.vocabulary import Vocabulary


@dataclass(frozen=True)
class Scene:
    """A part of the tour.

    Attributes:
        key: `tour.<key>` is its text.
        at: CSS selector of what it speaks of.
        tokens: how many tokens of the text are there at its end; None: all.
        seconds: how long it takes.
        asks: CSS selector of what the person is asked to click; then `tour.done` is said.
    """

    key: str
    at: str
    tokens: int | None
    seconds: float
    asks: str = ""


SCENES = (
    Scene("chance", "#chart-next_token", 0, 3.2),
    Scene("dice", "#strip", 1, 2.8),
    Scene("flow", "#strip", None, 4.0),
    Scene("click", "#strip", None, 0.0, "#strip .token"),
)
READY = {"scene": "ready"}
NONE = {"scene": "none"}


def words(scene: Scene, trace: Trace, vocabulary: Vocabulary, t: Translator) -> dict[str, object]:
    """The payload of a scene; its numbers are those of the first token of the run."""
    logits, taken = trace.steps[0].logits, trace.token_ids[0]
    before = Distribution.of(logits)
    after = Distribution.of(pipeline.processed_logits(trace.stages_at(0), logits[None])[0])
    best = before.most_probable(1)[0]
    said = {
        "chance": {"token": vocabulary.label(best), "probability": _chance(before, best)},
        "dice": {"token": vocabulary.label(taken), "before": _chance(before, taken), "after": _chance(after, taken)},
    }
    payload: dict[str, object] = {
        "scene": scene.key, "at": scene.at, "text": t(f"tour.{scene.key}", **said.get(scene.key, {})),
    }  # fmt: skip
    return payload | ({"asks": scene.asks, "done": t("tour.done")} if scene.asks else {})


def _chance(row: Distribution, token_id: int) -> str:
    return percent(exp(row.logprob(token_id)))
