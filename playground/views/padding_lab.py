"""The padding lab: what the model says next after the same text, alone and padded in every way, right and wrong."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from playground.views.masks import Side
from playground.vocabulary import Vocabulary


@dataclass(frozen=True)
class Way:
    """One way to hand a padded text to the model.

    Attributes:
        side: where the padding is.
        with_mask, with_positions: whether attention mask and position ids are told.
        reads_last_token: whether the answer is taken at the text's last token; else at the last column, as
            `generate` does.
    """

    side: Side
    with_mask: bool
    with_positions: bool
    reads_last_token: bool = False


# by side, from right to wrong; the last one shows that right padding harms only because of where it is read
WAYS: tuple[Way, ...] = (
    Way("left", True, True), Way("left", True, False), Way("left", False, True), Way("left", False, False),
    Way("right", True, True), Way("right", True, False), Way("right", False, True), Way("right", False, False),
    Way("right", True, True, reads_last_token=True),
)  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """The next token in one of the ways.

    Attributes:
        way: None for the text alone: the truth.
        probabilities: of the tokens in PaddingLab.token_ids.
        greedy_id, greedy_label: its most probable token.
        divergence: KL(truth ‖ this), in nats.
    """

    way: Way | None
    probabilities: tuple[float, ...]
    greedy_id: int
    greedy_label: str
    divergence: float


@dataclass(frozen=True)
class PaddingLab:
    """All outcomes for one text, the truth first.

    Attributes:
        token_ids, labels: the columns: the truth's most probable tokens, then what the others put first.
    """

    token_ids: tuple[int, ...]
    labels: tuple[str, ...]
    outcomes: tuple[Outcome, ...]

    @property
    def changed(self) -> int:
        """In how many ways the greedy token is another one."""
        return sum(outcome.greedy_id != self.outcomes[0].greedy_id for outcome in self.outcomes)


def padding_lab(truth: Tensor, found: Mapping[Way, Tensor], vocabulary: Vocabulary, n: int = 6) -> PaddingLab:
    """The comparison of the logits (V,) of each way with those of the text alone."""
    ids: list[int] = torch.topk(truth, min(n, len(truth))).indices.tolist()
    for logits in found.values():
        first = int(logits.argmax())
        if first not in ids:
            ids.append(first)
    logprobs = torch.log_softmax(truth.double(), dim=-1)
    outcomes = [_outcome(None, truth, logprobs, ids, vocabulary)]
    outcomes += [_outcome(way, logits, logprobs, ids, vocabulary) for way, logits in found.items()]
    return PaddingLab(tuple(ids), tuple(vocabulary.labels(ids)), tuple(outcomes))


def _outcome(way: Way | None, logits: Tensor, truth: Tensor, ids: Sequence[int], vocabulary: Vocabulary) -> Outcome:
    own = torch.log_softmax(logits.double(), dim=-1)
    greedy = int(logits.argmax())
    return Outcome(
        way=way,
        probabilities=tuple(math.exp(own[i]) for i in ids),
        greedy_id=greedy,
        greedy_label=vocabulary.label(greedy),
        divergence=divergence(truth, own),
    )


def divergence(p: Tensor, q: Tensor) -> float:
    """KL(p ‖ q) in nats, of log-probabilities; what p excludes does not count."""
    terms = p.exp() * (p - q)
    return max(0.0, float(terms[~p.isneginf()].sum()))
