"""Tokenizers of any folder or Hub id as transformers reads them, and tiktoken's."""

import importlib
import importlib.util
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer

from playground.engines.huggingface import gguf_file
from playground.engines.huggingface.tokenizer import HuggingFaceTokenizer
from playground.engines.huggingface.tokenizers_at_hand import TIKTOKEN, from_file, tiktoken_encodings
from playground.engines.loading import shown_name
from playground.errors import TokenizerUnavailableError
from playground.i18n import say
from playground.tokenization.text_tokenizer import TextTokenizer, from_functions
from playground.vocabulary import Vocabulary

_tiktoken: Any = importlib.import_module("tiktoken") if importlib.util.find_spec("tiktoken") else None
_UNKNOWN_LENGTH = 10**9  # transformers writes 10**30 where nobody says


def read(name: str) -> TextTokenizer:
    """The tokenizer of a folder, of a Hub id, or "tiktoken:<encoding>". Raises TokenizerUnavailableError and, the
    files being somebody else's, whatever transformers raises."""
    if name.startswith(TIKTOKEN):
        return _of_tiktoken(name.removeprefix(TIKTOKEN))
    try:
        return _of_transformers(name)
    except Exception:
        file = Path(name) / "tokenizer.json"
        if not file.is_file():
            raise
        return from_file(file, shown_name(name))  # no configuration beside it: the file says all that is needed


def _of_transformers(name: str) -> TextTokenizer:
    source, in_file = gguf_file.source(name)
    tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False, **in_file)
    length = int(min(tokenizer.model_max_length, _UNKNOWN_LENGTH))
    return HuggingFaceTokenizer(tokenizer).text_tokenizer(
        shown_name(name), length if length < _UNKNOWN_LENGTH else None
    )


def _of_tiktoken(encoding_name: str) -> TextTokenizer:
    name = TIKTOKEN + encoding_name
    if encoding_name not in tiktoken_encodings():
        raise TokenizerUnavailableError(name=name, reason=say("unfit.no_encoding"))
    encoding: Any = _tiktoken.get_encoding(encoding_name)
    special = frozenset(encoding._special_tokens.values())

    def piece(token_id: int) -> bytes:
        try:
            return bytes(encoding.decode_single_token_bytes(token_id))
        except KeyError:
            return f"<id {token_id}>".encode()

    vocabulary = Vocabulary(tuple(map(piece, range(encoding.n_vocab))), special)
    return from_functions(
        name,
        vocabulary,
        lambda text, _: list(encoding.encode(text, allowed_special="all")),
        lambda ids: str(encoding.decode(list(ids))),
    )
