"""Frames of the Two models tab: a text under two models, the next token of both, and what an adapter changes."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from playground.i18n import Translator
from playground.panels import wording
from playground.panels.figures.theme import colour, rounded, shortened
from playground.views.lockstep import Lockstep, Place, Word
from playground.views.low_rank import Change, LowRank
from playground.views.notation import percent, significant

if TYPE_CHECKING:  # it imports transformers, for which the page does not wait
    from playground.runs.verification.lockstep import LockstepVerification

Names = tuple[str, str]
_MOST = 8  # places that are listed
_FAR = math.log(100)  # nats of a ratio that are as deep as it gets
_LONGEST = 0.5  # of the room: the numbers of the longest bar stand beside it on a phone, too
_RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def text(view: Lockstep, at: int, t: Translator) -> dict[str, object]:
    """The text as buttons, the deeper the further apart the two are there: JS, of at most ln 2; where there is none,
    the ratio of the probabilities, 100 times and more as deep as it gets."""
    tokens: list[dict[str, object]] = [{"text": view.start, "title": t("lockstep.first_token"), "shade": 0}]
    for place in view.places:
        far = abs(place.ratio) / _FAR if place.js is None else place.js / math.log(2)
        title = t("lockstep.token" if view.is_one else "lockstep.piece", number=place.index, **_numbers(place))
        tokens.append({"text": place.text, "title": title, "shade": round(math.sqrt(min(1.0, far)), 3)})
    return {"tokens": tokens, "from": at, "rays": []}


def headline(view: Lockstep, at: int, names: Names, t: Translator) -> dict[str, object]:
    """What the two say of the token on show."""
    place = view.places[at - 1]
    way = "up" if place.ratio >= 0 else "down"
    way = way if view.is_one else f"piece_{way}"
    words = t(f"lockstep.headline.{way}", first=names[0], second=names[1], times=_times(place.ratio), **_numbers(place))
    return {"parts": [words]}


def whole(view: Lockstep, names: Names, t: Translator) -> dict[str, object]:
    """Who would have written the text; of two with other tokens, why nothing is said of KL and JS."""
    who = "second" if view.total > 0 else "first" if view.total < 0 else "either"
    who = who if view.is_one else f"{who}_pieces"
    words = t(
        f"lockstep.whole.{who}", first=names[0], second=names[1], total=significant(abs(view.total)),
        times=_times(view.total), kl=significant(view.mean_kl), places=len(view.places),
    )  # fmt: skip
    return {"parts": [words] if view.is_one else [words, {"text": " " + t("lockstep.other_tokens"), "kind": "aside"}]}


def badge(found: "LockstepVerification", t: Translator) -> dict[str, object]:
    """What the direct computation found."""
    difference = "0.0" if found.largest_difference == 0 else f"{found.largest_difference:.1e}"
    key = "lockstep.badge.equal" if found.passed else "lockstep.badge.differs"
    words = t(key, equal=found.equal, places=found.places, difference=difference)
    if found.is_merged:
        words += t("lockstep.badge.merged")
    return wording.badge(words, "good" if found.passed else "bad")


def bars(words: Sequence[Word], names: Names, t: Translator) -> dict[str, object]:
    """Rows for LiveBars: the first model outlined, the second filled; the token that the text goes on with is bold."""
    scale = _LONGEST / max(1e-9, *(p or 0.0 for word in words for p in word.probabilities))
    rows = []
    for word in words:
        fill, edge = rounded((p or 0.0) * scale for p in reversed(word.probabilities))
        first, second = _both(word)
        row: dict[str, object] = {
            "name": shortened(word.label, 14), "fill": fill, "edge": edge, "text": f"{first} → {second}",
            "title": t("lockstep.bar", token=word.label, first=names[0], second=names[1], p=first, q=second),
            "ink": colour("chosen" if word.is_next else "accent"), "line": colour("ink"),
        }  # fmt: skip
        rows.append(row | ({"lit": True} if word.is_next else {}))
    top = words[0]
    first, second = _both(top)
    label = t("lockstep.bar", token=top.label, first=names[0], second=names[1], p=first, q=second)
    return {"rows": rows, "width": 10, "label": label}


def _both(word: Word) -> tuple[str, str]:
    first, second = (wording.UNKNOWN if p is None else percent(p) for p in word.probabilities)
    return first, second


def apart(view: Lockstep, t: Translator) -> dict[str, object]:
    """Where the two disagree most: a button each that goes there."""
    key = "lockstep.apart.one" if view.is_one else "lockstep.apart.piece"
    parts: list[dict[str, object]] = [
        {
            "text": t(key, number=place.index, **_numbers(place)),
            "kind": "jump", "look": ["lockstep.token", place.index],
        }
        for place in view.apart(_MOST)
    ]  # fmt: skip
    return {"parts": parts}


def words(view: Lockstep, names: Names, t: Translator) -> dict[str, object]:
    """The words that the second favours most over the first, then those that it disfavours most."""
    if not view.is_one:
        return {"parts": [t("lockstep.words.none")]}
    head = [t("lockstep.words.token"), names[0], names[1], t("lockstep.words.change")]
    rows = [
        [word.label, *_both(word), t("lockstep.words.points", points=_points(word.change))]
        for word in (*view.lifted, *view.lowered)
    ]
    return {"table": {"head": head, "rows": rows}}


def changes(view: LowRank | None, scale: float, t: Translator) -> dict[str, object]:
    """What was trained, in real counts; of two models: that there is no adapter."""
    if view is None:
        return {"parts": [t("lockstep.lora.none")]}
    ranks = t.listed([str(rank) for rank in sorted({change.rank for change in view.changes})])
    largest = max(view.changes, key=lambda change: change.share)
    return {
        "parts": [
            t(
                "lockstep.lora.words", trained=view.parameters, whole=view.whole, share=percent(view.share),
                matrices=len(view.changes), ranks=ranks,
            ),
            " ",
            t(
                "lockstep.lora.largest", part=largest.part, block=_block(largest.block, t),
                share=percent(largest.share), scale=significant(scale),
            ),
        ]
    }  # fmt: skip


def matrices(view: LowRank | None, t: Translator) -> dict[str, object]:
    """A row a block, a column a matrix, shaded by ‖ΔW‖ / ‖W‖ beside the largest."""
    if view is None:
        return {"corner": "", "columns": [], "rows": []}
    most = max(change.share for change in view.changes) or 1.0
    found = {(change.block, change.part): change for change in view.changes}
    rows = [
        {
            "head": [_block(block, t), "", ""],
            "cells": [_cell(found.get((block, part)), part, most, t) for part in view.parts],
        }
        for block in view.blocks
    ]
    return {"corner": t("lockstep.lora.corner"), "columns": [[part, part, ""] for part in view.parts], "rows": rows}


def _cell(change: Change | None, part: str, most: float, t: Translator) -> list[object]:
    if change is None:
        return ["–", t("lockstep.lora.unchanged", part=part), "", 0]
    title = t(
        "lockstep.lora.cell", part=part, block=_block(change.block, t), share=percent(change.share), rank=change.rank,
        size=significant(change.size), weight=significant(change.weight), parameters=change.parameters,
    )  # fmt: skip
    return [percent(change.share), title, "", round(change.share / most, 3)]


def _block(block: int | None, t: Translator) -> str:
    return t("lockstep.lora.outside") if block is None else t("lockstep.lora.block", number=block + 1)


def _numbers(place: Place) -> dict[str, object]:
    (p, q), (rank, other) = (percent(one) for one in place.probabilities), place.ranks
    found: dict[str, object] = {"token": place.label, "p": p, "q": q}
    if place.kl is None or place.js is None:
        tokens, others = (len(one) for one in place.tokens)
        return found | {"ratio": _signed(place.ratio), "tokens": tokens, "others": others}
    return found | {"rank": rank, "other": other, "kl": _nats(place.kl), "js": _nats(place.js)}


def _signed(ratio: float) -> str:
    return f"{'−' if ratio < 0 else '+'}{_nats(abs(ratio))}"


def _nats(value: float) -> str:
    return "0" if value < 1e-9 else significant(value)


def _times(ratio: float) -> str:
    """By how much more probable: e to the ratio, as far as that is a number for people."""
    nats = abs(ratio)
    if nats > 13:
        return "10" + f"{nats / math.log(10):.0f}".translate(_RAISED)
    times = float(f"{math.exp(nats):.3g}")
    return f"{times:,.0f}" if times >= 100 else f"{times:.3g}"


def _points(change: float) -> str:
    return f"{100 * change:+.2f}".replace("-", "−")
