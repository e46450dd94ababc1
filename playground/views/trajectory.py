"""The trajectory: how surprising each chosen token was, and how open the choice."""

from dataclasses import dataclass

from playground.decoding.trace import Trace
from playground.vocabulary import Vocabulary


@dataclass(frozen=True)
class Trajectory:
    """Per generated token: label, surprisal -ln p and entropy of the raw model, both in nats; of partial
    rows the most that it may be."""

    labels: tuple[str, ...]
    surprisals: tuple[float, ...]
    entropies: tuple[float, ...]
    is_partial: bool = False

    @property
    def mean_surprisal(self) -> float:
        """Nats per token; its exponential is the perplexity of the text under the raw model."""
        return sum(self.surprisals) / len(self.surprisals)


def trajectory(trace: Trace, vocabulary: Vocabulary) -> Trajectory:
    readings = [step.reading for step in trace.steps]
    return Trajectory(
        labels=tuple(vocabulary.labels(trace.token_ids)),
        surprisals=tuple(-r.logprob for r in readings),
        entropies=tuple(r.entropy for r in readings),
        is_partial=any(step.row.told for step in trace.steps),
    )
