"""The tree of a search: every candidate a node under the beam that it continues, layer by layer, each with its colour.

A colour belongs to a sequence for good, whatever its rank becomes. The best continuation of a beam inherits the colour
of that beam; every further continuation is a sequence of its own and gets one that no other has at that moment, as
long as there are enough. So a colour is known when a node is made, and what comes later changes none.
"""

from collections import Counter
from dataclasses import dataclass, replace

from playground.decoding.beam_steps import BeamCandidate, BeamStep, Hypothesis
from playground.decoding.beam_trace import BeamTrace
from playground.vocabulary import Vocabulary

Place = tuple[int, int]  # step, index within its layer
COLOURS = 9  # that can be told apart; where more sequences live at once, the rarest come again
_COLOURED = ("kept", "finished", "outscored")


@dataclass(frozen=True)
class Node:
    """One candidate.

    Attributes:
        index: its place in its layer, in the order of the step's candidates.
        parent: index of the node that it continues, in the layer before; -1 for the prompt.
        candidate: the facts.
        label: of its token.
        colour: number of the colour of the sequence that ends here, below COLOURS; None for what was dropped.
    """

    index: int
    parent: int
    candidate: BeamCandidate
    label: str
    colour: int | None = None


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
        parents = [above[c.parent] if step.index else -1 for c in real]
        colours = self._colours(step, real, parents)
        return tuple(
            Node(index, parent, c, vocabulary.label(c.token_id), colour)
            for index, (c, parent, colour) in enumerate(zip(real, parents, colours, strict=True))
        )

    def _colours(self, step: BeamStep, candidates: list[BeamCandidate], parents: list[int]) -> list[int | None]:
        """Those of the next layer. Two groups may hold the same sequence: then it has one colour."""
        texts = [
            (*(n.candidate.token_id for n in self.path((step.index - 1, parent)) if parent >= 0), c.token_id)
            for c, parent in zip(candidates, parents, strict=True)
        ]
        order = sorted(
            (i for i, c in enumerate(candidates) if c.fate in _COLOURED),
            key=lambda i: (candidates[i].fate == "outscored", i),
        )
        found: dict[tuple[int, ...], int] = {}
        heirs: set[tuple[int, ...]] = set()
        for i in order:
            colour = self.layers[-1][parents[i]].colour if parents[i] >= 0 else None
            if colour is not None and texts[i] not in found and texts[i][:-1] not in heirs:
                heirs.add(texts[i][:-1])
                found[texts[i]] = colour
        older = [self.place(h) for h in step.finished if not h.is_ghost and len(h.token_ids) <= step.index]
        busy = Counter(found.values()) + Counter(n.colour for place in older for n in self.path(place)[-1:])
        living = [*older, *((step.index - 1, parent) for parent in parents if parent >= 0)]
        on_paths = {node.colour for place in living for node in self.path(place)}
        last_used = {node.colour: at for at, layer in enumerate(self.layers) for node in layer}
        for i in order:
            if texts[i] not in found:
                colour = min(range(COLOURS), key=lambda c: (busy[c], c in on_paths, last_used.get(c, -1), c))
                found[texts[i]] = colour
                busy[colour] += 1
        return [found[text] if c.fate in _COLOURED else None for c, text in zip(candidates, texts, strict=True)]

    def colour(self, token_ids: tuple[int, ...]) -> int | None:
        """Of a sequence of this search; None for one that it never considered."""
        at, colour = {-1}, None
        for layer, token_id in zip(self.layers, token_ids, strict=False):
            nodes = [n for n in layer if n.parent in at and n.candidate.token_id == token_id]
            at, colour = {n.index for n in nodes}, next((n.colour for n in nodes if n.colour is not None), None)
        return colour if len(token_ids) <= len(self.layers) else None

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
