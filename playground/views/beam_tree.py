"""The tree of a search: every candidate a node under the beam that it continues, layer by layer."""

from dataclasses import dataclass, replace

from playground.decoding.beam_steps import BeamCandidate, BeamStep, Hypothesis
from playground.decoding.beam_trace import BeamTrace
from playground.vocabulary import Vocabulary

Place = tuple[int, int]  # step, index within its layer


@dataclass(frozen=True)
class Node:
    """One candidate.

    Attributes:
        index: its place in its layer, in the order of the step's candidates.
        parent: index of the node that it continues, in the layer before; -1 for the prompt.
        candidate: the facts.
        label: of its token.
    """

    index: int
    parent: int
    candidate: BeamCandidate
    label: str


@dataclass(frozen=True)
class BeamTree:
    """One layer a step. A layer never changes once it is there: a growing tree costs only its growth.

    Rows that only fill the batch (ghosts) are left out.
    """

    layers: tuple[tuple[Node, ...], ...] = ()

    @classmethod
    def of(cls, trace: BeamTrace, vocabulary: Vocabulary) -> "BeamTree":
        return cls().grown(trace, vocabulary)

    def grown(self, trace: BeamTrace, vocabulary: Vocabulary) -> "BeamTree":
        """The tree of the same search, some steps later."""
        tree = self
        for step in trace.steps[len(self.layers) :]:
            tree = replace(tree, layers=(*tree.layers, tree._layer(step, vocabulary)))
        return tree

    def _layer(self, step: BeamStep, vocabulary: Vocabulary) -> tuple[Node, ...]:
        above = (
            {n.candidate.beam: n.index for n in self.layers[-1] if n.candidate.beam is not None} if step.index else {}
        )
        real = [c for c in step.candidates if not c.is_ghost]
        return tuple(
            Node(index, above[c.parent] if step.index else -1, c, vocabulary.label(c.token_id))
            for index, c in enumerate(real)
        )

    def place(self, hypothesis: Hypothesis) -> Place:
        """Where a sequence ends. Raises KeyError if this search never considered it."""
        step = len(hypothesis.token_ids) - 1
        for node in self.layers[step] if step < len(self.layers) else ():
            if (node.candidate.parent, node.candidate.token_id) == (
                hypothesis.beam_indices[-1],
                hypothesis.token_ids[-1],
            ):
                return step, node.index
        raise KeyError(hypothesis.token_ids)

    def path(self, place: Place) -> tuple[Node, ...]:
        """The nodes from the first token to this one."""
        step, index = place
        nodes: list[Node] = []
        for layer in reversed(self.layers[: step + 1]):
            nodes.append(layer[index])
            index = layer[index].parent
        return tuple(reversed(nodes))

    def ends(self, trace: BeamTrace) -> tuple[Place, ...]:
        """Where the sequences worth a colour end, best first: what the search returned, or, while it goes on, its
        running beams and then what has finished so far."""
        if not trace.steps:
            return ()
        step = trace.steps[-1]
        running = () if step.stop_reason else sorted(trace.running(step.index), key=lambda beam: -beam.cum_logprob)
        sequences = (*running, *step.finished)
        return tuple(self.place(h) for h in sequences if not h.is_ghost)
