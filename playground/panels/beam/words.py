"""Sentences of the Beam search tab: the numbers of its views put into words, as parts and tables for a LiveText."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from playground.decoding.beam_steps import Hypothesis
from playground.decoding.beam_trace import BeamTrace
from playground.i18n import Translator
from playground.panels.wording import Part, badge
from playground.views.beam_cost import SearchCost
from playground.views.beam_length_penalty import Finished, Flip, Ranking
from playground.views.beam_pool import Pool
from playground.views.beam_sequences import Verdict, distinct
from playground.views.beam_underflow import Underflow
from playground.views.notation import percent, shorter, significant
from playground.views.strip import spelt_together
from playground.vocabulary import Vocabulary

if TYPE_CHECKING:  # imports transformers, for which the page does not wait
    from playground.runs.verification.beams import BeamVerification

LONGEST = 64  # characters of a sequence in a table
Colour = Callable[[tuple[int, ...]], int | None]  # token ids -> number of the sequence's colour


def signed(value: float, digits: int = 2) -> str:
    """Example: -13.703 -> "−13.70"."""
    return f"{value:.{digits}f}".replace("-", "−")


def typed(alpha: float) -> str:
    return shorter(round(alpha, 3)).replace("-", "−")


def power(base: str, exponent: float) -> str:
    """Example: "8", 2 -> "8²"; "8", 1 -> "8"; "8", 0.7 -> "8^0.7"."""
    if exponent == 1:
        return base
    if exponent == int(exponent):
        return base + str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{base}^{typed(exponent)}"


def line(token_ids: tuple[int, ...], vocabulary: Vocabulary, longest: int = LONGEST) -> str:
    """The end of a sequence on one line."""
    text = spelt_together(token_ids, vocabulary).strip() or "∅"
    if len(text) <= longest:
        return text
    end = text[-longest:]
    return "… " + (end.partition(" ")[2] or end)


def lacks(phrases: tuple[tuple[int, ...], ...], vocabulary: Vocabulary, t: Translator) -> str:
    """What must appear and does not, to stand behind a sequence; nothing where nothing lacks."""
    if not phrases:
        return ""
    return t("beam.lacks", phrases=t("beam.lacks.and").join("".join(vocabulary.labels(ids)) for ids in phrases))


def marked(sequence: Hypothesis | Finished, vocabulary: Vocabulary, t: Translator, longest: int = LONGEST) -> str:
    """A sequence on one line, with what it lacks."""
    said = (line(sequence.token_ids, vocabulary, longest), lacks(sequence.lacks, vocabulary, t))
    return " · ".join(part for part in said if part)


def dot(colour: int | None) -> str:
    """The colour before a row of a table, as its name in the palette."""
    return "muted" if colour is None else f"seq-{chr(97 + colour)}"


def quoted(text: str) -> Part:
    return {"text": text.strip() or "∅", "kind": "token"}


def verification_badge(
    found: "BeamVerification", trace: BeamTrace, t: Translator, is_recorded: bool = False
) -> dict[str, object]:
    """What the comparison with transformers found; of a recorded search, that another processor made it."""
    if found.method == "none":
        return badge(t("beam.badge.none"), "wait")
    difference = "0.0" if found.largest_difference == 0 else f"{found.largest_difference:.1e}"
    values = {
        "beams": trace.strategy.num_beams, "equal": found.equal, "sequences": found.sequences, "difference": difference,
    }  # fmt: skip
    if found.passed and found.is_generate_out_of_order:
        return badge(t("beam.badge.out_of_order", **values), "good")
    if found.passed:
        key = "beam.badge.generate" if found.method == "generate" else "beam.badge.rescored"
        made_elsewhere = is_recorded and found.largest_difference > 0
        is_said = found.kernels and (found.kernels != "packed" or found.method == "generate")
        kernels = t(f"badge.{found.kernels}") if is_said else ""
        return badge(t(key, **values) + (t("beam.badge.elsewhere") if made_elsewhere else "") + kernels, "good")
    key = "beam.badge.differs" if found.method == "generate" else "beam.badge.rescored_differs"
    return badge(t(key, **values), "bad")


def running(trace: BeamTrace, index: int, vocabulary: Vocabulary, t: Translator, colour: Colour) -> dict[str, object]:
    """The beams after a step; where that step ended them all, those before it."""
    at = index if trace.running(index) or not index else index - 1
    beams = sorted(trace.running(at), key=lambda b: -b.cum_logprob)
    rows = [
        [
            line(beam.token_ids, vocabulary),
            signed(beam.cum_logprob),
            signed(beam.cum_logprob / len(beam.token_ids) ** trace.length_penalty, 3),
            str(beam.beam_indices[-1] + 1) if at else "–",
        ]
        for beam in beams
    ]
    if not rows:
        return {"parts": [t("beam.running.none")]}
    what = t("beam.column.text" if at == index else "beam.column.text_before")
    head = [what, t("beam.column.sum"), t("beam.column.score"), t("beam.column.from")]
    return {"table": {"head": head, "rows": rows, "dots": [dot(colour(beam.token_ids)) for beam in beams]}}


def best(trace: BeamTrace, index: int, vocabulary: Vocabulary, t: Translator, colour: Colour) -> dict[str, object]:
    """The finished sequences, best first."""
    finished = [h for h in trace.steps[index].finished if not h.is_ghost]
    rows = [
        [
            marked(h, vocabulary, t, 400),
            signed(h.score if h.perturbed is None else h.perturbed, 3),
            signed(h.cum_logprob),
            str(len(h.token_ids)),
        ]
        for h in finished
    ]
    if not rows:
        return {"parts": [t("beam.best.none")]}
    by = t("beam.column.perturbed" if trace.strategy.is_perturbed else "beam.column.score")
    head = [t("beam.column.text"), by, t("beam.column.sum"), t("beam.column.tokens")]
    return {"table": {"head": head, "rows": rows, "dots": [dot(colour(h.token_ids)) for h in finished]}}


def best_words(
    sequences: tuple[Hypothesis, ...], shared: int, greedy: Hypothesis | None, vocabulary: Vocabulary, t: Translator
) -> dict[str, object]:
    """How much the sequences differ, and greedy's text for comparison."""
    parts: list[Part] = []
    if greedy is not None:
        before, after = t(
            "beam.best.greedy", text="\u0000", sum=signed(greedy.cum_logprob), score=signed(greedy.score, 3),
            tokens=len(greedy.token_ids),
        ).split("\u0000")  # fmt: skip
        parts += [before, quoted(line(greedy.token_ids, vocabulary, 200)), after]
    ids = [h.token_ids for h in sequences]
    if len(ids) < 2:
        return {"parts": parts}
    one, two = distinct(ids, 1), distinct(ids, 2)
    amounts = {f"distinct_{n}": "–" if value is None else significant(value) for n, value in ((1, one), (2, two))}
    return {"parts": [*parts, t("beam.best.diversity", count=len(ids), shared=shared, **amounts)]}


def pool_words(view: Pool, trace: BeamTrace, t: Translator) -> dict[str, object]:
    """Why the search goes on, or why it stopped."""
    values = {
        "finished": len(view.finished), "size": view.size, "room": view.room,
        "worst": "" if view.worst is None else signed(view.worst, 3),
        "reach": "" if view.best_possible is None else signed(view.best_possible, 3),
        "sum": signed(view.best_sum), "power": power(str(view.length), trace.length_penalty),
    }  # fmt: skip
    reason: str | None = view.stop_reason
    if reason == "no_improvement" and view.best_possible is None:
        reason = "length"  # nothing runs any more, so nothing can improve
    if reason:
        said = t(f"beam.pool.stop_{reason}", **values)
    elif view.is_perturbed:
        said = t("beam.pool.stochastic", **values)
    else:
        said = t("beam.pool.room" if view.worst is None else "beam.pool.open", **values)
    has_formula = view.best_possible is not None and view.worst is not None and not view.is_perturbed
    whose = t("beam.pool.group", group=view.group + 1, groups=view.groups) if view.groups > 1 else ""
    return {"parts": [whose, said, t("beam.pool.formula", **values) if has_formula else ""]}


def headline_running(trace: BeamTrace, index: int, vocabulary: Vocabulary, t: Translator) -> dict[str, object]:
    step = trace.steps[index]
    beams = sorted(trace.running(index), key=lambda b: -b.cum_logprob)
    real = [c for c in step.candidates if not c.is_ghost]
    if not beams:
        return {"parts": [t("beam.headline.nothing_runs", step=index + 1)]}
    before, after = t(
        "beam.headline.running", step=index + 1, leader="\u0000", sum=signed(beams[0].cum_logprob), beams=len(beams),
        candidates=len(real), finished=len(step.finished),
    ).split("\u0000")  # fmt: skip
    return {"parts": [before, quoted(line(beams[0].token_ids, vocabulary, 40)), after]}


def headline_ended(view: Verdict, trace: BeamTrace, vocabulary: Vocabulary, t: Translator) -> dict[str, object]:
    """What the width brought, with greedy's numbers for comparison."""
    if trace.strategy.is_drawn:
        return _headline_drawn(view, trace, vocabulary, t)
    beams, winner, greedy = trace.strategy.num_beams, view.winner, view.greedy
    values = {
        "beams": beams, "gain": signed(abs(view.gain)), "sum": signed(winner.cum_logprob),
        "greedy": signed(greedy.cum_logprob), "length": len(winner.token_ids), "greedy_length": len(greedy.token_ids),
        "score": signed(winner.score, 3), "greedy_score": signed(greedy.score, 3), "alpha": typed(trace.length_penalty),
    }  # fmt: skip
    parts: list[Part] = [quoted(line(winner.token_ids, vocabulary, 60)), " "]
    if winner.lacks:
        parts.append(t("beam.headline.lacks", lacks=lacks(winner.lacks, vocabulary, t)))
    if view.is_same:
        return {"parts": [*parts, t("beam.headline.same", **values)]}
    same_length = len(winner.token_ids) == len(greedy.token_ids)
    if view.gain > 0:
        key = "beam.headline.beats" if same_length or view.score_gain > 0 else "beam.headline.beats_sum_only"
    elif view.score_gain > 0:
        key = "beam.headline.beats_score_only"
    else:
        key = "beam.headline.loses"
    parts.append(t(key, **values))
    if view.gain > 0 and view.given_up > 0 and view.paid_back_at and view.parts_at:
        parts.append(t("beam.headline.paid", at=view.parts_at, given_up=signed(view.given_up), back=view.paid_back_at))
    elif view.pruned_at:
        rank = "–" if view.pruned_rank is None else f"{view.pruned_rank}"
        key = "beam.headline.pruned" if view.pruned_rank else "beam.headline.never_seen"
        parts.append(t(key, at=view.pruned_at, rank=rank, beams=beams))
    if not same_length:
        parts.append(t("beam.headline.lengths", **values))
    if trace.strategy.phrases:
        parts.append(t("beam.headline.free_greedy"))
    if winner.group:
        parts.append(t("beam.headline.penalised", group=winner.group + 1))
    return {"parts": parts}


def _headline_drawn(view: Verdict, trace: BeamTrace, vocabulary: Vocabulary, t: Translator) -> dict[str, object]:
    """The best of what was drawn, under the plain model: the warpers would make the sums incomparable."""
    ours, theirs = (sum(h.raw_logprobs) for h in (view.winner, view.greedy))
    key = "beam.headline.drawn_best" if trace.best and trace.best.perturbed is None else "beam.headline.drawn_first"
    values = {"sum": signed(ours), "greedy": signed(theirs), "beams": trace.strategy.num_beams}
    return {"parts": [quoted(line(view.winner.token_ids, vocabulary, 60)), " ", t(key, **values)]}


def alpha_words(now: Ranking, found: tuple[Flip, ...], trace: BeamTrace, t: Translator) -> dict[str, object]:
    if trace.strategy.is_perturbed:
        return {"parts": [t("beam.alpha.none")]}
    parts: list[Part] = []
    flips = t("beam.alpha.and").join(typed(round(flip.alpha, 2)) for flip in found)
    parts.append(t("beam.alpha.flips", flips=flips, count=len(found)) if found else t("beam.alpha.no_flip"))
    recorded = len(trace.steps)
    if now.stops_after is None:
        parts.append(t("beam.alpha.rerun", alpha=typed(now.alpha), steps=recorded))
    elif now.stops_after < recorded:
        parts.append(t("beam.alpha.earlier", alpha=typed(now.alpha), stops=now.stops_after, steps=recorded))
    else:
        parts.append(t("beam.alpha.exact", alpha=typed(now.alpha), steps=recorded))
    return {"parts": parts}


def alpha_rank(
    now: Ranking, drawn: list[Finished], vocabulary: Vocabulary, t: Translator, colour: Colour
) -> dict[str, object]:
    """The ranking, then the other sequences that have a line in the chart: whose it is must be said somewhere."""
    rows = [
        [
            marked(f, vocabulary, t),
            signed(f.score(now.alpha), 3) if f in now.order else t("beam.alpha.out"),
            t("beam.alpha.formula", sum=signed(f.cum_logprob), power=power(str(len(f.token_ids)), round(now.alpha, 3))),
        ]
        for f in drawn
    ]
    if not rows:
        return {"parts": [t("beam.best.none")]}
    head = [t("beam.column.text"), t("beam.column.score"), t("beam.column.formula")]
    return {"table": {"head": head, "rows": rows, "dots": [dot(colour(f.token_ids)) for f in drawn]}}


def logs_words(view: Underflow, t: Translator) -> dict[str, object]:
    parts: list[Part] = [t("beam.logs.sum_is", sum=signed(view.sums[-1]), tokens=len(view.sums)), " "]
    for product in view.products:
        if product.zero_at is not None:
            parts.append(t("beam.logs.zero", format=product.name, at=product.zero_at))
        else:
            value = f"{product.values[-1]:.2e}".replace("-", "−")
            parts.append(t("beam.logs.not_yet", format=product.name, value=value))
            if product.expected_at is not None:
                mean = signed(view.sums[-1] / len(view.sums))
                parts.append(t("beam.logs.expected", at=product.expected_at, mean=mean))
            parts.append(t("beam.logs.stop"))
    return {"parts": parts}


def cost(view: SearchCost, t: Translator) -> dict[str, object]:
    many = power(f"{view.vocab_size:,}", view.length)
    if view.exist is not None:
        exist = t("beam.cost.exist_few", power=many, number=f"{view.exist:,}")
    else:
        exist = t("beam.cost.exist", power=many, digits=view.exist_digits)
    return {
        "parts": [
            exist,
            t(
                "beam.cost.did", scored=view.scored, shown=view.shown, kept=view.kept, forwards=view.forwards,
                tokens=view.tokens,
            ),
        ]
    }  # fmt: skip


def path(nodes: tuple[tuple[str, float, float, int], ...], alpha: float, t: Translator) -> dict[str, object]:
    """One sequence, token by token. `nodes`: label, step log-prob, cumulative, rank among the step's candidates."""
    rows = [
        [
            label,
            percent(math.exp(logprob)),
            signed(logprob),
            signed(cum),
            signed(cum / (i + 1) ** alpha, 3),
            str(rank),
        ]
        for i, (label, logprob, cum, rank) in enumerate(nodes)
    ]
    head = [
        t("beam.column.token"), t("beam.column.probability"), t("beam.column.logprob"), t("beam.column.sum"),
        t("beam.column.score"), t("beam.column.rank"),
    ]  # fmt: skip
    return {"table": {"head": head, "rows": rows}}


def ban_before(pairs: tuple[tuple[int, int], ...], vocabulary: Vocabulary, t: Translator) -> dict[str, object]:
    """What the ban would forbid the winner, before anybody searches again."""
    if not pairs:
        return {"parts": [t("beam.ban.none_repeats")]}
    shown: list[Part] = []
    for pair in list(dict.fromkeys(pairs))[:4]:
        shown += [quoted("".join(vocabulary.labels(pair))), " "]
    return {"parts": [t("beam.ban.repeats", count=len(pairs)), " ", *shown]}


def ban(
    winner: Hypothesis, banned: Hypothesis, vocabulary: Vocabulary, t: Translator
) -> tuple[dict[str, object], dict[str, object]]:
    """The same beams with no pair of tokens twice: a table and a sentence."""
    rows = [
        [name, line(h.token_ids, vocabulary, 400), signed(h.cum_logprob), signed(h.score, 3)]
        for name, h in ((t("beam.ban.free"), winner), (t("beam.ban.banned"), banned))
    ]
    head = ["", t("beam.column.text"), t("beam.column.sum"), t("beam.column.score")]
    change = banned.cum_logprob - winner.cum_logprob
    if banned.token_ids == winner.token_ids:
        words = t("beam.ban.same")
    elif change < 0:
        words = t("beam.ban.costs", change=signed(-change), lengths=_lengths(winner, banned, t))
    else:
        words = t("beam.ban.gains", change=signed(change), lengths=_lengths(winner, banned, t))
    return {"table": {"head": head, "rows": rows}}, {"parts": [words]}


def _lengths(winner: Hypothesis, banned: Hypothesis, t: Translator) -> str:
    ours, theirs = len(winner.token_ids), len(banned.token_ids)
    return "" if ours == theirs else t("beam.ban.lengths", free=ours, banned=theirs)
