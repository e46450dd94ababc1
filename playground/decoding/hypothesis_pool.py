"""The finished pool of transformers 4.49 (`BeamHypotheses`), which diverse and constrained beam search still use.

It differs from the pool of `beam_search`: it asks whether it is done with the best candidate of the step, ended or
not, and it adds in float64.
"""

from dataclasses import dataclass, field

from playground.decoding.beam_steps import Bound, EarlyStopping, Hypothesis


@dataclass
class HypothesisPool:
    """The best `size` finished sequences.

    Attributes:
        max_new_tokens: the length that "never" hopes for.
        group: named in the bound.
        is_done: nothing enters any more.
        entries: in the order in which they came.
    """

    size: int
    length_penalty: float
    early_stopping: EarlyStopping
    max_new_tokens: int
    group: int = 0
    is_done: bool = False
    entries: list[Hypothesis] = field(default_factory=list)
    _worst: float = 1e9

    def norm(self, length: int) -> float:
        return float(length**self.length_penalty)

    def add(self, hypothesis: Hypothesis) -> None:
        """Let a sequence in if there is room, or if it beats the worst."""
        if len(self.entries) >= self.size and not hypothesis.score > self._worst:
            return
        self.entries.append(hypothesis)
        if len(self.entries) > self.size:
            order = sorted(range(len(self.entries)), key=lambda place: (self.entries[place].score, place))
            self._worst = self.entries[order[1]].score
            del self.entries[order[0]]
        else:
            self._worst = min(hypothesis.score, self._worst)

    def close_if_done(self, best_sum: float, length: int) -> Bound:
        """Ask whether a sequence of this sum could still get in, at this length or at the best possible one; a pool
        with room is never done."""
        if self.early_stopping == "never" and self.length_penalty > 0:
            length = self.max_new_tokens
        best_possible = best_sum / self.norm(length)
        is_full = len(self.entries) >= self.size
        self.is_done = self.is_done or (is_full and (self.early_stopping is True or self._worst >= best_possible))
        return Bound(
            best_possible=best_possible,
            worst_finished=self._worst if is_full else None,
            is_open=not self.is_done,
            best_sum=best_sum,
            length=length,
            group=self.group,
        )
