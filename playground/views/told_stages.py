"""The stages of a partial row as a table: what holds however the mass that was not told is spread."""

import math
from collections.abc import Sequence

from playground.decoding.distribution import Distribution
from playground.decoding.partial import Told
from playground.decoding.pipeline import Stage
from playground.decoding.processors import REMOVED
from playground.views.stages import StageRow, mass

AGREES = 1e-6  # of shares of a distribution under both ends


def told_rows(stages: Sequence[Stage], steep: Sequence[Stage], told: Told) -> tuple[StageRow, ...]:
    """One row for the raw row, then one a stage; `stages` are those of the flat end, `steep` those of the other.

    NaN stands where a number is not known: the entropy while untold tokens are left, a share that the two ends give
    differently.
    """
    flat_before, steep_before = (Distribution.of(row) for row in (told.flat, told.steep))
    raw, is_cut = flat_before, False
    rows = [StageRow(None, None, told.size, 1.0, 1.0, raw.entropy, entropy_at_most=True)]
    for stage, other in zip(stages, steep, strict=True):
        is_cut = is_cut or stage.processor.truncates or stage.removes or other.removes
        left, left_there = (s.outgoing.logits > REMOVED for s in (stage, other))
        sure = left & left_there & told.mask.numpy()
        is_known = bool((left == sure).all() and (left_there == sure).all())
        came = mass(flat_before, left), mass(steep_before, left_there)
        incoming = came[0] if is_known and abs(came[0] - came[1]) < AGREES else math.nan
        rows.append(
            StageRow(
                name=stage.processor.name,
                value=stage.processor.value,
                tokens_kept=int(sure.sum()) if is_cut else told.size,
                probability_kept=mass(raw, sure) if is_cut else 1.0,
                incoming_kept=incoming if is_cut else 1.0,
                entropy=stage.outgoing.entropy if is_known else math.nan,
                at_least=is_cut and not is_known,
            )
        )
        flat_before, steep_before = stage.outgoing, other.outgoing
    return tuple(rows)
