"""The endpoints /compare, several setups on one prompt at once, and /score_text, any text read by the model."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

from gradio.events import api

from playground import catalog, engine
from playground.api.answers import Json, prompt_ids, truth
from playground.api.model_argument import for_each_model
from playground.api.outright import english, in_words, outright
from playground.decoding.clouds import MAX_SAMPLES, Sample
from playground.decoding.lanes import Comparison, Lane
from playground.decoding.trace import GenerationRequest
from playground.engines.loading import ModelSlot
from playground.engines.shelf import Shelf
from playground.errors import InvalidArgumentError
from playground.runs import scoring
from playground.runs.comparison import Writer, placed, read_setups, requests_of
from playground.runs.setup import Setup
from playground.views.lane_parting import lane_parting
from playground.views.measures import Text, measures, text_of
from playground.vocabulary import Vocabulary

if TYPE_CHECKING:
    from playground.engines.protocol import Engine

MEASURES = ("mean_logprob", "perplexity", "distinct_1", "distinct_2", "distinct_3", "seq_rep_4", "self_bleu")


def build(shelf: Shelf) -> None:
    """Add the endpoints to the Blocks that is being built."""
    compare = for_each_model(shelf, lambda slot: CompareEndpoints(slot, shelf).compare)
    score_text = for_each_model(shelf, lambda slot: CompareEndpoints(slot, shelf).score_text)
    for function in (compare, score_text):
        api(function, api_name=function.__name__, concurrency_limit=None)


class CompareEndpoints:
    """The functions behind the endpoints. Bad input is an error that names the argument and its range."""

    def __init__(self, slot: ModelSlot, shelf: Shelf) -> None:
        self._slot, self._shelf = slot, shelf
        self.compare = outright(self._compare)
        self.score_text = outright(self._score_text)
        for name in ("compare", "score_text"):
            getattr(self, name).__name__ = name

    def _compare(
        self,
        prompt: str,
        setups: list,  # type: ignore[type-arg]  # gradio reads it at run time: a list is any JSON
        same_dice: bool = True,
        num_samples: int = 1,
    ) -> Iterator[dict]:  # type: ignore[type-arg]
        """Several setups on one prompt at once, one answer a step; the last one measures what they wrote.

        Every answer has "lanes", one a setup: its token ids, text, log-probabilities (natural logarithms, of the raw
        model) and why it ended (null while it runs; what ended it before its end is told under "error"). Of a search
        with beams it is the best sequence. The last answer has also "parts_at", the place (from 0) of the first token
        that is not the same in all lanes, or null (where models cut text into other tokens: of each lane the place of
        the token that holds the first character that differs, null where it had ended); and each lane "measures":
        mean_logprob, perplexity = exp(-mean_logprob), distinct_n = different n-grams / n-grams of token ids, seq_rep_4
        = 1 - different 4-grams / 4-grams, self_bleu (sacrebleu's sentence BLEU over token ids, 0 to 100, each sample
        against all others; null with one sample). What a text is too short for is null. Perplexities of models that cut
        text into other tokens do not compare.

        With num_samples above 1, more answers follow, each with the whole texts there are: every lane has "samples", a
        list of objects with token_ids, text, logprobs, finish_reason and seed, the first of which is the lane itself;
        the measures are then those of all samples of the lane together (seq_rep_4: their mean).

        Args:
            prompt: the text to continue; an empty one starts from the end-of-text token.
            setups: 1 to 16 objects: "strategy" ("greedy", "sample", "beam" …; "sample" if left out), its settings by
                name as at /generate and /beam_search, "seed", "max_new_tokens" (20 if left out), "order", "model" (a
                name that /models lists: who writes this lane; the comparison's own if left out).
            same_dice: the first seed that a setup names counts for all; false: each its own.
            num_samples: how many texts of each lane, 1 to 256; sample i has the dice seed + i.
        """
        read = read_setups(setups)
        is_same = truth("same_dice", same_dice)
        count = catalog.check_whole("num_samples", num_samples, 1, MAX_SAMPLES)
        own = self._slot.get()
        _refuse_others(read, prompt)
        slots = [self._slot_of(setup, place, own) for place, setup in enumerate(read)]
        with ExitStack() as held:
            for slot in {id(slot): slot for slot in slots}.values():
                held.enter_context(slot.using())
            yield from self._lanes(read, prompt, [slot.get() for slot in slots], is_same, count)

    def _slot_of(self, setup: Setup, place: int, own: "Engine") -> ModelSlot:
        """Raises InvalidArgumentError for a model that is not on the shelf."""
        if setup.model in (None, "", own.info.name):
            return self._slot
        if setup.model not in self._shelf:
            rule = f"left out, or a model that /models lists ({', '.join(e.name for e in self._shelf.entries)})"
            raise placed(InvalidArgumentError(name="model", rule=rule, value=setup.model), place)
        return self._shelf.slot(setup.model)

    def _lanes(
        self, setups: Sequence[Setup], prompt: str, backends: "Sequence[Engine]", same_dice: bool, count: int
    ) -> Iterator[Json]:
        """One model a lane."""
        writers = [Writer(backend, prompt_ids(prompt, backend)) for backend in backends]
        requests = requests_of(setups, writers, same_dice)
        words = [backend.vocabulary for backend in backends]
        comparison = Comparison(())
        before: Json | None = None
        for comparison in engine.compare_each([backend.model for backend in backends], requests):
            if before is not None:
                yield before
            before = {"lanes": [_lane(*one) for one in zip(comparison.lanes, words, strict=True)]}
        assert before is not None
        samples = [[_sample(lane, request)] for lane, request in zip(comparison.lanes, requests, strict=True)]
        if count > 1:
            yield before
            for place, request in enumerate(requests):
                own, known = samples[place], 1
                for cloud in engine.draw(backends[place].model, request, count - 1, first=1):
                    samples[place] = [*own, *cloud.samples]
                    if len(samples[place]) > known and not (len(samples[place]) == count and place == len(setups) - 1):
                        known = len(samples[place])
                        yield {"lanes": _sampled(before["lanes"], samples, words)}
            before = {"lanes": _sampled(before["lanes"], samples, words)}
        lanes = [
            {**lane, "measures": _measures(_texts(own, found, vocabulary))}
            for lane, own, found, vocabulary in zip(before["lanes"], comparison.lanes, samples, words, strict=True)
        ]
        yield {"lanes": lanes, "parts_at": _parts_at(comparison, words)}

    def _score_text(self, prompt: str, text: str) -> dict:  # type: ignore[type-arg]
        """A text read token by token as if the model had written it: what it said of each token before it came.

        The ids are those of prompt and text read as one; a token that lies astride the two counts to the text. Natural
        logarithms of the raw model; rank 1 is the most probable; perplexity = exp(-mean log-probability).

        Args:
            prompt: what stands before; with an empty one the text begins after the end-of-text token.
            text: what is read.
        """
        for name, value in (("prompt", prompt), ("text", text)):
            if not isinstance(value, str):
                raise InvalidArgumentError(name=name, rule="text", value=value)
        if not text:
            raise InvalidArgumentError(name="text", rule="at least one character", value=text)
        scored = scoring.score_text(prompt, text, self._slot.get())
        return {
            "tokens": [
                {
                    "token_id": token.token_id, "token": token.label, "logprob": token.logprob, "rank": token.rank,
                    "entropy_nats": token.entropy,
                }
                for token in scored.tokens
            ],
            "perplexity": scored.perplexity,
        }  # fmt: skip


def _refuse_others(setups: Sequence[Setup], prompt: str) -> None:
    """Raises InvalidArgumentError for a setup of another prompt."""
    for place, setup in enumerate(setups):
        if setup.dialogue is not None:
            rule, value = "left out: lanes go on from a text", setup.dialogue.messages
            raise placed(InvalidArgumentError(name="messages", rule=rule, value=value), place)
        if setup.prompt is not None and setup.prompt != prompt:
            rule = f"left out, or that of the comparison ({prompt!r})"
            raise placed(InvalidArgumentError(name="prompt", rule=rule, value=setup.prompt), place)


def _parts_at(comparison: Comparison, vocabularies: Sequence[Vocabulary]) -> int | list[int | None] | None:
    found = lane_parting(comparison, vocabularies)
    return None if found is None else found.index if found.character is None else list(found.places)


def _lane(lane: Lane, vocabulary: Vocabulary) -> Json:
    found: Json = {
        "token_ids": list(lane.token_ids), "text": vocabulary.text(lane.token_ids), "logprobs": list(lane.logprobs),
        "finish_reason": lane.finish_reason,
    }  # fmt: skip
    return found | ({"error": in_words(lane.error, english())} if lane.error else {})


def _sample(lane: Lane, request: GenerationRequest) -> Sample:
    return Sample(request.strategy.seed, lane.token_ids, lane.logprobs, (), lane.finish_reason, lane.error)


def _sampled(
    lanes: Sequence[Json], samples: Sequence[Sequence[Sample]], vocabularies: Sequence[Vocabulary]
) -> list[Json]:
    return [
        {
            **lane,
            "samples": [
                {
                    "token_ids": list(one.token_ids), "text": vocabulary.text(one.token_ids),
                    "logprobs": list(one.logprobs), "finish_reason": one.finish_reason, "seed": one.seed,
                    **({"error": in_words(one.error, english())} if one.error else {}),
                }
                for one in own
            ],
        }
        for lane, own, vocabulary in zip(lanes, samples, vocabularies, strict=True)
    ]  # fmt: skip


def _texts(lane: Lane, samples: Sequence[Sample], vocabulary: Vocabulary) -> list[Text]:
    return [text_of(lane, vocabulary), *(text_of(sample, vocabulary) for sample in samples[1:])]


def _measures(texts: Sequence[Text]) -> Json:
    found = measures(texts)
    return {name: getattr(found, name) for name in MEASURES}
