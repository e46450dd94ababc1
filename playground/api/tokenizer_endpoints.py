"""The endpoint /tokenize: a text as its tokens, for programs."""

from gradio.events import api

from playground.api.outright import outright
from playground.engines.huggingface.tokenizers_at_hand import TokenizerShelf, tokenizer_of
from playground.engines.shelf import Shelf
from playground.errors import InvalidArgumentError
from playground.tokenization.segments import segment

MOST_CHARACTERS = 1_000_000


def build(models: Shelf, tokenizers: TokenizerShelf) -> None:
    """Add the endpoint to the Blocks that is being built."""
    api(outright(TokenizerEndpoints(tokenizers, models).tokenize), api_name="tokenize", concurrency_limit=None)


class TokenizerEndpoints:
    """The function behind the endpoint. Bad input is an error that names the argument."""

    def __init__(self, shelf: TokenizerShelf, models: Shelf) -> None:
        self._shelf, self._models = shelf, models

    def tokenize(self, text: str, model: str = "default") -> dict:  # type: ignore[type-arg]  # any JSON object
        """A text as the tokens that a model reads.

        Args:
            text: any text; half a surrogate pair is read as "?".
            model: "default" (the first model), a model of the shelf by its name (/models lists them; it is loaded
                first), wordpiece, unigram, sentencepiece-bpe, and where the server is not a public one, a folder or a
                Hub id.
        """
        for name, value in (("text", text), ("model", model)):
            if not isinstance(value, str):
                raise InvalidArgumentError(name=name, rule="text", value=value)
        if len(text) > MOST_CHARACTERS:
            rule = f"at most {MOST_CHARACTERS:,} characters"
            raise InvalidArgumentError(name="text", rule=rule, value=f"{len(text):,} characters")
        tokenizer = tokenizer_of(self._models.slot(model)) if model in self._models else self._shelf.get(model)
        return {
            "tokens": [
                {
                    "token_id": token.token_id, "token": tokenizer.label(token.token_id),
                    "bytes": list(tokenizer.piece(token.token_id)), "start": token.start, "end": token.end,
                    "special": token.kind == "special",
                }
                for token in segment(text, tokenizer).tokens
            ],
            "vocab_size": tokenizer.vocab_size,
            "context_length": tokenizer.context_length,
            "special_tokens": tokenizer.special_labels,
        }  # fmt: skip
