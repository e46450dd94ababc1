"""The cut-offs of a partial row: its curve as far as ranks are known, and the cuts that lie there."""

from collections.abc import Sequence

import numpy as np

from playground.decoding.distribution import Distribution
from playground.decoding.partial import OnlyTold, Told
from playground.decoding.pipeline import Stage
from playground.decoding.processors import REMOVED
from playground.views.cutoffs import Cut, Cutoffs


def told_cutoffs(stages: Sequence[Stage], steep: Sequence[Stage], told: Told) -> Cutoffs:
    """The view of the stages of the flat end and of the steep one. A told token's rank is known while it is more
    probable than the most that an untold one may be; a cut is known where both ends keep the same told tokens and no
    other. The probabilities are the flat end's, and `beyond` says how far the other end's differ."""
    stages, steep = ([s for s in ends if s.processor.name != OnlyTold.name] for ends in (stages, steep))
    first = next((i for i, stage in enumerate(stages) if stage.processor.truncates), len(stages))
    both = [
        ends[first - 1].outgoing if first else Distribution.of(row)
        for ends, row in ((stages, told.flat), (steep, told.steep))
    ]
    base, mask = both[0], told.mask.numpy()
    descending = np.sort(base.probabilities[mask])[::-1]
    untold = both[1].logits[~mask].max(initial=-np.inf), base.logits[~mask].max(initial=-np.inf)
    known = max(1, int((base.logits[mask] >= max(untold)).sum()))
    shown = descending[:known]
    beyond = [max(0.0, 1 - float(np.sort(end.probabilities[mask])[::-1][:known].sum(dtype=np.float64))) for end in both]
    cuts = [_cut(s, t, base, mask, known) for s, t in zip(stages[first:], steep[first:], strict=True)]
    return Cutoffs(
        ranks=tuple(range(1, known + 1)),
        probabilities=tuple(float(p) for p in shown),
        cumulative=tuple(min(1.0, float(c)) for c in np.cumsum(shown, dtype=np.float64)),
        cuts=tuple(cut for cut in cuts if cut),
        temperature=next((s.processor.value for s in stages[:first] if s.processor.name == "temperature"), 1.0),
        beyond=(min(beyond), max(beyond)),
    )


def _cut(
    stage: Stage, other: Stage, base: Distribution, mask: np.ndarray[tuple[int, ...], np.dtype[np.bool_]], known: int
) -> Cut | None:
    if not stage.processor.truncates:
        return None
    left, left_there = (s.outgoing.logits > REMOVED for s in (stage, other))
    sure = left & left_there & mask
    kept = base.probabilities[sure]
    told = base.probabilities[mask]
    return Cut(
        name=stage.processor.name,
        value=stage.processor.value,
        kept=len(kept),
        first_rank=int((told > kept.max()).sum()) + 1 if len(kept) else 1,
        last_rank=min(known, int((told >= kept.min()).sum())) if len(kept) else known,
        is_known=bool((left == sure).all() and (left_there == sure).all()),
    )
