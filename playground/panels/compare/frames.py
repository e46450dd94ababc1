"""The frames of the Compare tab: lanes, where they part, and one step of all of them side by side."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from playground.decoding.beam_trace import BeamTrace
from playground.decoding.lanes import Comparison, Lane, is_batched
from playground.decoding.trace import Trace
from playground.errors import PlaygroundError
from playground.i18n import Translator
from playground.panels.beam import words as beam_words
from playground.panels.figures import theme
from playground.panels.figures.lane_surprisal import surprisal_figure
from playground.panels.wording import MARK, Channels, verification_badge, with_tokens
from playground.runs import late
from playground.views import lane_alignment
from playground.views.dialogue import dialogue_parts
from playground.views.lane_parting import Taken, lane_parting
from playground.views.measures import Measures, measures, text_of
from playground.views.notation import percent, significant
from playground.views.scored_text import among_first
from playground.views.strip import spelt
from playground.views.surprisals import surprisals
from playground.vocabulary import Vocabulary

if TYPE_CHECKING:  # imports transformers, for which the page does not wait
    from playground.runs.verification.lanes import LaneVerification
    from playground.runs.verification.texts import TextVerification

COLOURS = ("accent", "chosen", "hot", "green", "plum", "brown")  # of the rows, by place
ROWS = 10  # tokens that a step shows, besides those that were taken


@dataclass(frozen=True)
class Row:
    """One row of the page: what it is called, and what it has written; None before it has."""

    key: int
    name: str
    chips: Sequence[str]
    setup: Mapping[str, Any] | None  # None for a text that a person brought
    lane: Lane | None
    badge: Mapping[str, str] | None
    text: str | None = None
    written: Mapping[str, str] = field(default_factory=dict)  # the setup's lists as a person types them
    vocabulary: Vocabulary | None = None  # of the model that wrote the lane; None: that of the look
    model: str = ""  # the lane's own, by name; "" for that of the page


@dataclass(frozen=True)
class Look:
    """What a picture depends on besides the comparison."""

    t: Translator
    vocabulary: Vocabulary | None  # None while no model is there


def colour(place: int) -> str:
    return COLOURS[place % len(COLOURS)]


Places = Mapping[int, int | None]  # of the token on show, by the key of the row; None where the text ended before


def vocabulary_of(row: Row, look: Look) -> Vocabulary:
    found = row.vocabulary or look.vocabulary
    assert found is not None
    return found


def read(rows: Sequence[Row]) -> list[Row]:
    """The rows that have a text."""
    return [row for row in rows if row.lane is not None]


def is_by_text(rows: Sequence[Row], look: Look) -> bool:
    """Whether the rows are of models that cut text into other tokens: then characters stand beside each other."""
    return look.vocabulary is not None and not lane_alignment.is_one([vocabulary_of(row, look) for row in read(rows)])


def places_at(rows: Sequence[Row], key: int, index: int, look: Look) -> Places:
    """Token `index` of one row, and in every other row the token beside it: of the same number, or, of another
    vocabulary, the one that holds the character at which that token begins."""
    found = read(rows)
    own = next((row for row in found if row.key == key), None)
    if own is None or own.lane is None or not is_by_text(rows, look):
        return {row.key: index for row in found}
    begins = lane_alignment.starts(own.lane.token_ids, vocabulary_of(own, look))
    at = begins[index] if index < len(begins) else -1

    def place(row: Row) -> int | None:
        assert row.lane is not None
        if lane_alignment.is_one([vocabulary_of(row, look), vocabulary_of(own, look)]):
            return index
        return lane_alignment.holding(row.lane.token_ids, vocabulary_of(row, look), at)

    return {row.key: place(row) for row in found}


def last_places(rows: Sequence[Row], steps: int, look: Look) -> Places:
    """The newest token: of all lanes, or of each where they have other tokens."""
    found = read(rows)
    if is_by_text(rows, look):
        return {row.key: max(0, len(row.lane.token_ids) - 1) for row in found if row.lane}
    return {row.key: max(0, steps - 1) for row in found}


def in_order(rows: Sequence[Row]) -> Comparison:
    """The lanes of the rows that have one, in the order of the page."""
    return Comparison(tuple(row.lane for row in rows if row.lane is not None))


def lanes(
    rows: Sequence[Row], token: tuple[int, int] | None, parts: Places, most: int, look: Look, at: Places | None = None
) -> Channels:
    """Everything of the rows but their texts. `parts`: where they part; `at`: the token on show."""
    made, by_text = [], is_by_text(rows, look)
    for place, row in enumerate(rows):
        found = _measured(row, look) if row.lane and look.vocabulary else None
        error = row.lane.error if row.lane else None
        made.append(
            {
                "key": row.key, "name": row.name, "colour": colour(place), "chips": list(row.chips),
                "setup": row.setup, "text": row.text, "written": dict(row.written), "note": _note(row, look.t),
                "numbers": _numbers(found, row.lane if by_text else None, row, look) if found and found.tokens else [],
                "parts_at": parts.get(row.key), "at": (at or {}).get(row.key) if token else None, "model": row.model,
                "badge": row.badge or {"text": "", "kind": ""},
                "error": error.message(look.t) if isinstance(error, PlaygroundError) else "",
            }
        )  # fmt: skip
    return {"compare.lanes": {"lanes": made, "most": most, "token": token, "by_text": by_text}}


def _note(row: Row, t: Translator) -> str:
    """Of a text that was brought: how many of its tokens were among the first, and what that does not say. Of a lane
    that is no row of the common batch: that."""
    if row.text is None:
        return t("compare.beside") if row.lane and not is_batched(row.lane.request) else ""
    if not row.text or row.lane is None:
        return t("compare.text.empty") if not row.text else ""
    ten, hundred, thousand = _among_first(row.lane) or (0, 0, 0)
    return t("compare.text.ranks", ten=ten, hundred=hundred, thousand=thousand, tokens=len(row.lane.token_ids))


def _among_first(lane: Lane) -> list[int] | None:
    """How many tokens were among the first 10, 100 and 1000; of a search that is not known."""
    if not isinstance(lane.trace, Trace):
        return None
    ranks = [one.reading.rank for one in lane.trace.steps]
    return [among_first(ranks, n) for n in RANKS]


def _measured(row: Row, look: Look) -> Measures:
    assert row.lane is not None
    return measures([text_of(row.lane, vocabulary_of(row, look))])


def _by_character(row: Row, look: Look) -> float | None:
    """Nats a character: what compares where tokens are of other sizes."""
    assert row.lane is not None
    characters = len(vocabulary_of(row, look).text(row.lane.token_ids))
    return -sum(row.lane.logprobs) / characters if characters else None


def _numbers(found: Measures, lane: Lane | None, row: Row, look: Look) -> list[list[str]]:
    """With the `lane` nats a character stand for the perplexity, which counts tokens."""
    t = look.t

    def said(value: float | None) -> str:
        return "–" if value is None else significant(value)

    repeats = "–" if found.seq_rep_4 is None else f"{100 * found.seq_rep_4:.0f} %"
    distinct = "–" if found.distinct_2 is None else f"{found.distinct_2:.2f}"
    first = [said(found.perplexity), t("compare.short.perplexity")]
    if lane is not None:
        first = [said(_by_character(row, look)), t("compare.measure.by_character")]
    return [
        first, [distinct, t("compare.short.distinct")],
        [repeats, t("compare.short.repeats")],
    ]  # fmt: skip


def texts(rows: Sequence[Row], lead: str, shown: Mapping[int, tuple[int, ...]], look: Look) -> Channels:
    """The texts of all rows, each from the first token on that is not on the page yet (`shown`, by key)."""
    found: Channels = {}
    for place, row in enumerate(rows):
        before = shown.get(row.key)
        ids = row.lane.token_ids if row.lane else ()
        if before is not None and before == ids:
            continue
        old = before or ()
        start = next((i for i, (a, b) in enumerate(zip(old, ids, strict=False)) if a != b), min(len(old), len(ids)))
        tokens = []
        if row.lane and look.vocabulary:
            trace, vocabulary = row.lane.trace, vocabulary_of(row, look)
            ranks = [one.reading.rank for one in trace.steps[start:]] if isinstance(trace, Trace) else []
            logprobs = row.lane.logprobs[start:]
            for token_id, logprob, rank in zip_longest(ids[start:], logprobs, ranks):
                probability = math.exp(logprob)
                said = {
                    "token": vocabulary.label(token_id), "probability": percent(probability),
                    "surprisal": significant(-logprob),
                }  # fmt: skip
                known = rank is not None
                title = look.t("compare.token_ranked", rank=rank, **said) if known else look.t("compare.token", **said)
                tokens.append({"text": spelt(token_id, vocabulary), "title": title, "shade": round(probability, 4)})
        found[f"compare.lanes.{place}"] = {"start": start, "tokens": tokens, "lead": lead}
    return found


def dialogue(rows: Sequence[Row], names: Mapping[int, str], look: Look) -> dict[str, object]:
    """The turns as the first row read them that has a chat template, what that put there marked; then the models, by
    the rows' keys, that have none and read a plain text."""
    found: list[object] = []
    plain = []
    for row in rows:
        if row.lane is None or row.key not in names:
            continue
        request = row.lane.request
        if request.rendered is None:
            plain.append(names[row.key])
        elif not found and look.vocabulary is not None:
            pieces = dialogue_parts(request.prompt_ids, request.rendered, vocabulary_of(row, look))
            found = [{"text": look.t("turns.legend"), "kind": "legend"}, *pieces] if pieces else []
    if plain:
        words = look.t("compare.turns.plain", names=look.t.listed(list(dict.fromkeys(plain))))
        found.append({"text": words, "kind": "legend"})
    return {"parts": found}


def parting(rows: Sequence[Row], look: Look) -> tuple[Channels, Places]:
    """Where the lanes part, in one sentence, and the place of that token in each; none where they don't."""
    with_text = read(rows)
    first = next((row for row in with_text if row.text is None), with_text[0] if with_text else None)
    # a text whose first token begins in the prompt stands after fewer tokens: its places are others
    compared = [row for row in with_text if first and look.vocabulary and _goes_on(row, first, look)]
    comparison, t = in_order(compared), look.t
    if look.vocabulary is None or len(compared) < 2 or not comparison.steps:
        return {"compare.parting": {"parts": []}}, {}
    found = lane_parting(comparison, [vocabulary_of(row, look) for row in compared])
    if found is None:
        key = "compare.same_all" if comparison.is_over else "compare.same_so_far"
        if is_by_text(compared, look):
            key = "compare.same_all.text" if comparison.is_over else "compare.same_so_far.text"
        return {"compare.parting": {"parts": [t(key, tokens=comparison.steps)]}}, {}
    said, labels = [], []
    for row, taken in zip(compared, found.taken, strict=True):
        said.append(_took(row.name, taken, t))
        labels += [taken.label] if taken.token_id is not None else []
    key = "compare.part_same_dice" if found.same_dice else "compare.part"
    sentence = t(key, number=found.index + 1, taken=t.listed(said))
    if found.character is not None:
        sentence = t("compare.part.text", number=found.character, taken=t.listed(said))
    parts = with_tokens(sentence, labels[0] if labels else "", labels=labels[1:]) if labels else [sentence]
    if found.character is None:  # marked in every row, those that stand after other tokens too
        return {"compare.parting": {"parts": parts}}, {row.key: found.index for row in with_text}
    places = zip(compared, found.places, strict=True)
    return {"compare.parting": {"parts": parts}}, {row.key: place for row, place in places}


def _goes_on(row: Row, first: Row, look: Look) -> bool:
    """Whether a row goes on where the first one does."""
    assert row.lane is not None and first.lane is not None
    ids, others = row.lane.request.prompt_ids, first.lane.request.prompt_ids
    own, other = vocabulary_of(row, look), vocabulary_of(first, look)
    if row.text is None and first.text is None:
        return True  # each begins behind its own prompt, which a model without a chat template reads otherwise
    if lane_alignment.is_one([own, other]):
        return ids == others
    return row.text is None or lane_alignment.text_of(ids, own) == lane_alignment.text_of(others, other)


def _took(name: str, taken: Taken, t: Translator) -> str:
    if taken.token_id is None or taken.probability is None:
        return t("compare.had_ended", name=name)
    key = {"multinomial": "compare.draws", "beams": "compare.keeps", "hand": "compare.has"}.get(
        taken.by or "", "compare.takes"
    )
    return t(key, name=name, token=MARK, probability=percent(taken.probability))


def table(rows: Sequence[Row], look: Look) -> Channels:
    """Every measure of every lane."""
    t = look.t
    compared = [(place, row, row.lane) for place, row in enumerate(rows) if row.lane is not None and row.lane.token_ids]
    if look.vocabulary is None or not compared:
        return {"compare.measures": {"parts": []}}
    by_text = is_by_text(rows, look)
    head = [t("compare.measure.lane"), *(t(f"compare.measure.{name}") for name in SHOWN)]
    head += [t("compare.measure.by_character")] if by_text else []
    body = []
    for _, row, lane in compared:
        found = _measured(row, look)
        ranks: Sequence[int | None] = _among_first(lane) or [None] * len(RANKS)
        body.append([row.name, *(cell(getattr(found, name)) for name in MEASURES), *map(cell, ranks)])
        body[-1] += [cell(_by_character(row, look))] if by_text else []
    dots = [colour(place) for place, _, _ in compared]
    return {"compare.measures": {"table": {"head": head, "rows": body, "dots": dots}}}


def surprisal(rows: Sequence[Row], at: Places, look: Look) -> Channels:
    """How surprising each token of each lane was; of other tokens side by side each stands where its text begins."""
    if look.vocabulary is None:
        return {"compare.surprisal": theme.nothing()}
    shown = [(place, row, row.lane) for place, row in enumerate(rows) if row.lane is not None and row.lane.token_ids]
    by_text = is_by_text(rows, look)
    lines = []
    for place, row, lane in shown:
        vocabulary = vocabulary_of(row, look)
        line = surprisals(lane, vocabulary)
        if by_text:
            line = replace(line, begins=lane_alignment.characters(lane.token_ids, vocabulary))
        lines.append((place, row.name, colour(place), line))
    marked = next((at.get(row.key) for _, row, _ in shown if at.get(row.key) is not None), None)
    if by_text and marked is not None:
        place = next(i for i, (_, row, _) in enumerate(shown) if at.get(row.key) is not None)
        begins = lines[place][3].begins
        marked = begins[marked] if marked < len(begins) else None
    return {
        "compare.surprisal": surprisal_figure(lines, marked, look.t) if lines else theme.nothing(look.t("chart.empty"))
    }


def text_badge(found: "TextVerification", t: Translator) -> dict[str, str]:
    """What the comparison of a text's numbers with one pass of transformers' found."""
    difference = "0.0" if found.largest_difference == 0 else f"{found.largest_difference:.1e}"
    numbers = {"equal": found.equal, "tokens": found.tokens, "difference": difference}
    if found.passed:
        return {"text": t("compare.text.good", **numbers), "kind": "good"}
    return {"text": t("compare.text.bad", **numbers), "kind": "bad"}


def badge(found: "LaneVerification", lane: Lane, vocabulary: Vocabulary, t: Translator) -> dict[str, str]:
    """What the comparisons of a lane found: with its setup alone, and of that with transformers."""
    inner = found.inner
    if isinstance(lane.trace, BeamTrace):  # it ran alone already
        assert isinstance(inner, late.beam_verification.BeamVerification)
        return _badge(beam_words.verification_badge(inner, lane.trace, t))
    assert isinstance(inner, late.verification.Verification)
    difference = "0.0" if found.largest_difference == 0 else f"{found.largest_difference:.1e}"
    numbers = {"equal": found.equal, "tokens": found.tokens, "difference": difference}
    alone = _badge(verification_badge(inner, vocabulary, t))
    if not found.passed:
        said = t("compare.badge.bad", **numbers) if inner.passed else alone["text"]
        return {"text": said, "kind": "bad"}
    parted = found.parted
    if parted is None:
        said = t("compare.badge.good", **numbers)
    else:
        said = t("compare.badge.within", number=parted.index + 1, margin=f"{parted.margin:.1e}", **numbers)
    return {"text": t("compare.badge.alone", lane=said, alone=alone["text"].removeprefix("✓ ")), "kind": "good"}


def _badge(made: Mapping[str, Any]) -> dict[str, str]:
    return {"text": "".join(made["parts"]), "kind": made["kind"]}


MEASURES = (
    "tokens", "mean_logprob", "perplexity", "mean_entropy", "distinct_1", "distinct_2", "distinct_3", "seq_rep_4",
    "longest_repeat", "zlib_ratio",
)  # fmt: skip
RANKS = (10, 100, 1000)
SHOWN = (*MEASURES, *(f"among_{n}" for n in RANKS))


def cell(value: float | int | None) -> str:
    if value is None:
        return "–"
    return str(value) if isinstance(value, int) else significant(value).replace("-", "−")
