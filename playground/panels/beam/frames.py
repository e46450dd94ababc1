"""Frames of the Beam search tab: what each panel shows of a search, by channel of its LiveBus."""

from dataclasses import dataclass

from playground.decoding.beam_steps import BeamCandidate, Hypothesis
from playground.decoding.beam_trace import BeamTrace
from playground.i18n import Translator
from playground.panels.beam import words
from playground.panels.figures.beam_length_penalty import beam_length_penalty_figure, drawn
from playground.panels.figures.beam_pool import beam_pool_figure
from playground.panels.figures.beam_underflow import beam_underflow_figure
from playground.panels.figures.theme import nothing
from playground.views.beam_cost import search_cost
from playground.views.beam_length_penalty import Flip, Ranking, flips, grid, ranking, rankings
from playground.views.beam_pool import pool
from playground.views.beam_sequences import repeated_pairs, shared_beginning, verdict
from playground.views.beam_tree import BeamTree, Node, Place
from playground.views.beam_underflow import underflow
from playground.views.dialogue import dialogue_parts
from playground.views.strip import spelt_together
from playground.vocabulary import Vocabulary

NO_TEXT: dict[str, object] = {"parts": []}


@dataclass(frozen=True)
class BeamLook:
    """How a search is shown: in which language, with whose labels."""

    t: Translator
    vocabulary: Vocabulary


def tree(trace: BeamTrace, shape: BeamTree, start: int, look: BeamLook) -> dict[str, object]:
    """The tree from layer `start` on; from 0 with the prompt before it."""
    payload: dict[str, object] = {
        "start": start,
        "tokens": [[_row(node, look) for node in layer] for layer in shape.layers[start:]],
        "ends": [list(place) for place in shape.ends(trace)],
        "is_final": trace.is_finished,
        "alpha": trace.length_penalty,
        "label": _label(trace, look),
    }
    if start == 0:
        payload["prompt"] = spelt_together(trace.prompt_ids, look.vocabulary)
    return payload


def lead(trace: BeamTrace, look: BeamLook) -> dict[str, object]:
    """The dialogue that was read, what the chat template put there marked; nothing of a plain text."""
    found = dialogue_parts(trace.prompt_ids, trace.rendered, look.vocabulary) if trace.rendered else []
    return {"parts": [{"text": look.t("turns.legend"), "kind": "legend"}, *found] if found else []}


def _row(node: Node, look: BeamLook) -> list[object]:
    c = node.candidate
    beam = -1 if c.beam is None else c.beam
    numbers = [round(value, 4) for value in (c.logprob, c.cum_logprob, c.score)]
    lacks = words.lacks(c.lacks, look.vocabulary, look.t) if c.fate == "finished" else ""
    label = look.t("beam.tree.lacks", token=node.label, lacks=lacks) if lacks else node.label
    colour = -1 if node.colour is None else node.colour
    return [node.parent, label, *numbers, c.fate, beam, node.index, _note(c, look.t), colour]


def _note(c: BeamCandidate, t: Translator) -> str:
    """What only some strategies know of a candidate."""
    said = []
    if c.penalty:
        said.append(t("beam.note.penalty", penalty=words.signed(c.penalty), group=c.group + 1))
    elif c.group:
        said.append(t("beam.note.group", group=c.group + 1))
    if c.bank is not None:
        said.append(t("beam.note.bank", bank=c.bank))
    if c.is_forced:
        said.append(t("beam.note.forced"))
    if c.perturbed is not None:
        said.append(t("beam.note.perturbed", perturbed=words.signed(c.perturbed)))
    return " ".join(said)


def _label(trace: BeamTrace, look: BeamLook) -> str:
    """The tree's headline number, for those who hear the page."""
    if not trace.steps:
        return look.t("beam.tree.help")
    leader = trace.best or next(iter(trace.running(len(trace.steps) - 1)), None)
    if leader is None:
        return look.t("beam.tree.help")
    text = look.vocabulary.text(leader.token_ids).strip()
    key = "beam.tree.label_ended" if trace.is_finished else "beam.tree.label_running"
    return look.t(key, step=len(trace.steps), text=text, sum=words.signed(leader.cum_logprob))


def step_panels(
    trace: BeamTrace, shape: BeamTree, index: int, greedy: Hypothesis | None, look: BeamLook
) -> dict[str, object]:
    """Everything that speaks of the search as it stood after step `index`."""
    t, vocabulary, view = look.t, look.vocabulary, pool(trace, index)
    texts = [words.marked(h, vocabulary, t, 40) for h in view.finished]
    return {
        "beam.running": words.running(trace, index, vocabulary, t, shape.colour),
        "beam.pool": beam_pool_figure(view, texts, [shape.colour(h.token_ids) for h in view.finished], t),
        "beam.pool_words": words.pool_words(view, trace, t),
        "beam.best": words.best(trace, index, vocabulary, t, shape.colour),
        "beam.best_words": best_words(trace, index, greedy, look),
        "beam.cost": words.cost(search_cost(trace.until(index + 1), len(vocabulary.pieces)), t),
    }


def best_words(trace: BeamTrace, index: int, greedy: Hypothesis | None, look: BeamLook) -> dict[str, object]:
    finished = pool(trace, index).finished
    shared = shared_beginning([h.token_ids for h in finished])
    return words.best_words(finished, shared, greedy, look.vocabulary, look.t)


def headline(
    trace: BeamTrace, shape: BeamTree, index: int, greedy: Hypothesis | None, look: BeamLook
) -> dict[str, object]:
    if greedy is not None and trace.best is not None and index == len(trace.steps) - 1:
        return words.headline_ended(verdict(trace, greedy, shape), trace, look.vocabulary, look.t)
    return words.headline_running(trace, index, look.vocabulary, look.t)


def ending(trace: BeamTrace, shape: BeamTree, alpha: float, look: BeamLook) -> dict[str, object]:
    """What only a finished search has: other length penalties, and why it counts in logs."""
    winner = trace.best
    if winner is None:
        return cleared()
    sums = underflow(winner.logprobs)
    return {
        "beam.ban_before": words.ban_before(
            repeated_pairs(trace.prompt_ids, winner.token_ids), look.vocabulary, look.t
        ),
        **length_penalty(trace, shape, alpha, look),
        "beam.logs": beam_underflow_figure(
            sums, look.vocabulary.labels(winner.token_ids), shape.colour(winner.token_ids), look.t
        ),
        "beam.logs_words": words.logs_words(sums, look.t),
    }


def along_alpha(trace: BeamTrace) -> tuple[tuple[Ranking, ...], tuple[Flip, ...]]:
    over = rankings(trace, grid())
    return over, flips(trace, over)


def length_penalty(trace: BeamTrace, shape: BeamTree, alpha: float, look: BeamLook) -> dict[str, object]:
    """The finished sequences ranked by another α."""
    if trace.strategy.is_perturbed:
        none = words.alpha_words(ranking(trace, alpha), (), trace, look.t)
        return {"beam.alpha": nothing(), "beam.alpha_words": none, "beam.alpha_rank": NO_TEXT}
    now = ranking(trace, alpha)
    over, found = along_alpha(trace)
    known = dict.fromkeys([*now.order, *(f for r in over for f in r.order)])
    labels = {f: words.marked(f, look.vocabulary, look.t, 40) for f in known}
    colours = {f: shape.colour(f.token_ids) for f in known}
    return {
        "beam.alpha": beam_length_penalty_figure(over, found, now, labels, colours, look.t),
        "beam.alpha_words": words.alpha_words(now, found, trace, look.t),
        "beam.alpha_rank": words.alpha_rank(now, drawn(over, now), look.vocabulary, look.t, shape.colour),
    }


def path(trace: BeamTrace, shape: BeamTree, place: Place | None, look: BeamLook) -> dict[str, object]:
    """The sequence that was clicked, or, without one, the winner or leader."""
    at = place or next(iter(shape.ends(trace)), None)
    if at is None:
        return {"beam.path": NO_TEXT, "beam.path_text": NO_TEXT}
    nodes = shape.path(at)
    ids = [node.candidate.token_id for node in nodes]
    whole = spelt_together([*trace.prompt_ids, *ids], look.vocabulary)
    prompt = spelt_together(trace.prompt_ids, look.vocabulary)
    generated = {"text": whole[len(prompt) :], "kind": "token"} if whole.startswith(prompt) else whole
    rows = tuple((n.label, n.candidate.logprob, n.candidate.cum_logprob, n.index + 1) for n in nodes)
    return {
        "beam.path": words.path(rows, trace.length_penalty, look.t),
        "beam.path_text": {"parts": [prompt, generated]},
    }


def cleared() -> dict[str, object]:
    """The panels of an ended search while another one runs: they would speak of the one before."""
    names = ("alpha_words", "alpha_rank", "logs_words", "ban_before", "ban", "ban_words", "badge", "code")
    return {f"beam.{name}": NO_TEXT for name in names}


def blank(look: BeamLook) -> dict[str, object]:
    """All panels but the tree, without a step: what stood there was of another search, or of another model."""
    texts = ("running", "best", "best_words", "pool_words", "cost", "path", "path_text")
    charts = {f"beam.{name}": nothing(look.t("chart.empty")) for name in ("pool", "alpha", "logs")}
    empty = {"parts": [look.t("beam.headline.empty")]}
    return {"beam.headline": empty, **dict.fromkeys([f"beam.{name}" for name in texts], NO_TEXT), **charts, **cleared()}


def whole(
    trace: BeamTrace, shape: BeamTree, index: int, greedy: Hypothesis | None, picked: Place | None, alpha: float,
    look: BeamLook,
) -> dict[str, object]:  # fmt: skip
    """All panels; before the first step only the prompt and a word on what to do."""
    channels: dict[str, object] = {"beam.tree": tree(trace, shape, 0, look), "beam.lead": lead(trace, look)}
    if not trace.steps:
        return {**channels, **blank(look)}
    channels |= step_panels(trace, shape, index, greedy, look)
    channels["beam.headline"] = headline(trace, shape, index, greedy, look)
    return channels | path(trace, shape, picked, look) | ending(trace, shape, alpha, look)
