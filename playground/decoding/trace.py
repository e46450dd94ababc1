"""The trace: the facts of a run, step by step, from which every picture is derived."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal, Protocol, Self, TypeVar

import torch
from torch import Tensor

from playground.decoding import pipeline
from playground.decoding.dialogue import Rendered
from playground.decoding.distribution import Distribution
from playground.decoding.model import LanguageModel
from playground.decoding.pipeline import NOWHERE, Stage
from playground.decoding.processors import Processor, Situation
from playground.decoding.processors_guidance import Guidance
from playground.decoding.rows import DESK_BYTES, Desk, Row
from playground.decoding.selection import Choice, Selection
from playground.decoding.stopping import StopStrings

FinishReason = Literal["stop", "stop_string", "length"]

TRACE_BYTES = 64 * 2**20  # what one run may keep: the rows at hand on its Desk, and what each step keeps for good


def longest_run(model: LanguageModel, rows: int = 1) -> int:
    """The most steps that fit into TRACE_BYTES: each keeps `model.step_bytes` for each of its rows of logits, and where
    that is not the whole row, some rows lie on the desk besides."""
    desk = DESK_BYTES if model.step_bytes < 4 * model.vocab_size else 0
    return max(1, (TRACE_BYTES - desk) // (model.step_bytes * rows))


@dataclass(frozen=True)
class Reading:
    """What the raw model, before any processor, said of one token at one step.

    Attributes:
        logprob: in nats.
        rank: 1 for the most probable token; of equals the lowest id comes first.
        entropy: of the whole next-token distribution, in nats.
    """

    logprob: float
    rank: int
    entropy: float


@dataclass(frozen=True, eq=False)
class Step:
    """One token chosen.

    Attributes:
        index: 0 for the first generated token.
        row: the raw logits: as the model gave them.
        processors: those in force, in order.
        selection: the rule in force, with its seed.
        choice: the token taken.
        finish_reason: "stop" (an end-of-text token), "stop_string", "length", or None while the run goes on.
        situation: what the processors knew of the step besides its context and logits.
    """

    index: int
    row: Row
    processors: tuple[Processor, ...]
    selection: Selection
    choice: Choice
    finish_reason: FinishReason | None = None
    situation: Situation = NOWHERE

    @property
    def logits(self) -> Tensor:
        """(V,) float32, raw, exact to the last bit; made again by the model's head if they are not at hand."""
        return self.row.logits

    @cached_property
    def reading(self) -> Reading:
        """The raw model's view of the chosen token: numbers only, which stay when the logits go."""
        return read(self.logits, self.choice.token_id)


def read(logits: Tensor, token_id: int) -> Reading:
    """The Reading of one token under raw logits (V,)."""
    row = Distribution.of(logits)
    return Reading(row.logprob(token_id), row.rank(token_id), row.entropy)


StepT_co = TypeVar("StepT_co", covariant=True)


class Strategy(Protocol[StepT_co]):
    """A way of decoding: data that says what it is and needs, and one generator of its steps."""

    @property
    def name(self) -> str:
        """What it is called in the catalogue of strategies, in Setups and links."""
        ...

    @property
    def seed(self) -> int:
        """Of its dice, thrown or not."""
        ...

    @property
    def processors(self) -> tuple[Processor, ...]:
        """What is applied to the logits of every token, in order."""
        ...

    @property
    def stop(self) -> StopStrings | None:
        """The texts that end a sequence; None: no text does."""
        ...

    @property
    def min_new_tokens(self) -> int:
        """So many tokens come before one may end a sequence; 0 where a processor sees to that, or nothing does."""
        ...

    @property
    def is_drawn(self) -> bool:
        """Whether chance decides: then no maximum is looked for."""
        ...

    @property
    def guidance(self) -> Guidance | None:
        """What it reads beside the prompt; None: nothing."""
        ...

    @property
    def has_beams(self) -> bool:
        """Whether it runs several sequences, and yields BeamSteps: it is a BeamStrategy."""
        ...

    @property
    def is_row_by_row(self) -> bool:
        """Whether it yields Steps, each taken from the newest row of logits as a Walk takes it: then many runs may be
        the rows of one batch."""
        ...

    def reseeded(self, seed: int) -> Self:
        """The same with other dice; one that throws none may be as it is."""
        ...

    def decode(self, model: LanguageModel, request: "GenerationRequest") -> Iterator[StepT_co]:
        """Yield one step a token. Raises InvalidLogitsError, NothingLeftError."""
        ...


@dataclass(frozen=True)
class GenerationRequest:
    """What to generate, by id.

    Attributes:
        prompt_ids: what the model reads first, at least one id.
        strategy: how tokens are chosen.
        max_new_tokens: how many tokens the run may have in all, those of `taken_ids` included.
        taken_ids: tokens already chosen, when a run goes on.
        states: what the stateful processors carry on from the last of them.
        desk: where the rows of logits lie that the run has at hand.
        rendered: the dialogue that the prompt is; None for a plain text.
    """

    prompt_ids: tuple[int, ...]
    strategy: Strategy[Any]
    max_new_tokens: int
    taken_ids: tuple[int, ...] = ()
    states: Mapping[str, float] = field(default_factory=dict)
    desk: Desk = field(default_factory=Desk, compare=False, repr=False)
    rendered: Rendered | None = None

    def ends(self, model: LanguageModel) -> tuple[int, ...]:
        """The ids that end the run: those that end any text of the model, and what ends a turn of a dialogue."""
        return (*model.eos_ids, *(self.rendered.end_ids if self.rendered else ()))


@dataclass(frozen=True, eq=False)
class Trace:
    """A request and the steps taken so far: facts only. Frozen; a change makes a new value."""

    request: GenerationRequest
    steps: tuple[Step, ...] = ()

    @property
    def token_ids(self) -> tuple[int, ...]:
        """The generated ids."""
        return tuple(step.choice.token_id for step in self.steps)

    @property
    def finish_reason(self) -> FinishReason | None:
        return self.steps[-1].finish_reason if self.steps else None

    @property
    def states(self) -> Mapping[str, float]:
        """What the stateful processors carry on from the last step: derived from it, so that a rewind restores it."""
        if not self.steps or not pipeline.states_before(self.steps[-1].processors, {}):
            return {}
        last = self.steps[-1]
        return pipeline.states_after(self.stages_at(last.index), last.situation, last.choice.token_id)

    @cached_property
    def passed_a_stop(self) -> int:
        """Index of the last token, but the newest, that completes a stop string which was set only later; -1 if there
        is none."""
        stop = self.request.strategy.stop
        if stop is None:
            return -1
        found = (s.index for s in self.steps[-2::-1] if stop.completed_by(self.context(s.index), s.choice.token_id))
        return next(found, -1)

    @property
    def cum_logprob(self) -> float:
        """Sum over the steps of the raw log-probability of the chosen token, in nats."""
        return sum(step.reading.logprob for step in self.steps)

    def context(self, index: int) -> tuple[int, ...]:
        """The ids that the model had read when it chose token `index`: the prompt and the tokens before."""
        return self.request.prompt_ids + self.token_ids[:index]

    def appended(self, step: Step) -> "Trace":
        return Trace(self.request, (*self.steps, step))

    def rewound(self, length: int) -> "Trace":
        """The same run as it stood after `length` tokens."""
        return replace(self, steps=self.steps[:length])

    def unlimited(self) -> "Trace":
        """The same run without the length limit at which it ended, so that it can go on."""
        if self.finish_reason != "length":
            return self
        return self.rewound(len(self.steps) - 1).appended(replace(self.steps[-1], finish_reason=None))

    def unstopped(self, stop: StopStrings | None) -> "Trace":
        """The same run without the stop string at which it ended, unless it ends one of `stop` too."""
        if self.finish_reason != "stop_string":
            return self
        last = self.steps[-1]
        if stop and stop.completed_by(self.context(last.index), last.choice.token_id):
            return self
        return self.rewound(last.index).appended(replace(last, finish_reason=None))

    def branched(self, index: int, token_id: int, eos_ids: Sequence[int]) -> "Trace":
        """The run up to token `index`, with `token_id` chosen there by hand; no forward pass is needed for it."""
        step = self.steps[index]
        reason: FinishReason | None = "length" if index + 1 == self.request.max_new_tokens else None
        stop = self.request.strategy.stop
        if token_id in eos_ids:
            reason = "stop"
        elif stop and stop.completed_by(self.context(index), token_id):
            reason = "stop_string"
        chosen = replace(step, choice=Choice(token_id, "hand"), finish_reason=reason)
        return self.rewound(index).appended(chosen)

    def stages_at(self, index: int, processors: Sequence[Processor] | None = None) -> tuple[Stage, ...]:
        """The stages of step `index`, recomputed from its raw logits; under other `processors` if given.

        Raises NotRecordedError if those need what the step does not hold (guidance that was off in the run).
        """
        step = self.steps[index]
        context = torch.tensor([self.context(index)])
        chain = pipeline.chain(step.processors if processors is None else processors, step.row)
        return pipeline.run(chain, context, step.logits[None], step.situation)

    def steep_stages_at(self, index: int, processors: Sequence[Processor]) -> tuple[Stage, ...]:
        """The same of a partial row if its untold tokens were as few as possible; none of a whole row."""
        step = self.steps[index]
        if step.row.told is None:
            return ()
        context = torch.tensor([self.context(index)])
        chain = pipeline.chain(processors, step.row)
        return pipeline.run(chain, context, step.row.told.steep[None], step.situation)
