"""The /beam_search endpoint: every search with beams for programs, one answer a step."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, cast

from gradio.events import api

from playground import catalog, engine
from playground.api.answers import Json, prompt_ids, room, truth
from playground.api.model_argument import for_each_model
from playground.api.outright import outright
from playground.api.schema import with_options
from playground.decoding.beam_steps import BeamStep, BeamStrategy, Hypothesis
from playground.engines.loading import ModelSlot
from playground.engines.shelf import Shelf
from playground.errors import InvalidArgumentError
from playground.runs.setup import Setup
from playground.runs.strategies import STRATEGIES, StrategyKind
from playground.runs.strategies.options import NUM_BEAMS, Option
from playground.vocabulary import Vocabulary

if TYPE_CHECKING:
    from playground.engines.protocol import Engine


def build(shelf: Shelf) -> None:
    """Add the endpoint to the Blocks that is being built."""
    function = for_each_model(shelf, lambda slot: BeamEndpoints(slot).beam_search)
    api(function, api_name="beam_search", concurrency_limit=None)


class BeamEndpoints:
    """The function behind the endpoint. Bad input is an error that names the argument and its range."""

    def __init__(self, slot: ModelSlot) -> None:
        self._slot = slot
        searches = [kind for kind in STRATEGIES.values() if kind.has_beams]
        self.beam_search = outright(with_options(self._beam_search, searches))
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
        leave_end_off: bool = False,
        strategy: str = "",
        *,
        further: Json,
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
            force_words: constrained beam search: phrases that must appear, at most 8. Read as on the page: a word after
                a space, "in quotes" exactly as it stands. A sequence that lacks one says so ("missing").
            stochastic: stochastic beam search: num_beams sequences drawn without replacement.
            leave_end_off: without the special tokens that the tokenizer puts behind a text, as BERT's [SEP].
            strategy: the search by its name, as in a setup; without one it is told by the arguments above.
        """
        given = {name: value for name, value in locals().items() if name not in ("self", "prompt", "leave_end_off")}
        given |= given.pop("further")
        backend = self._slot.get()
        ids = prompt_ids(prompt, backend, leave_end_off)
        length = catalog.check_whole("max_new_tokens", max_new_tokens, 1, room(ids, backend))
        search = _strategy(given, length, backend)
        wanted = catalog.check_whole("num_return_sequences", num_return_sequences, 1, search.num_beams)
        before: list[int] = []
        for step in engine.search(backend.model, search, ids, length):
            answer, before = _answer(step, before, backend.vocabulary)
            if step.stop_reason:
                answer["sequences"] = answer["finished"][:wanted]
            yield answer


def _strategy(given: Json, max_new_tokens: int, backend: "Engine") -> BeamStrategy:
    """The search that the arguments describe. Raises OutOfRangeError or InvalidArgumentError."""
    kind, asked_by = _kind(given)
    _refuse_together(given, kind, asked_by)
    values = kind.check({name: given[name] for name in kind.settings if name in given})
    catalog.check_whole("min_new_tokens", given["min_new_tokens"], 0, max_new_tokens)
    most = values.get("num_beams", NUM_BEAMS.usual)
    wanted = catalog.check_whole("num_return_sequences", given["num_return_sequences"], 1, most)
    setup = Setup(kind.name, values, given["seed"])
    return cast(BeamStrategy, setup.build(backend, num_return_sequences=wanted))


def _kind(given: Json) -> tuple[StrategyKind, str]:
    """The strategy that the arguments ask for, and which of them does: its name, or what only it takes; the last of
    the catalogue counts. Raises InvalidArgumentError for one that is no search."""
    searches = {name: kind for name, kind in STRATEGIES.items() if kind.has_beams}
    named = given["strategy"]
    if named:
        if named not in searches:
            raise InvalidArgumentError(name="strategy", rule=f"one of {', '.join(searches)}", value=named)
        return searches[named], named
    asked = [kind for kind in searches.values() if kind.chosen_by and not _is_off(kind.chosen_by, given)]
    return (asked[-1], asked[-1].chosen_by) if asked else (searches["beam"], "")


def _is_off(name: str, given: Json) -> bool:
    """Whether an argument says nothing: it is as when it is left out."""
    option = _options().get(name)
    if option is None:
        return not truth(name, given[name])
    return bool(option.check(given[name]) == option.usual)


def _options() -> dict[str, Option]:
    return {option.name: option for kind in STRATEGIES.values() if kind.has_beams for option in kind.options}


def _refuse_together(given: Json, kind: StrategyKind, asked_by: str) -> None:
    """Raises InvalidArgumentError for an argument that the chosen search would have to ignore."""
    choosing = [one.chosen_by for one in STRATEGIES.values() if one.chosen_by]
    for name in dict.fromkeys([*_options(), *choosing]):
        if name in (*kind.settings, kind.chosen_by) or _is_off(name, given):
            continue
        others = next((k.chosen_by for k in STRATEGIES.values() if name in k.settings and k.chosen_by), name)
        reason = f"left out with {asked_by}" if asked_by else f"left out without {others}"
        raise InvalidArgumentError(name=name, rule=reason, value=given[name])


def _answer(step: BeamStep, before: Sequence[int], vocabulary: Vocabulary) -> tuple[Json, list[int]]:
    """The answer of a step, and which beams it names. `before`: those that the last answer named, of which a parent
    is one. Rows that only fill the batch are not told of."""
    live = [] if step.stop_reason else [i for i, beam in enumerate(step.beams) if not beam.is_ghost]
    place = {beam: i for i, beam in enumerate(before)}
    text = vocabulary.text
    answer = {
        "step": step.index + 1,
        "beams": [
            {
                "token_ids": list(beam.token_ids), "text": text(beam.token_ids), "cum_logprob": beam.cum_logprob,
                "parent": place.get(beam.beam_indices[-1], 0),
            }
            for beam in (step.beams[i] for i in live)
        ],
        "finished": [_sequence(hypothesis, vocabulary) for hypothesis in step.finished if not hypothesis.is_ghost],
        "done": step.stop_reason is not None,
    }  # fmt: skip
    return answer, live


def _sequence(hypothesis: Hypothesis, vocabulary: Vocabulary) -> Json:
    return {
        "token_ids": list(hypothesis.token_ids), "text": vocabulary.text(hypothesis.token_ids),
        "score": hypothesis.score, "cum_logprob": hypothesis.cum_logprob,
        "missing": [vocabulary.text(phrase) for phrase in hypothesis.lacks],
    }  # fmt: skip
