"""The re-tokenization alarm: chosen ids whose text would be read as other ids, and what the model thinks of both."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from playground.errors import PromptTooLongError
from playground.i18n import Translator
from playground.tokenization.round_trip import Retokenization, retokenize
from playground.views.notation import Unit

if TYPE_CHECKING:
    from playground.backends.huggingface import Backend, HuggingFaceModel


def log_likelihood(ids: Sequence[int], model: "HuggingFaceModel") -> float:
    """Sum of the natural-log probabilities of the ids, after the end-of-text token where the model has one, for that
    is how the page starts a text too; else of all but the first. Raises PromptTooLongError."""
    return sum(model.logprobs((*model.eos_ids[:1], *ids)))


def found_in(ids: Sequence[int], backend: "Backend") -> Retokenization:
    """The ids of a run, and what its text would be read as."""
    tokenizer = backend.tokenizer.text_tokenizer(backend.info.name, backend.info.context_length)
    return retokenize(ids, tokenizer)


def alarm(ids: Sequence[int], backend: "Backend", unit: Unit, t: Translator) -> str:
    """A sentence for a run that was steered by hand; nothing where its text is read as the very same ids."""
    found = found_in(ids, backend)
    if found.is_stable:
        return ""
    if not found.is_text:
        return t("tokenizer.alarm.broken")
    first = found.first_difference
    labels = [
        "|".join(backend.vocabulary.labels(side[first : first + 4])) or "∅" for side in (found.ids, found.read_as)
    ]
    try:
        change = log_likelihood(found.read_as, backend.model) - log_likelihood(found.ids, backend.model)
    except PromptTooLongError:
        return t("tokenizer.alarm.unscored", chosen=labels[0], read_as=labels[1])
    amount = ("−" if change < 0 else "+") + unit.amount(abs(change))
    return t("tokenizer.alarm", chosen=labels[0], read_as=labels[1], change=amount, unit=unit.name)
