"""Recorded runs: a trace in a file, with its raw logits, so that a page has pictures before any model is loaded."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from playground import catalog
from playground.decoding.processors import Situation
from playground.decoding.rows import Row
from playground.decoding.sampling import Sampling
from playground.decoding.selection import Choice
from playground.decoding.trace import GenerationRequest, Step, Trace
from playground.errors import PlaygroundError
from playground.runs.setup import Setup
from playground.runs.strategies.kind import USUAL_ORDER
from playground.vocabulary import Vocabulary
from playground.written import Speller


def save(trace: Trace, path: Path) -> None:
    """Write a trace of one strategy, not steered, as .npz: exact float32 logits and its settings as JSON."""
    strategy = trace.request.strategy
    if strategy.has_beams:
        raise TypeError("only a run of one sequence is recorded here")
    bound = strategy.guidance or strategy.stop or any(getattr(p, "breaker_ids", ()) for p in strategy.processors)
    if bound or any(step.situation.states for step in trace.steps):
        raise TypeError("a run with guidance, stop strings, DRY or mirostat holds more than a recording keeps")
    values, order = catalog.values_of(strategy.processors), [p.name for p in strategy.processors]
    is_usual = order == [name for name in USUAL_ORDER if name in order]
    setup = Setup(
        strategy.name, values, strategy.seed, trace.request.max_new_tokens,
        USUAL_ORDER if is_usual else tuple(order), trace.request.prompt_ids,
    )  # fmt: skip
    if setup.spelled(mute(Vocabulary(())), trace.steps[0].row.size) != strategy:
        raise TypeError("a strategy that no Setup describes")
    facts = {
        "setup": setup.to_json(),
        "token_ids": trace.token_ids,
        "finish_reason": trace.finish_reason,
        "eos_ids": trace.steps[0].situation.eos_ids if trace.steps else (),
    }
    logits = torch.stack([step.logits for step in trace.steps]).numpy()
    np.savez_compressed(path, logits=logits, facts=np.array(json.dumps(facts)))


def setup_in(facts: Mapping[str, Any]) -> Setup:
    """The setup of what a file holds, with the ids of its prompt. Raises ValueError for another thing."""
    try:
        setup = Setup.from_json(facts["setup"])
    except (KeyError, TypeError, PlaygroundError) as error:
        raise ValueError("the file holds no recording of today") from error
    if not isinstance(setup.prompt, tuple):
        raise ValueError("the recording does not say which ids it goes on from")
    return setup


def mute(vocabulary: Vocabulary) -> Speller:
    """A speller without a tokenizer: it knows what ids stand for, and has no ids for a text."""
    return Speller(lambda text: (), lambda text: (), vocabulary)


def load(path: Path) -> Trace:
    """Read what `save` wrote. Raises FileNotFoundError, or ValueError for a file that holds something else."""
    with np.load(path, allow_pickle=False) as content:
        facts = json.loads(str(content["facts"]))
        logits = torch.from_numpy(content["logits"])
    setup = setup_in(facts)
    strategy = cast(Sampling, setup.spelled(mute(Vocabulary(())), logits.shape[-1]))
    prompt_ids = cast(tuple[int, ...], setup.prompt)
    situation = Situation(len(prompt_ids), tuple(facts.get("eos_ids", ())), setup.dice)
    request = GenerationRequest(prompt_ids, strategy, setup.max_new_tokens)
    by = "multinomial" if setup.kind.draws else "argmax"
    last = len(facts["token_ids"]) - 1
    steps = tuple(
        Step(
            index=i,
            row=Row(logits[i]),
            processors=strategy.processors,
            selection=strategy.selection,
            choice=Choice(token_id, by),  # type: ignore[arg-type]  # one of two literals
            finish_reason=facts["finish_reason"] if i == last else None,
            situation=situation,
        )
        for i, token_id in enumerate(facts["token_ids"])
    )
    return Trace(request, steps)
