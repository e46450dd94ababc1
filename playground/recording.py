"""Recorded runs: a trace in a file, with its raw logits, so that a page has pictures before any model is loaded."""

import json
from pathlib import Path

import numpy as np
import torch

from playground import catalog
from playground.decoding.processors import Situation
from playground.decoding.sampling import Sampling
from playground.decoding.selection import Choice, Multinomial
from playground.decoding.trace import GenerationRequest, Step, Trace


def save(trace: Trace, path: Path) -> None:
    """Write a trace of one strategy, not steered, as .npz: exact float32 logits and its settings as JSON."""
    strategy = trace.request.strategy
    if not isinstance(strategy, Sampling):
        raise TypeError("only a Sampling run can be recorded")
    bound = strategy.guidance or strategy.stop or any(getattr(p, "breaker_ids", ()) for p in strategy.processors)
    if bound or any(step.situation.states for step in trace.steps):
        raise TypeError("a run with guidance, stop strings, DRY or mirostat holds more than a recording keeps")
    facts = {
        "prompt_ids": trace.request.prompt_ids,
        "token_ids": trace.token_ids,
        "finish_reason": trace.finish_reason,
        "max_new_tokens": trace.request.max_new_tokens,
        "do_sample": isinstance(strategy.selection, Multinomial),
        "seed": strategy.selection.seed,
        "values": catalog.values_of(strategy.processors),
        "order": [p.name for p in strategy.processors],
        "eos_ids": trace.steps[0].situation.eos_ids if trace.steps else (),
    }
    logits = torch.stack([step.logits for step in trace.steps]).numpy()
    np.savez_compressed(path, logits=logits, facts=np.array(json.dumps(facts)))


def load(path: Path) -> Trace:
    """Read what `save` wrote. Raises FileNotFoundError, or ValueError for a file that holds something else."""
    with np.load(path, allow_pickle=False) as content:
        facts = json.loads(str(content["facts"]))
        logits = torch.from_numpy(content["logits"])
    order = facts.get("order", catalog.ORDERS["transformers"])
    strategy = catalog.sampling(facts["values"], facts["do_sample"], facts["seed"], order)
    situation = Situation(len(facts["prompt_ids"]), tuple(facts.get("eos_ids", ())), facts["seed"])
    request = GenerationRequest(tuple(facts["prompt_ids"]), strategy, facts["max_new_tokens"])
    by = "multinomial" if facts["do_sample"] else "argmax"
    last = len(facts["token_ids"]) - 1
    steps = tuple(
        Step(
            index=i,
            logits=logits[i],
            processors=strategy.processors,
            selection=strategy.selection,
            choice=Choice(token_id, by),  # type: ignore[arg-type]  # one of two literals
            finish_reason=facts["finish_reason"] if i == last else None,
            situation=situation,
        )
        for i, token_id in enumerate(facts["token_ids"])
    )
    return Trace(request, steps)
