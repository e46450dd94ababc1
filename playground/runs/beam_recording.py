"""A recorded search: every step of it in a JSON file, so that the page has a tree before any model is loaded."""

import dataclasses
import json
from pathlib import Path
from typing import Any, cast

from playground.decoding.beam_steps import BeamCandidate, BeamStep, BeamStrategy, Bound, Cost, Hypothesis
from playground.decoding.beam_trace import BeamTrace
from playground.runs.recording import mute, setup_in
from playground.runs.setup import Setup
from playground.vocabulary import Vocabulary


def save(trace: BeamTrace, greedy: Hypothesis, path: Path) -> None:
    """Write a finished beam search (no sampling, no processors) and greedy's text beside it.

    Python writes a float so that it is read back to the last bit. Raises TypeError for another strategy.
    """
    strategy = trace.strategy
    if strategy.pool_rule is None or strategy.processors or strategy.is_drawn:
        raise TypeError("only a plain beam search can be recorded")
    settings = {
        "num_beams": strategy.num_beams,
        "length_penalty": strategy.length_penalty,
        "early_stopping": strategy.pool_rule,
        "min_new_tokens": strategy.min_new_tokens,
        "stop_strings": strategy.stop.strings if strategy.stop else (),
    }
    setup = Setup(
        strategy.name, settings, max_new_tokens=trace.max_new_tokens, prompt=trace.prompt_ids
    )  # fmt: skip
    facts = {
        "setup": setup.to_json(),
        "greedy": facts_of(greedy),
        "steps": [facts_of(step) for step in trace.steps],
    }
    path.write_text(json.dumps(facts, separators=(",", ":"), allow_nan=False) + "\n", encoding="utf-8")


def load(path: Path, pieces: tuple[bytes, ...]) -> tuple[BeamTrace, Hypothesis]:
    """Read what `save` wrote. `pieces`: the bytes of every token id of its model.

    Raises FileNotFoundError, or ValueError for a file that holds something else.
    """
    facts = json.loads(path.read_text(encoding="utf-8"))
    try:
        setup = setup_in(facts)
        strategy = cast(BeamStrategy, setup.spelled(mute(Vocabulary(pieces)), len(pieces)))
        steps = tuple(_step(step) for step in facts["steps"])
        trace = BeamTrace(cast(tuple[int, ...], setup.prompt), strategy, setup.max_new_tokens, steps)
        return trace, _made(Hypothesis, facts["greedy"])
    except (KeyError, TypeError) as error:
        raise ValueError(f"{path.name} holds no recorded search") from error


def facts_of(value: Any) -> dict[str, Any]:
    """The fields of a record that differ from their defaults."""
    found = {}
    for field in dataclasses.fields(value):
        one = getattr(value, field.name)
        factory = field.default_factory
        default = factory() if factory is not dataclasses.MISSING else field.default
        if one != default:
            found[field.name] = _plain(one)
    return found


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return facts_of(value)
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return value


def _made(kind: Any, facts: dict[str, Any]) -> Any:
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in facts.items()})


def _step(facts: dict[str, Any]) -> BeamStep:
    kinds = {
        "candidates": BeamCandidate,
        "beams": Hypothesis,
        "finished": Hypothesis,
        "evicted": Hypothesis,
        "bounds": Bound,
    }
    single = {"bound": Bound, "cost": Cost, "total": Cost}
    made: dict[str, Any] = {
        name: tuple(_made(kinds[name], one) for one in value)
        if name in kinds
        else _made(single[name], value)
        if name in single
        else value
        for name, value in facts.items()
    }
    return BeamStep(**made)
