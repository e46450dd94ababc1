"""The re-tokenization alarm: chosen ids whose text would be read as other ids, and what the model thinks of both."""

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from playground.engines.protocol import scorer
from playground.errors import CannotScoreError, PromptTooLongError, UnreadableTokenError
from playground.i18n import Translator
from playground.tokenization.round_trip import Retokenization, retokenize
from playground.tokenization.text_tokenizer import TextTokenizer
from playground.views.notation import Unit

if TYPE_CHECKING:
    from playground.engines.protocol import Engine, Scorer, Tokenizer


def log_likelihood(ids: Sequence[int], model: "Scorer", tokenizer: TextTokenizer) -> float:
    """Sum of the natural-log probabilities of the ids after the start of a text, as the page starts one: with the
    special tokens that the tokenizer puts there, else with the model's end-of-text token; of all but the first where
    there is neither. Raises PromptTooLongError."""
    start = tokenizer.template[0] or model.eos_ids[:1]
    whole = tuple(ids) if tuple(ids[: len(start)]) == start else (*start, *ids)
    return sum(model.logprobs(whole)[max(0, len(start) - 1) :])


def reader_of(backend: "Engine") -> TextTokenizer:
    """The model's own tokenizer, with its inner workings."""
    return _reader(backend.tokenizer, backend.info.name, backend.info.context_length)


@lru_cache(maxsize=1)
def _reader(tokenizer: "Tokenizer", name: str, context_length: int) -> TextTokenizer:
    return tokenizer.text_tokenizer(name, context_length)  # reads its whole vocabulary: once


def found_in(ids: Sequence[int], backend: "Engine", prompt_length: int = 0) -> Retokenization:
    """The ids of a run, and what its text would be read as. What the tokenizer has put after the prompt (the first
    `prompt_length` ids), such as BERT's [SEP], is no text and left out."""
    tokenizer = reader_of(backend)
    after = tokenizer.template[1]
    start = prompt_length - len(after)
    if after and start >= 0 and tuple(ids[start:prompt_length]) == after:
        ids = (*ids[:start], *ids[prompt_length:])
    return retokenize(ids, tokenizer)


def alarm(ids: Sequence[int], backend: "Engine", unit: Unit, t: Translator, prompt_length: int = 0) -> str:
    """A sentence for a run that was steered by hand; nothing where its text is read as the very same ids."""
    found = found_in(ids, backend, prompt_length)
    if found.is_stable:
        return ""
    if not found.is_text:
        return t("tokenizer.alarm.broken")
    first = found.first_difference
    labels = [
        "|".join(backend.vocabulary.labels(side[first : first + 4])) or "∅" for side in (found.ids, found.read_as)
    ]
    try:
        model, reader = scorer(backend), reader_of(backend)
        change = log_likelihood(found.read_as, model, reader) - log_likelihood(found.ids, model, reader)
    except (CannotScoreError, PromptTooLongError, UnreadableTokenError):  # or it spells a token that the model lacks
        return t("tokenizer.alarm.unscored", chosen=labels[0], read_as=labels[1])
    amount = ("−" if change < 0 else "+") + unit.amount(abs(change))
    return t("tokenizer.alarm", chosen=labels[0], read_as=labels[1], change=amount, unit=unit.name)
