"""Sentences: the numbers of a view put into the words of a language, as parts for a LiveText."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from playground.decoding.pipeline import Stage
from playground.decoding.processors_watermark import WatermarkScore
from playground.decoding.stopping import StopStrings
from playground.decoding.trace import Trace
from playground.i18n import Translator
from playground.views.formula import formula_numbers
from playground.views.headline import Headline
from playground.views.notation import Unit, percent, shorter, significant
from playground.views.stages import StageRow
from playground.vocabulary import Vocabulary, printable

if TYPE_CHECKING:  # these import transformers, for which the page does not wait
    from playground.engines.protocol import Info
    from playground.runs.verification.generate import Verification

Part = str | dict[str, Any]
Channels = dict[str, Any]  # of a frame: the payload of each, by name
_RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
UNKNOWN = "—"  # of a number that a partial row does not give
MARK = "\u0000"  # no text holds it: where the token goes


def headline(
    view: Headline, is_pinned: bool, t: Translator, unit: Unit, needs_run: bool = False
) -> dict[str, list[Part]]:
    """What happened at the inspected step, the token set apart; with `needs_run`, that guidance is not in it."""
    if view.cuts:
        cuts = t("headline.and").join(t(f"parameter.{name}.short") for name in view.cuts)
        survivors = t("headline.survive", kept=view.tokens_kept, vocab_size=view.vocab_size, cuts=cuts)
    else:
        survivors = t("headline.all_survive", vocab_size=view.vocab_size)
    sentence = t(
        f"headline.{view.by}",
        number=view.number,
        count=view.count,
        before=view.before,
        token=MARK,
        probability=percent(view.probability),
        rank=view.rank,
        surprisal=unit.amount(view.surprisal),
        entropy=entropy_amount(view.entropy, view.is_partial, unit),
        unit=unit.name,
        survivors=survivors,
    )
    if view.is_what_if:
        sentence += t("headline.what_if")
        if view.removed_by:
            sentence += t("headline.would_be_removed", cut=t(f"parameter.{view.removed_by}.short"), token=MARK)
    if needs_run:
        sentence += t("headline.guidance_needs_run")
    parts = with_tokens(sentence, view.label)
    if is_pinned:
        parts += [" ", {"text": t("headline.follow"), "kind": "action", "look": ["generate.token", None]}]
    return {"parts": parts}


def with_tokens(sentence: str, label: str, kind: str = "", labels: Sequence[str] = ()) -> list[Part]:
    """The sentence in parts, each MARK a token: the first `label`, then `labels`, or `label` again where they end.
    The text between them is of a `kind` of its own, if given."""
    parts: list[Part] = []
    for i, text in enumerate(sentence.split(MARK)):
        if i:
            parts.append(
                {"text": label if i == 1 or not labels else labels[min(i - 2, len(labels) - 1)], "kind": "token"}
            )
        if text or not i:
            parts.append({"text": text, "kind": kind} if kind else text)
    return parts


def notice(text: str, kind: str = "info") -> dict[str, object]:
    """A line above the text; kind "info" or "bad". Without text the line is gone."""
    return {"parts": [text] if text else [], "kind": kind if text else ""}


def stopped(trace: Trace, stop: StopStrings, t: Translator) -> dict[str, object]:
    """Which stop string ended the text, and with which token."""
    last = trace.steps[-1]
    text = stop.which(trace.context(last.index), last.choice.token_id) or ""
    return notice(t("notice.stop_string", number=last.index + 1, text=printable(text.encode())))


def badge(text: str, kind: str) -> dict[str, object]:
    """kind "good", "bad" or "wait"."""
    mark = {"good": "✓ ", "bad": "✗ ", "wait": ""}[kind]
    return {"parts": [mark + text], "kind": kind}


def no_reference(info: "Info", t: Translator) -> dict[str, object]:
    """Of an engine that transformers does not run."""
    return badge(t("badge.no_reference", name=info.name), "wait")


def verification_badge(found: "Verification", vocabulary: Vocabulary, t: Translator) -> dict[str, object]:
    """What the comparison with transformers found, or where the two first differ."""
    difference = "0.0" if found.largest_difference == 0 else f"{found.largest_difference:.1e}"
    if found.first_difference:
        theirs = found.first_difference.theirs
        text = t(
            "badge.differs",
            number=found.first_difference.index + 1,
            ours=vocabulary.label(found.first_difference.ours),
            theirs=t("badge.none") if theirs is None else vocabulary.label(theirs),
            difference=difference,
        )
        return badge(text, "bad")
    if not found.passed:
        if found.elsewhere is not None and found.elsewhere > found.largest_difference:
            difference = f"{found.elsewhere:.1e}"
        return badge(t("badge.numbers_differ", difference=difference), "bad")
    key = "badge.generate" if found.method == "generate" else "badge.teacher"
    text = t(key, equal=found.equal, tokens=found.tokens, by_hand=found.by_hand, difference=difference)
    if found.own:
        text += t("badge.own", own=t("headline.and").join(t(f"parameter.{name}.short") for name in found.own))
    elif found.is_listed and found.method == "generate":
        text += t("badge.listed")
    if not found.finds_stops:
        text += t("badge.no_stop")
    if found.elsewhere:
        text += t("badge.elsewhere", elsewhere=f"{found.elsewhere:.1e}")
    if found.kernels:
        text += t(f"badge.{found.kernels}")
    return badge(text, "good")


def watermark(score: WatermarkScore | None, t: Translator) -> dict[str, object]:
    """How green the text is, for a text with a watermark."""
    if score is None:
        return {"parts": []}
    expected = f"{shorter(round(100 * score.expected, 1))} %"
    words = t("watermark.score", z=f"{score.z:.2f}", green=score.green, scored=len(score.greens), expected=expected)
    odds = 1 / max(score.p_value, 1e-300)  # of so green a text without a watermark: one in so many
    texts = f"{float(f'{odds:.2g}'):,.0f}" if odds < 1e6 else "10" + str(int(math.log10(odds))).translate(_RAISED)
    return {"parts": [{"text": words, "kind": "strong"}, t("watermark.odds", texts=texts)]}


def formula(stage: Stage, context_ids: Sequence[int], t: Translator) -> str:
    """What a stage did to the step on show, as its formula with the numbers of the step filled in."""
    return t(f"parameter.{stage.processor.name}.formula", **formula_numbers(stage, context_ids))


def entropy_amount(entropy: float, is_at_most: bool, unit: Unit) -> str:
    """An entropy in nats as a number of the unit; of a partial row the most that it may be, or that it is not known."""
    return UNKNOWN if math.isnan(entropy) else f"{'≤ ' if is_at_most else ''}{unit.amount(entropy)}"


def stage_table(rows: Sequence[StageRow], t: Translator, unit: Unit) -> dict[str, object]:
    head = [
        t("stages.stage"), t("stages.tokens"), t("stages.mass"), t("stages.incoming"),
        t("stages.entropy", unit=unit.name),
    ]  # fmt: skip
    body = [
        [
            t("stages.model")
            if row.name is None or row.value is None
            else t("stages.row", name=t(f"parameter.{row.name}.label"), value=shorter(row.value)),
            f"{'≥ ' if row.at_least else ''}{row.tokens_kept:,}",
            f"{'≥ ' if row.at_least else ''}{percent(row.probability_kept)}",
            UNKNOWN if math.isnan(row.incoming_kept) else percent(row.incoming_kept),
            entropy_amount(row.entropy, row.entropy_at_most, unit),
        ]
        for row in rows
    ]
    return {"table": {"head": head, "rows": body}}


def model_line(info: "Info", t: Translator) -> str:
    ignored = t("model.ignored", settings=", ".join(info.ignored)) if info.ignored else ""
    name = t("model.packed", name=info.name, formats=info.packed) if info.packed else info.name  # where none is cut off
    line = t(
        "model.ready",
        name=name if info.dtype == "float32" else f"{name} · {info.dtype}",
        parameters=_count(info.parameters),
        vocab_size=info.vocab_size,
        layers=info.layers,
        heads=info.heads,
        context_length=info.context_length,
    )
    unused = t("model.unused", count=len(info.unused), first=info.unused[0]) if info.unused else ""
    device = t("model.device", device=info.device) if info.device != "cpu" else ""
    if info.dtype != "float32":
        device += t(f"model.{info.dtype}")
    return line + device + ignored + unused


def _count(number: int) -> str:
    """Example: 6,967,296 -> "7.0 M"."""
    for size, letter in ((10**9, "B"), (10**6, "M"), (10**3, "K")):
        if number >= size:
            return f"{significant(number / size, 2 if number < 10 * size else 3)} {letter}"
    return str(number)
