"""The tree: every candidate stands under the beam that it continues, for every strategy; nothing moves as it grows."""

import pytest

from playground.decoding.beam_search import BeamSearch
from playground.decoding.constrained_beam_search import ConstrainedBeamSearch
from playground.decoding.diverse_beam_search import DiverseBeamSearch
from playground.decoding.selection import Multinomial
from playground.decoding.stochastic_beam_search import StochasticBeamSearch
from playground.views.beam_tree import COLOURS, BeamTree
from playground.vocabulary import Vocabulary
from tests.views.beam_searches import random_rows, searched

WORDS = Vocabulary(tuple(f" w{i}".encode() for i in range(7)))
STRATEGIES = {
    "beam": BeamSearch(3),
    "wide": BeamSearch(6, -1.0, "never"),  # wider than the vocabulary has candidates: ghosts
    "sample": BeamSearch(3, selection=Multinomial(4)),
    "diverse": DiverseBeamSearch(4, 2, 0.7),
    "constrained": ConstrainedBeamSearch(4, ((2, 4),)),
    "stochastic": StochasticBeamSearch(4, 3),
}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", STRATEGIES)
def test_the_path_to_a_node_spells_the_sequence_that_was_considered(name, seed, table_model):
    trace = searched(table_model(random_rows(seed), eos_ids=(6,)), STRATEGIES[name], 6)
    tree = BeamTree.of(trace, WORDS)
    assert len(tree.layers) == len(trace.steps)
    for step, layer in zip(trace.steps, tree.layers, strict=True):
        real = [c for c in step.candidates if c.cum_logprob > -1e8]
        assert [node.candidate for node in layer] == real
        for node in layer:
            before = trace.steps[step.index - 1].beams[node.candidate.parent].token_ids if step.index else ()
            path = tree.path((step.index, node.index))
            assert tuple(n.candidate.token_id for n in path) == (*before, node.candidate.token_id)
            assert node.label == f"␣w{node.candidate.token_id}"


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", STRATEGIES)
def test_every_sequence_that_runs_or_has_finished_has_its_place(name, seed, table_model):
    trace = searched(table_model(random_rows(seed), eos_ids=(6,)), STRATEGIES[name], 6)
    for count in range(1, len(trace.steps) + 1):
        so_far = trace.until(count)
        tree = BeamTree.of(so_far, WORDS)
        for hypothesis in (*so_far.running(count - 1), *so_far.steps[-1].finished):
            if hypothesis.cum_logprob < -1e8:
                continue
            path = tree.path(tree.place(hypothesis))
            assert tuple(n.candidate.token_id for n in path) == hypothesis.token_ids
            assert path[-1].candidate.cum_logprob == pytest.approx(hypothesis.cum_logprob, abs=1e-5)


def test_a_growing_tree_keeps_its_layers(table_model):
    trace = searched(table_model(random_rows(1), eos_ids=(6,)), BeamSearch(3), 6)
    tree = BeamTree()
    for count in range(1, len(trace.steps) + 1):
        grown = tree.grown(trace.until(count), WORDS)
        assert all(one is other for one, other in zip(tree.layers, grown.layers, strict=False))
        assert len(grown.layers) == count
        tree = grown
    assert tree == BeamTree.of(trace, WORDS)


def test_the_ends_are_the_running_beams_by_their_sums_and_in_the_end_the_results(table_model):
    trace = searched(table_model(random_rows(2), eos_ids=(6,)), BeamSearch(3, 0.5), 5)
    tree = BeamTree.of(trace, WORDS)
    ends = [tuple(n.candidate.token_id for n in tree.path(place)) for place in tree.ends(trace)]
    assert ends == [h.token_ids for h in trace.steps[-1].finished]
    early = trace.until(2)
    ends = [tuple(n.candidate.token_id for n in tree.path(place)) for place in tree.ends(early)]
    running = sorted(early.running(1), key=lambda h: -h.cum_logprob)
    assert ends == [h.token_ids for h in (*running, *early.steps[-1].finished)]


def test_a_sequence_that_is_longer_than_the_tree_has_no_place(table_model):
    trace = searched(table_model(random_rows(2), eos_ids=(6,)), BeamSearch(2), 4)
    longest = max(trace.steps[-1].finished, key=lambda h: len(h.token_ids))
    with pytest.raises(KeyError):
        BeamTree.of(trace.until(len(longest.token_ids) - 1), WORDS).place(longest)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("name", STRATEGIES)
def test_a_colour_follows_its_sequence_and_what_lives_at_once_can_be_told_apart(name, seed, table_model):
    """The best continuation of a beam inherits its colour; the others get one that nothing on the page has."""
    trace = searched(table_model(random_rows(seed), eos_ids=(6,)), STRATEGIES[name], 8)
    tree = BeamTree.of(trace, WORDS)
    for step, layer in zip(trace.steps, tree.layers, strict=True):
        for node in layer:
            ids = tuple(n.candidate.token_id for n in tree.path((step.index, node.index)))
            assert (node.colour is None) == (node.candidate.fate not in ("kept", "finished", "outscored"))
            if node.colour is not None:
                assert tree.colour(ids) == node.colour
        before = tree.layers[step.index - 1] if step.index else ()
        for parent in before:
            heirs = [n for n in layer if n.parent == parent.index and n.candidate.fate in ("kept", "finished")]
            if heirs and name != "diverse":  # whose groups may hold one sequence twice
                assert heirs[0].colour == parent.colour
                assert all(n.colour != parent.colour for n in heirs[1:])
        living = {h.token_ids for h in (*trace.running(step.index), *step.finished) if h.cum_logprob > -1e8}
        if len(living) <= COLOURS:
            assert len({tree.colour(ids) for ids in living}) == len(living)
    assert tree.colour((0,) * 99) is None


def test_sixteen_beams_share_the_colours_evenly(table_model):
    trace = searched(table_model(random_rows(3, 40)), BeamSearch(16), 3)
    tree = BeamTree.of(trace, Vocabulary(tuple(f" w{i}".encode() for i in range(40))))
    colours = [n.colour for n in tree.layers[0] if n.candidate.fate == "kept"]
    assert sorted(colours) == sorted([*range(COLOURS), *range(16 - COLOURS)])
