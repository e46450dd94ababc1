"""The /beam_search endpoint: every search with beams for programs, one answer a step."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from gradio.events import api

from playground import catalog, engine
from playground.backends.loading import ModelSlot
from playground.decoding.beam_search import BeamSearch
from playground.decoding.beam_steps import BeamStep, BeamStrategy, Hypothesis
from playground.decoding.constrained_beam_search import ConstrainedBeamSearch
from playground.decoding.diverse_beam_search import DiverseBeamSearch
from playground.decoding.stochastic_beam_search import StochasticBeamSearch
from playground.decoding.stopping import StopStrings
from playground.errors import InvalidArgumentError
from playground.tabs.endpoints import Json, prompt_ids, room, stream, truth

if TYPE_CHECKING:
    from playground.backends.huggingface import Backend

MAX_BEAMS = 16
MAX_TEXTS = 8
# What each search can't do, and says so rather than leave it out: the argument and its neutral value.
NOT_WITH: dict[str, Json] = {
    "num_beam_groups": {"force_words": None, "stochastic": False, "do_sample": False, "stop_strings": None},
    "force_words": {"stochastic": False, "do_sample": False, "stop_strings": None},
    "stochastic": {"do_sample": False, "stop_strings": None, "length_penalty": 1.0, "early_stopping": False},
}


def build(slot: ModelSlot) -> None:
    """Add the endpoint to the Blocks that is being built."""
    api(BeamEndpoints(slot).beam_search, api_name="beam_search", concurrency_limit=None)


class BeamEndpoints:
    """The function behind the endpoint. Bad input is an error that names the argument and its range."""

    def __init__(self, slot: ModelSlot) -> None:
        self._slot = slot
        self.beam_search = stream(self._beam_search)
        self.beam_search.__name__ = "beam_search"

    def _beam_search(
        self,
        prompt: str,
        num_beams: int = 3,
        max_new_tokens: int = 12,
        length_penalty: float = 1.0,
        early_stopping: bool | str = False,
        num_return_sequences: int = 1,
        no_repeat_ngram_size: int = 0,
        repetition_penalty: float = 1.0,
        do_sample: bool = False,
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 1.0,
        min_p: float = 0.0,
        typical_p: float = 1.0,
        seed: int = 0,
        min_new_tokens: int = 0,
        stop_strings: list | None = None,  # type: ignore[type-arg]  # gradio reads it at run time: a list is any JSON
        num_beam_groups: int = 1,
        diversity_penalty: float = 0.0,
        force_words: list | None = None,  # type: ignore[type-arg]
        stochastic: bool = False,
    ) -> Iterator[dict]:  # type: ignore[type-arg]
        """Search for probable continuations with several beams; one answer a step, the last one with the result.

        Args:
            prompt: the text to continue; an empty one starts from the end-of-text token.
            num_beams: how many sequences run at once, 1 to 16 (from 2 with groups or words).
            max_new_tokens: at most this many tokens, from 1 to what fits into the context.
            length_penalty: exponent of the length in the score; -10 to 10, above 0 favours long sequences.
            early_stopping: true, false or "never": when the search may stop.
            num_return_sequences: how many of the best sequences to return, 1 to num_beams.
            no_repeat_ngram_size: forbid repeating an n-gram; 0 to 64, 0 is off.
            repetition_penalty: makes tokens that occur already less probable; 0.01 to 100, 1 is off.
            do_sample: draw the candidates (beam sampling); only then, and with stochastic, the five that follow apply.
            temperature: divides the log-probabilities; 0.01 to 100, 1 is off.
            top_k: keep the k most probable tokens; 0 is off.
            top_p: keep the most probable tokens up to this mass; 0 to 1, 1 is off.
            min_p: keep tokens at least this many times as probable as the first; 0 to 1, 0 is off.
            typical_p: keep the tokens of most typical surprisal up to this mass; 0.001 to 1, 1 is off.
            seed: the dice of beam sampling and of stochastic beam search.
            min_new_tokens: no sequence ends before it has so many tokens; 0 to max_new_tokens.
            stop_strings: texts that end a sequence, at most 8.
            num_beam_groups: diverse beam search in so many groups, a divisor of num_beams; 1 is off.
            diversity_penalty: what a token loses for every earlier group that took it at the same step; 0 to 100 nats.
            force_words: constrained beam search: texts that must appear, at most 8; a leading space counts.
            stochastic: stochastic beam search: num_beams sequences drawn without replacement.
        """
        given = {name: value for name, value in locals().items() if name not in ("self", "prompt")}
        backend = self._slot.get()
        ids = prompt_ids(prompt, backend)
        length = catalog.check_whole("max_new_tokens", max_new_tokens, 1, room(ids, backend))
        strategy = _strategy(given, length, backend)
        wanted = catalog.check_whole("num_return_sequences", num_return_sequences, 1, strategy.num_beams)
        text = backend.vocabulary.text
        before: list[int] = []
        for step in engine.search(backend.model, strategy, ids, length):
            answer, before = _answer(step, before, text)
            if step.stop_reason:
                answer["sequences"] = answer["finished"][:wanted]
            yield answer


def _strategy(given: Json, max_new_tokens: int, backend: "Backend") -> BeamStrategy:
    """The search that the arguments describe. Raises OutOfRangeError or InvalidArgumentError."""
    is_stochastic = truth("stochastic", given["stochastic"])
    do_sample = truth("do_sample", given["do_sample"])
    values = {p.name: given[p.name] for p in catalog.FOR_BEAMS}
    processors = catalog.processors(values, do_sample or is_stochastic)
    selection = catalog.sampling({}, do_sample, given["seed"]).selection
    groups = catalog.check_whole("num_beam_groups", given["num_beam_groups"], 1, MAX_BEAMS)
    words = _texts("force_words", given["force_words"])
    stop_strings = _texts("stop_strings", given["stop_strings"])
    kind = "stochastic" if is_stochastic else "force_words" if words else "num_beam_groups" if groups > 1 else None
    _refuse_together(given, kind)
    beams = catalog.check_whole("num_beams", given["num_beams"], 2 if words or groups > 1 else 1, MAX_BEAMS)
    least = catalog.check_whole("min_new_tokens", given["min_new_tokens"], 0, max_new_tokens)
    if kind == "stochastic":
        return StochasticBeamSearch(beams, selection.seed, processors, least)
    early_stopping = given["early_stopping"]
    if not isinstance(early_stopping, bool) and early_stopping != "never":
        raise InvalidArgumentError(name="early_stopping", rule='true, false or "never"', value=early_stopping)
    shared: Json = {
        "length_penalty": catalog.check_number("length_penalty", given["length_penalty"], -10, 10),
        "early_stopping": early_stopping,
        "processors": processors,
        "min_new_tokens": least,
    }
    if kind == "force_words":
        phrases = tuple(backend.tokenizer.encode_inside(word) for word in words)
        wanted = catalog.check_whole("num_return_sequences", given["num_return_sequences"], 1, beams)
        return ConstrainedBeamSearch(beams, phrases, num_return_sequences=wanted, **shared)
    if kind == "num_beam_groups":
        if beams % groups:
            raise InvalidArgumentError(name="num_beam_groups", rule=f"a divisor of num_beams ({beams})", value=groups)
        penalty = catalog.check_number("diversity_penalty", given["diversity_penalty"], 0, 100)
        return DiverseBeamSearch(beams, groups, penalty, **shared)
    stop = StopStrings(stop_strings, backend.vocabulary.pieces) if stop_strings else None
    return BeamSearch(beams, selection=selection, stop=stop, **shared)


def _refuse_together(given: Json, kind: str | None) -> None:
    """Raises InvalidArgumentError for an argument that the chosen search would have to ignore."""
    neutral = NOT_WITH[kind] if kind else {}
    if kind != "num_beam_groups":
        neutral = {**neutral, "diversity_penalty": 0.0, "num_beam_groups": 1}
    for name, value in neutral.items():
        if given[name] != value and not (value is None and not given[name]):
            reason = f"left out with {kind}" if kind else "left out without num_beam_groups"
            raise InvalidArgumentError(name=name, rule=reason, value=given[name])


def _texts(name: str, value: object) -> tuple[str, ...]:
    """A list of texts, none of them empty; None is no text."""
    rule = f"a list of at most {MAX_TEXTS} texts, none of them empty"
    texts = [] if value is None else value
    if not isinstance(texts, list) or len(texts) > MAX_TEXTS or not all(isinstance(t, str) and t for t in texts):
        raise InvalidArgumentError(name=name, rule=rule, value=value)
    return tuple(texts)


def _answer(step: BeamStep, before: Sequence[int], text: Callable[[tuple[int, ...]], str]) -> tuple[Json, list[int]]:
    """The answer of a step, and which beams it names. `before`: those that the last answer named, of which a parent
    is one. Rows that only fill the batch are not told of."""
    live = [] if step.stop_reason else [i for i, beam in enumerate(step.beams) if not beam.is_ghost]
    place = {beam: i for i, beam in enumerate(before)}
    answer = {
        "step": step.index + 1,
        "beams": [
            {
                "token_ids": list(beam.token_ids), "text": text(beam.token_ids), "cum_logprob": beam.cum_logprob,
                "parent": place.get(beam.beam_indices[-1], 0),
            }
            for beam in (step.beams[i] for i in live)
        ],
        "finished": [_sequence(hypothesis, text) for hypothesis in step.finished if not hypothesis.is_ghost],
        "done": step.stop_reason is not None,
    }  # fmt: skip
    return answer, live


def _sequence(hypothesis: Hypothesis, text: Callable[[tuple[int, ...]], str]) -> Json:
    return {
        "token_ids": list(hypothesis.token_ids), "text": text(hypothesis.token_ids), "score": hypothesis.score,
        "cum_logprob": hypothesis.cum_logprob,
    }  # fmt: skip
