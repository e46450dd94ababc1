"""The watermark of a text: which of its tokens are green, and how unlikely so many of them are by chance."""

from playground.decoding.processors_watermark import Watermark, WatermarkScore, is_green, score_of
from playground.decoding.trace import Step, Trace


def step_is_green(trace: Trace, step: Step) -> bool | None:
    """Whether the token of a step is on the green list of that step; None for a step without a watermark."""
    mark = _mark(step)
    if mark is None:
        return None
    last_id = trace.steps[step.index - 1].choice.token_id if step.index else trace.request.prompt_ids[-1]
    return is_green(last_id, step.choice.token_id, step.logits.shape[-1], mark.ratio)


def watermark(trace: Trace) -> WatermarkScore | None:
    """The score of all tokens that were chosen under a watermark; None if none was. It counts tokens and knows nothing
    of probabilities, as whoever has the text and the key could."""
    found = [(mark.ratio, step) for step in trace.steps if (mark := _mark(step))]
    if not found:
        return None
    return score_of([bool(step_is_green(trace, step)) for _, step in found], [ratio for ratio, _ in found])


def _mark(step: Step) -> Watermark | None:
    return next((p for p in step.processors if isinstance(p, Watermark) and not p.is_neutral), None)
