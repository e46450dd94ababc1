"""Prompts and phrases: texts as the ids that the model reads, by one reader for every tab and endpoint."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from playground.decoding.dialogue import Dialogue, Prompt, Rendered, plain
from playground.engines.huggingface import chat
from playground.errors import EmptyPromptError, PlaygroundError, UnknownPhraseError, UnknownTextError
from playground.i18n import Said, Translator
from playground.vocabulary import printable
from playground.written import Speller

if TYPE_CHECKING:
    from playground.engines.protocol import Engine

_NAMED = 8  # of characters that were dropped
_SHOWN = 60  # characters of a text that can't be read


def read(text: str, backend: "Engine", with_end: bool = True) -> tuple[int, ...]:
    """The ids of a text, with the special tokens that the tokenizer adds; `with_end=False` leaves those off that it
    puts behind the text. Raises EmptyPromptError, UnknownTextError."""
    ids = backend.tokenizer.encode(text)
    if text and not backend.tokenizer.encode_inside(text):
        raise UnknownTextError(text=text if len(text) <= _SHOWN else text[:_SHOWN] + "…")
    ends = len(end_ids(backend))
    if ends and not with_end:
        ids = ids[:-ends]
    if not ids:
        raise EmptyPromptError()
    return ids


def prompt(text: str, backend: "Engine", with_end: bool = True) -> tuple[int, ...]:
    """The same for a text to go on from: without text, the end-of-text token where the model has one."""
    try:
        return read(text, backend, with_end)
    except EmptyPromptError:
        if not backend.model.eos_ids:
            raise
        return backend.model.eos_ids[:1]


def speaks(backend: "Engine") -> bool:
    """Whether the model has a chat template."""
    return chat.has_template(getattr(backend.tokenizer, "tokenizer", None))


def turns(dialogue: Dialogue, backend: "Engine") -> tuple[tuple[int, ...], Rendered]:
    """The ids of a dialogue, as apply_chat_template makes them (special tokens as the template writes them, and no
    others), and what the template has put there. Raises as chat.render, UnreadableTokenError."""
    tokenizer = getattr(backend.tokenizer, "tokenizer", None)
    found = chat.render(tokenizer, backend.info.name, dialogue.messages, continues=dialogue.continues)
    ids = backend.tokenizer.encode_inside(found.text)
    if not ids:
        raise EmptyPromptError()
    special = backend.vocabulary.special_ids
    rest = backend.tokenizer.encode_inside(chat.rest_of_a_turn(tokenizer))
    ends = [i for i in rest if i in special and i not in backend.model.eos_ids][:1]
    if any(i in backend.model.eos_ids for i in rest):
        ends = []  # it ends any text already
    return ids, Rendered(dialogue, found.is_added or (), tuple(ends))


def opening(begins: Prompt, backend: "Engine", with_end: bool = True) -> tuple[tuple[int, ...], Rendered | None]:
    """The ids of a text, or of turns: by the chat template of a model that has one, else what of them is plain text.
    Raises as `prompt` and `turns`."""
    if isinstance(begins, Dialogue) and speaks(backend):
        return turns(begins, backend)
    return prompt(plain(begins), backend, with_end), None


def answer(dialogue: Dialogue, text: str, backend: "Engine") -> tuple[int, ...]:
    """The ids of a dialogue and a text that goes on where the chat template leaves off, read as one. Raises as
    chat.render, UnreadableTokenError."""
    tokenizer = getattr(backend.tokenizer, "tokenizer", None)
    found = chat.render(tokenizer, backend.info.name, dialogue.messages, continues=dialogue.continues)
    return backend.tokenizer.encode_inside(found.text + text)


def words(begins: Prompt, backend: "Engine") -> str:
    """What of a prompt is a person's own that the model reads."""
    if isinstance(begins, Dialogue) and speaks(backend):
        return " ".join(turn.content for turn in begins.turns)
    return plain(begins)


def dropped_note(text: str, backend: "Engine", t: Translator) -> str:
    """A sentence on what of a prompt the model reads nothing of: characters without a token, or a whole text that is
    the unknown token throughout; "" where it reads all."""
    if count := unknown_throughout(text, backend):
        token = str(getattr(backend.tokenizer, "tokenizer").unk_token)  # noqa: B009  # not of every Tokenizer
        return t("notice.unknown", token=token, name=backend.info.name, count=count)
    found = backend.tokenizer.dropped(text)
    some = " ".join(printable(c.encode()) for c in found[:_NAMED]) + (" …" if len(found) > _NAMED else "")
    return t("notice.dropped", characters=some) if found else ""


def unknown_throughout(text: str, backend: "Engine") -> int:
    """How many times a text is the unknown token, where it is nothing else to the model; 0 where it is more, or the
    token is written by hand (GPT-2 has its end of text for it)."""
    unknown = getattr(getattr(backend.tokenizer, "tokenizer", None), "unk_token_id", None)
    if unknown is None or unknown in backend.model.eos_ids or not text.strip():
        return 0
    ids = backend.tokenizer.encode_inside(text)
    return len(ids) if set(ids) == {unknown} and backend.vocabulary.label(unknown) not in text else 0


def ids_or_none(text: str, backend: "Engine") -> tuple[int, ...]:
    """The ids of a text that stands in the page already; none of one that this model can't read, as Run will say."""
    try:
        return prompt(text, backend)
    except PlaygroundError:
        return ()


def end_ids(backend: "Engine") -> tuple[int, ...]:
    """The special tokens that the tokenizer puts behind every text, as BERT's puts [SEP]."""
    whole, inside = backend.tokenizer.encode("a"), backend.tokenizer.encode_inside("a")
    places = (i for i in range(len(whole)) if inside and whole[i : i + len(inside)] == inside)
    return next((whole[i + len(inside) :] for i in places), ())


def speller_of(backend: "Engine") -> Speller:
    """How this model's tokenizer spells what a person writes."""
    return Speller(backend.tokenizer.encode_inside, backend.tokenizer.encode, backend.vocabulary)


def forced(texts: Sequence[str], field: Said | str, speller: Speller) -> tuple[tuple[int, ...], ...]:
    """The ids of phrases that must appear, each as it stands inside a text (see `Speller.phrase`).

    Raises UnknownPhraseError, which names `field`, for one that the tokenizer can't spell.
    """
    phrases = {text: speller.phrase(text) for text in texts}
    for text, ids in phrases.items():
        if not ids:
            raise UnknownPhraseError(field=field, line=text)
    return tuple(phrases[text] for text in texts)
