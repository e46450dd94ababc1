"""Export: a run as a file for others: JSON with its candidates (docs/run-format.md), a table of steps, plain text."""

import csv
import io
import json
import math
from collections.abc import Sequence
from typing import Any

from playground.decoding.beam_trace import BeamTrace
from playground.decoding.dialogue import Rendered
from playground.decoding.trace import Step, Trace
from playground.engines import dialogues
from playground.runs.beam_recording import facts_of
from playground.runs.versions import versions
from playground.views.next_token import Candidate, next_token
from playground.vocabulary import Vocabulary

RUN, SEARCH = "decoding-playground/run", "decoding-playground/search"
VERSION = 1
CANDIDATES = 20  # of each step, and the chosen one whatever its rank
COLUMNS = (
    "step", "id", "text", "chosen_by", "logprob", "rank", "entropy", "final_probability", "tokens_kept",
    "finish_reason",
)  # fmt: skip


def run_json(trace: Trace, vocabulary: Vocabulary, model: str, link: str) -> str:
    """The whole of a text. `link`: the query of the address that makes it again. Raises as Trace.stages_at."""
    steps = [_step(trace, step, vocabulary) for step in trace.steps]
    return _json(
        {
            **_head(RUN, model, link),
            "prompt": _piece(trace.request.prompt_ids, vocabulary) | _turns(trace.request.rendered),
            "output": _piece(trace.token_ids, vocabulary) | {"logprob": trace.cum_logprob},
            "finish_reason": trace.finish_reason,
            "steps": steps,
        }
    )


def run_csv(trace: Trace, vocabulary: Vocabulary) -> str:
    """A line a step; the text of a token as it is read, in quotes where it needs them."""
    out = io.StringIO()
    table = csv.DictWriter(out, COLUMNS, extrasaction="ignore", lineterminator="\r\n")
    table.writeheader()
    table.writerows(_step(trace, step, vocabulary) for step in trace.steps)
    return out.getvalue()


def run_text(trace: Trace, vocabulary: Vocabulary) -> str:
    """The prompt and what was made of it."""
    return vocabulary.text((*trace.request.prompt_ids, *trace.token_ids))


def search_json(trace: BeamTrace, vocabulary: Vocabulary, model: str, link: str) -> str:
    """A search with every candidate of every step, as the playground's own recordings hold them."""
    ids = {i for step in trace.steps for one in step.candidates for i in [one.token_id]}
    best = trace.best
    return _json(
        {
            **_head(SEARCH, model, link),
            "prompt": _piece(trace.prompt_ids, vocabulary) | _turns(trace.rendered),
            "output": None if best is None else _piece(best.token_ids, vocabulary) | {"score": best.score},
            "finish_reason": trace.stop_reason,
            "tokens": {str(i): vocabulary.text([i]) for i in sorted(ids)},
            "steps": [facts_of(step) for step in trace.steps],
        }
    )


def _head(kind: str, model: str, link: str) -> dict[str, Any]:
    return {"format": kind, "version": VERSION, "link": link, "model": model, "made_with": dict(versions())}


def _piece(ids: Sequence[int], vocabulary: Vocabulary) -> dict[str, Any]:
    return {"text": vocabulary.text(ids), "ids": list(ids)}


def _turns(rendered: Rendered | None) -> dict[str, Any]:
    return {} if rendered is None else dialogues.to_json(rendered.dialogue)


def _step(trace: Trace, step: Step, vocabulary: Vocabulary) -> dict[str, Any]:
    """What COLUMNS names, and the candidates."""
    shown = next_token(
        step.logits, trace.stages_at(step.index), vocabulary, CANDIDATES, step.choice.token_id, step.row.told
    )
    chosen, reading = shown.chosen, step.reading
    assert chosen is not None  # next_token lists the chosen one
    return {
        "step": step.index + 1, "id": step.choice.token_id, "text": vocabulary.text([step.choice.token_id]),
        "chosen_by": step.choice.by, "logprob": reading.logprob, "rank": reading.rank,
        "entropy": reading.entropy, "final_probability": chosen.final_probability,
        "tokens_kept": shown.tokens_kept, "finish_reason": step.finish_reason,
        "candidates": [_candidate(one, vocabulary) for one in shown.candidates],
    }  # fmt: skip


def _candidate(one: Candidate, vocabulary: Vocabulary) -> dict[str, Any]:
    return {
        "id": one.token_id, "text": vocabulary.text([one.token_id]), "logprob": one.logprob, "rank": one.rank,
        "final_probability": one.final_probability, "removed_by": one.removed_by,
    }  # fmt: skip


def _finite(value: Any) -> Any:
    """JSON has no infinities: null instead."""
    if isinstance(value, dict):
        return {name: _finite(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _json(value: Any) -> str:
    return json.dumps(_finite(value), ensure_ascii=False, indent=1, allow_nan=False) + "\n"
