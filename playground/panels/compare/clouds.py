"""The frames of the clouds: what has been drawn, the plane, its table, a text to read and to rate, the histogram."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from playground.decoding.clouds import Sample
from playground.decoding.distribution import Floats
from playground.i18n import Translator
from playground.panels.compare.frames import Look, cell, colour
from playground.panels.figures import theme
from playground.panels.figures.diversity_plane import PlaneCloud, plane_figure
from playground.panels.figures.likelihood_trap import trap_figure
from playground.panels.figures.token_histogram import histogram_figure
from playground.panels.wording import Channels
from playground.views.likelihood_trap import Rated, Votes, lane_ratings
from playground.views.notation import percent, significant
from playground.views.plane import CloudView
from playground.views.strip import spelt
from playground.views.token_histogram import taken_after, token_histogram
from playground.vocabulary import Vocabulary

if TYPE_CHECKING:
    from playground.runs.verification.clouds import CloudVerification

BEGINNING = 60  # characters of a text that stand beside its dot
SWEPT = tuple(f"sweep-{letter}" for letter in "abcdefghijkl")  # of a sweep, from its first value to its last
SHADES = 5  # of the tokens of the text that is read
MEASURES = (
    "texts", "unique", "self_bleu", "edit_distance", "mean_logprob", "perplexity", "distinct_2", "seq_rep_4", "length",
)  # fmt: skip
RARE = 0.001  # a p-value below it is told as a rare accident


@dataclass(frozen=True)
class CloudRow:
    """One cloud of the page: a lane's, at its place among the lanes, or a sweep's (`place` None), which is so far (0 to
    1) on the way from its first value to its last."""

    key: int
    name: str
    place: int | None
    samples: Sequence[Sample]
    view: CloudView | None
    vocabulary: Vocabulary | None = None  # of the model that drew it; None: that of the look
    share: float = 0.0
    badge: Mapping[str, str] | None = None

    @property
    def tint(self) -> str:
        return SWEPT[round(self.share * (len(SWEPT) - 1))] if self.place is None else colour(self.place)


def progress(done: int, wanted: int, name: str, texts: int, of: int, look: Look) -> Channels:
    """How far the drawing is: tokens done of those wanted at most, and the texts of the lane whose turn it is."""
    said = look.t("compare.clouds.progress", name=name, texts=texts, of=of)
    return {"compare.clouds.progress": {"share": round(done / max(1, wanted), 4), "text": said}}


def badges(rows: Sequence[CloudRow]) -> Channels:
    """What the comparison of some texts of each cloud with runs of their own seeds found, a line a cloud."""
    parts: list[object] = []
    for row in rows:
        if row.badge:
            parts += [{"text": row.name, "kind": f"dot dot-{row.tint}"},
                      {"text": f" {row.badge['text']}\n", "kind": f"badge-{row.badge['kind']}"}]  # fmt: skip
    return {"compare.clouds.badges": {"parts": parts}}


def badge(found: "CloudVerification", t: Translator) -> dict[str, str]:
    """What one comparison found."""
    difference = "0.0" if found.largest_difference == 0 else f"{found.largest_difference:.1e}"
    numbers = {"checked": found.checked, "texts": found.texts, "equal": found.equal, "difference": difference,
               "inside": found.in_transformers}  # fmt: skip
    if not found.passed:
        return {"text": t("compare.cloud.badge.bad", **numbers), "kind": "bad"}
    if not found.has_witness:
        return {"text": t("compare.cloud.badge.alone", **numbers), "kind": "wait"}
    more = " " + t("compare.cloud.badge.within", parted=found.parted) if found.parted else ""
    return {"text": t("compare.cloud.badge.good", **numbers) + more, "kind": "good"}


def idle() -> Channels:
    return {"compare.clouds.progress": {"share": None, "text": ""}}


def plane(
    rows: Sequence[CloudRow], texts: Sequence[tuple[str, str, float]], axis: str, axes: Sequence[str],
    reading: tuple[int, int] | None, look: Look,
) -> Channels:  # fmt: skip
    """The plane and its table. `texts`: (name, colour, mean log-probability) of texts that were brought."""
    t = look.t
    shown = [row for row in rows if row.view]
    chips = [
        {"text": t(f"compare.plane.by.{name}"), "kind": "chip", "action": {"do": "axis", "axis": name},
         "pressed": name == axis}
        for name in axes
    ]  # fmt: skip
    found: Channels = {"compare.clouds.axes": {"parts": chips if shown else []}}
    if look.vocabulary is None or not shown:
        return found | {
            "compare.clouds.plane": theme.nothing(t("chart.empty")), "compare.clouds.table": {"parts": []},
        }  # fmt: skip
    clouds = [
        PlaneCloud(row.key, row.name, row.tint, _beginnings(row, look), row.view, row.place is None)
        for row in shown
        if row.view
    ]
    found["compare.clouds.plane"] = plane_figure(clouds, texts, axis, reading, t)
    head = [t("compare.measure.lane"), *(t(f"compare.cloud.{name}") for name in MEASURES)]
    body = [[row.name, *(_measured(row.view, name, t) for name in MEASURES)] for row in shown if row.view]
    table = {"head": head, "rows": body, "dots": [row.tint for row in shown]}
    return found | {"compare.clouds.table": {"table": table}}


def _measured(view: CloudView, name: str, t: Translator) -> str:
    value = getattr(view.measures, name)
    if name == "unique":
        return percent(value)
    if name == "texts" and view.failed:
        return t("compare.cloud.failed", texts=value, failed=view.failed)
    return cell(value)


def _beginnings(row: CloudRow, look: Look) -> list[str]:
    assert look.vocabulary is not None
    vocabulary = row.vocabulary or look.vocabulary
    texts = (vocabulary.text(one.token_ids).replace("\n", " ").strip() for one in row.samples)
    return [theme.shortened(text, BEGINNING) for text in texts]


def text(
    sample: Sample | None, row: CloudRow | None, number: int, lead: str, votes: Votes | None, is_blind: bool,
    has_more: bool, look: Look,
) -> Channels:  # fmt: skip
    """The text that is read, shaded by the raw model's probabilities, whose it is, and the class's thumbs. A text that
    is to be rated blindly says neither."""
    t = look.t
    more = [{"text": t("compare.rate.next"), "kind": "chip", "action": {"do": "next"}}] if has_more else []
    if sample is None or row is None or look.vocabulary is None:
        return {
            "compare.clouds.text": {"parts": [t("compare.read.none")] if has_more else []},
            "compare.clouds.rate": {"parts": more},
        }
    shown: list[object] = [{"text": lead, "kind": "lead"}]
    for token_id, logprob in zip(sample.token_ids, sample.logprobs, strict=True):
        shade = 0 if is_blind else min(SHADES - 1, int(SHADES * math.exp(logprob)))
        shown.append({"text": spelt(token_id, row.vocabulary or look.vocabulary), "kind": f"shade-{shade}"})
    whose: list[object] = []
    if is_blind:
        whose.append(t("compare.rate.blind") + " ")
    else:
        dot = next((one for one in row.view.dots if one.number == number), None) if row.view else None
        whose.append({"text": row.name, "kind": f"dot dot-{row.tint}"})
        if dot:
            whose.append(
                " " + t(
                    "compare.read.numbers", number=number + 1, seed=sample.seed, quality=cell(dot.mean_logprob),
                    bleu="–" if dot.self_bleu is None else significant(dot.self_bleu), copies=dot.copies,
                ) + " "
            )  # fmt: skip
    count = votes or Votes()
    thumbs = [
        {"text": words if is_blind else f"{words} · {number}", "kind": "chip", "action": {"do": "rate", "up": is_up}}
        for words, number, is_up in (
            (t("compare.rate.up"), count.up, True), (t("compare.rate.down"), count.down, False),
        )
    ]  # fmt: skip
    return {"compare.clouds.text": {"parts": shown}, "compare.clouds.rate": {"parts": [*whose, *thumbs, *more]}}


def histogram(
    row: CloudRow | None, rows: Sequence[CloudRow], place: int, before: Sequence[int],
    probabilities: Floats | None, look: Look,
) -> Channels:  # fmt: skip
    """How often the texts of a lane took each token at one place; `probabilities` (V,) None where it does not draw."""
    t = look.t
    drawn = [one for one in rows if one.samples]
    if row is None or look.vocabulary is None or not drawn:
        return {
            "compare.clouds.lanes": {"parts": []}, "compare.clouds.chi": {"parts": []},
            "compare.clouds.histogram": theme.nothing(t("chart.empty")),
        }  # fmt: skip
    chips: list[object] = [
        {"text": one.name, "kind": f"chip dot-{one.tint}", "action": {"do": "lane", "key": one.key},
         "pressed": one.key == row.key}
        for one in drawn if one.place is not None or one.key == row.key
    ]  # fmt: skip
    chips += [
        {"text": "‹", "kind": "chip", "label": t("compare.histogram.earlier"), "action": {"do": "place", "by": -1}},
        {"text": t("compare.histogram.place", number=place + 1), "kind": "place"},
        {"text": "›", "kind": "chip", "label": t("compare.histogram.later"), "action": {"do": "place", "by": 1}},
    ]
    found: Channels = {"compare.clouds.lanes": {"parts": chips}}
    ids = taken_after([one.token_ids for one in row.samples], before)
    if probabilities is None or not ids:
        words = t("compare.histogram.undrawn" if probabilities is None else "compare.histogram.none", name=row.name)
        return found | {
            "compare.clouds.chi": {"parts": [words]}, "compare.clouds.histogram": theme.nothing(words),
        }  # fmt: skip
    made = token_histogram(ids, probabilities, row.vocabulary or look.vocabulary)
    after = t("compare.histogram.counted", counted=len(ids), texts=len(row.samples)) if before else ""
    if made.chi_square is None or made.p_value is None:
        said = t("compare.histogram.few", draws=made.draws)
    elif math.isinf(made.chi_square):
        said = t("compare.histogram.impossible")
    else:
        key = "compare.histogram.rare" if made.p_value < RARE else "compare.histogram.chi"
        said = t(
            key, chi=significant(made.chi_square), degrees=made.degrees, p=percent(made.p_value), pooled=made.pooled
        )
    return found | {
        "compare.clouds.chi": {"parts": [f"{after} {said}".strip()]},
        "compare.clouds.histogram": histogram_figure(made, row.tint, t),
    }


def trap(rated: Sequence[Rated], rows: Sequence[CloudRow], look: Look) -> Channels:
    """What the class thinks, by how probable a text is."""
    names: Mapping[int, tuple[str, str]] = {row.key: (row.name, row.tint) for row in rows}
    rated = [one for one in rated if one.key in names]
    return {"compare.clouds.trap": trap_figure(rated, lane_ratings(rated), names, look.t)}
