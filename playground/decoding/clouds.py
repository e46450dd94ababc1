"""Clouds: many texts of one request, each with dice of its own, drawn in batches; ids and log-probabilities stay."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
import torch
from torch import Generator, Tensor

from playground.decoding import pipeline
from playground.decoding.lanes import Lane
from playground.decoding.model import LanguageModel
from playground.decoding.processors import Situation, Stateful
from playground.decoding.processors_community import XTC
from playground.decoding.processors_guidance import Guidance
from playground.decoding.rows import Row
from playground.decoding.sampling import Sampling
from playground.decoding.selection import InvalidLogitsError, NothingLeftError, dice
from playground.decoding.together import OWN_ERRORS
from playground.decoding.trace import FinishReason, GenerationRequest, Trace
from playground.decoding.walk import Walk

MAX_SAMPLES = 256
AT_ONCE = 128  # rows of a batch: more save little time, and a stop leaves out those that are not whole
CACHE_BYTES = 288 * 2**20  # what the KV cache of a batch may take
_ROOM = 128  # tokens that a cache has room for beyond those in it
SEEDS = 2**32
CLOUD_BYTES = 24 * 2**20  # what all clouds of a visitor may keep, of TRACE_BYTES
_TOKEN_BYTES = 112  # of a sample: an id and two floats, in tuples
_SAMPLE_BYTES = 1024  # besides its tokens: its tuples, its place and likeness in a picture


@dataclass(frozen=True)
class Sample:
    """One text.

    Attributes:
        logprobs: of each token under the raw model, in nats.
        entropies: of the raw next-token distribution before each token, in nats; none where they are not known (beams).
        error: what ended it before its end.
    """

    seed: int
    token_ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    entropies: tuple[float, ...]
    finish_reason: FinishReason | None
    error: Exception | None = None


@dataclass(frozen=True, eq=False)
class Cloud:
    """The texts of one request so far.

    Attributes:
        samples: whole ones only, by their place: sample i has the dice seed + i.
        wanted: how many there will be.
        tokens: drawn so far, those of texts that are not whole yet included.
    """

    request: GenerationRequest
    samples: tuple[Sample, ...] = ()
    wanted: int = 0
    tokens: int = 0


def sample_bytes(length: int) -> int:
    """What a sample of so many tokens keeps, pictures of it included."""
    return _SAMPLE_BYTES + length * _TOKEN_BYTES


def rows_at_once(model: LanguageModel, request: GenerationRequest) -> int:
    """How many texts are drawn in one batch: AT_ONCE, fewer where their KV cache would take more than CACHE_BYTES."""
    length = len(request.prompt_ids) + request.max_new_tokens + _ROOM
    return max(1, min(AT_ONCE, CACHE_BYTES // max(1, model.cache_bytes * length)))


def draw(model: LanguageModel, request: GenerationRequest, count: int, first: int = 0) -> Iterator[Cloud]:
    """Yield the cloud of samples `first` to `first + count - 1` as it grows, at least once a step of a batch.

    Each is the text of a run alone with the dice seed + i (but for what the last bits of a batch decide). What ends
    one text (nothing left to choose) ends no other. A run that does not draw gives every sample the same text.
    """
    seeds = [(request.strategy.seed + i) % SEEDS for i in range(first, first + count)]
    cloud = Cloud(request, (), count)
    strategy = request.strategy
    if not strategy.is_drawn:
        for tokens, done in _one_by_one(model, request, seeds[:1]):
            same = [replace(sample, seed=seed) for sample in done for seed in seeds]
            cloud = replace(cloud, samples=tuple(same), tokens=tokens * count)
            yield cloud
        return
    is_batched = strategy.is_row_by_row
    at_once = rows_at_once(model, request) if is_batched else 1
    for start in range(0, count, at_once):
        part = seeds[start : start + at_once]
        before, found = cloud, dict[int, Sample]()
        for tokens, done in _Batch(model, request, part).run() if is_batched else _one_by_one(model, request, part):
            found |= {sample.seed: sample for sample in done}
            ordered = tuple(found[seed] for seed in part if seed in found)
            cloud = replace(before, samples=(*before.samples, *ordered), tokens=before.tokens + tokens)
            yield cloud


def _one_by_one(
    model: LanguageModel, request: GenerationRequest, seeds: Sequence[int]
) -> Iterator[tuple[int, list[Sample]]]:
    """(tokens so far, samples that became whole) after every step: of strategies that can't share a pass."""
    tokens = 0
    for seed in seeds:
        lane = Lane.before(replace(request, strategy=request.strategy.reseeded(seed)))
        steps = lane.request.strategy.decode(model, lane.request)
        try:
            for step in steps:
                lane = lane.after(step)
                if isinstance(lane.trace, Trace):
                    _ = lane.trace.steps[-1].reading  # while its logits are at hand
                tokens += 1
                yield tokens, []
        except OWN_ERRORS as error:
            lane = lane.after(error)
        finally:
            steps.close()  # type: ignore[attr-defined]  # decode is a generator
        entropies = tuple(s.reading.entropy for s in lane.trace.steps) if isinstance(lane.trace, Trace) else ()
        yield tokens, [Sample(seed, lane.token_ids, lane.logprobs, entropies, lane.finish_reason, lane.error)]


class _Text:
    """One row of a batch on its way."""

    def __init__(self, seed: int, vocab_size: int) -> None:
        self.seed = seed
        self.generator: Generator = dice(seed, 0, vocab_size)
        self.ids: list[int] = []
        self.logprobs: list[float] = []
        self.entropies: list[float] = []

    def sample(self, reason: FinishReason | None, error: Exception | None = None) -> Sample:
        return Sample(self.seed, tuple(self.ids), tuple(self.logprobs), tuple(self.entropies), reason, error)


class _Batch:
    """Texts that share their forward passes. Those that have ended stay in their rows until a quarter is idle: to take
    one out, the whole cache is copied."""

    def __init__(self, model: LanguageModel, request: GenerationRequest, seeds: Sequence[int]) -> None:
        self._model = model
        self._request = request
        self._strategy = cast(Sampling, request.strategy)
        self._texts: list[_Text | None] = [_Text(seed, model.vocab_size) for seed in seeds]  # by row; None has ended
        self._contexts = torch.tensor([request.prompt_ids] * len(seeds))  # (B, L)
        # what needs the seed or the past of a single text, or a second reading, goes row by row
        self._walks = [self._walk(seed) for seed in seeds] if self._is_singly() else None
        self._workers = torch.get_num_threads()
        self._threads = ThreadPoolExecutor(self._workers)

    def _is_singly(self) -> bool:
        return any(isinstance(p, (Stateful, XTC, Guidance)) and not p.is_neutral for p in self._strategy.processors)

    def _walk(self, seed: int) -> Walk:
        request = replace(self._request, strategy=self._strategy.reseeded(seed))
        return Walk(request.strategy, self._model, request)  # type: ignore[arg-type]  # a Sampling

    def run(self) -> Iterator[tuple[int, list[Sample]]]:
        """(tokens so far, samples that became whole) after every step."""
        prompt, guidance = self._request.prompt_ids, self._strategy.guidance
        states = [self._model.prefill(prompt)]
        try:
            if guidance:
                states.append(self._model.prefill(guidance.negative_prompt(prompt)))
            tokens, parents = 0, [0] * len(self._texts)
            while True:
                logits = [state.logits.expand(len(self._texts), -1) for state in states]
                live = [row for row, text in enumerate(self._texts) if text]
                taken, done = self._step(logits, live)
                tokens += len(taken)
                yield tokens, done
                if not any(self._texts):
                    return
                ids = [taken.get(row, 0) for row in range(len(self._texts))]
                self._contexts = torch.cat([self._contexts, torch.tensor(ids)[:, None]], dim=1)
                parents, ids = self._compact(parents, ids)
                states = [state.advance(parents, ids) for state in states]
                parents = list(range(len(ids)))
        finally:
            self._threads.shutdown()
            for state in states:
                state.release()

    def _compact(self, parents: list[int], ids: list[int]) -> tuple[list[int], list[int]]:
        rows = [row for row, text in enumerate(self._texts) if text]
        if 4 * len(rows) > 3 * len(self._texts):
            return parents, ids
        self._texts = [self._texts[row] for row in rows]
        self._contexts = self._contexts[rows]
        if self._walks:
            self._walks = [self._walks[row] for row in rows]
        return [parents[row] for row in rows], [ids[row] for row in rows]

    def _step(self, logits: Sequence[Tensor], live: Sequence[int]) -> tuple[dict[int, int], list[Sample]]:
        """The token that each live row takes, and the samples that are whole then."""
        raw = logits[0]
        broken = ~np.isfinite(raw.numpy().max(axis=-1))
        done: list[Sample] = []
        taken: dict[int, int] = {}
        for row in [row for row in live if broken[row]]:
            done.append(self._end(row, None, InvalidLogitsError("the model returned logits that are not numbers")))
        sound = [row for row in live if not broken[row]]
        chosen = self._singly(logits, sound) if self._walks else self._together(raw, sound)
        readings = _readings(raw, chosen) if chosen else {}
        for row in sound:
            text = self._texts[row]
            assert text
            choice = chosen[row]
            if isinstance(choice, Exception):
                done.append(self._end(row, None, choice))
                continue
            logprob, entropy = readings[row]
            text.ids.append(choice)
            text.logprobs.append(logprob)
            text.entropies.append(entropy)
            taken[row] = choice
            if reason := self._reason(text):
                done.append(self._end(row, reason))
        return taken, done

    def _end(self, row: int, reason: FinishReason | None, error: Exception | None = None) -> Sample:
        text, self._texts[row] = self._texts[row], None
        assert text
        return text.sample(reason, error)

    def _reason(self, text: _Text) -> FinishReason | None:
        *before, last = text.ids
        if last in self._request.ends(self._model):
            return "stop"
        stop = self._strategy.stop
        if stop and stop.completed_by((*self._request.prompt_ids, *before), last):
            return "stop_string"
        return "length" if len(text.ids) == self._request.max_new_tokens else None

    def _together(self, raw: Tensor, rows: Sequence[int]) -> dict[int, int | Exception]:
        """The draws of all rows at once: the race that `torch.multinomial` runs, each with its own dice."""
        prompt_length = len(self._request.prompt_ids)
        situation = Situation(prompt_length, self._request.ends(self._model), self._strategy.selection.seed)
        stages = pipeline.run(self._strategy.processors, self._contexts, raw, situation)
        processed = pipeline.processed_logits(stages, raw)
        nothing = np.isneginf(processed.numpy().max(axis=-1))
        probabilities = torch.softmax(processed, dim=-1)
        drawn = (probabilities / self._noise(probabilities, rows)).numpy().argmax(axis=-1)
        error = NothingLeftError("every token of the vocabulary was removed", pipeline.removers(stages))
        return {row: error if nothing[row] else int(drawn[row]) for row in rows}

    def _noise(self, like: Tensor, rows: Sequence[int]) -> Tensor:
        """(B, V): one exponential random number a token, of each row's own dice; the rows are shared among threads."""
        noise = torch.ones_like(like)

        def throw(some: Sequence[int]) -> None:
            for row in some:
                text = self._texts[row]
                assert text
                noise[row].exponential_(1, generator=text.generator)

        list(self._threads.map(throw, [rows[i :: self._workers] for i in range(self._workers)]))
        return noise

    def _singly(self, logits: Sequence[Tensor], rows: Sequence[int]) -> dict[int, int | Exception]:
        assert self._walks
        found: dict[int, int | Exception] = {}
        for row in rows:
            own = [Row(one[row]) for one in logits]
            try:
                found[row] = self._walks[row].take(*own).choice.token_id
            except OWN_ERRORS as error:
                found[row] = error
        return found


def _readings(raw: Tensor, chosen: dict[int, int | Exception]) -> dict[int, tuple[float, float]]:
    """Of each row's token its raw log-probability, and the entropy of the row, in nats; as `Distribution` has them."""
    rows = raw.numpy()
    highest = rows.max(axis=-1, keepdims=True)
    below = rows - highest
    weights = np.exp(below)
    totals = weights.sum(axis=-1, dtype=np.float64)
    np.maximum(below, np.float32(-200), out=below)
    entropies = np.log(totals) - np.einsum("ij,ij->i", weights, below, dtype=np.float64) / totals
    normalisers = highest[:, 0] + np.log(totals)
    return {
        row: (float(rows[row, token_id]) - float(normalisers[row]), max(0.0, float(entropies[row])))
        for row, token_id in chosen.items()
        if isinstance(token_id, int)
    }
