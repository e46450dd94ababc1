"""What a text shows about its tokenizer: the long word in one token, the short one in many, case, the space before."""

import re
from dataclasses import dataclass

from playground.tokenization.segments import Segmentation, segment
from playground.tokenization.text_tokenizer import TextTokenizer

_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
MANY = 3  # tokens


@dataclass(frozen=True)
class WordInText:
    """A word of the text and its tokens, as they stand there; `first` is the index of the first of them."""

    word: str
    ids: tuple[int, ...]
    first: int


@dataclass(frozen=True)
class Variants:
    """One word in several dresses, each with its tokens: `forms` are (text, ids)."""

    forms: tuple[tuple[str, tuple[int, ...]], ...]

    @property
    def differ(self) -> bool:
        return len({ids for _, ids in self.forms}) > 1


@dataclass(frozen=True)
class Findings:
    """What was found, None where the text has no such word.

    Attributes:
        longest_single: the longest word that is one token.
        shortest_split: the shortest word in MANY tokens or more.
        case: a word in lower case, capitalised and in capitals; `space`: with and without a space before it.
    """

    longest_single: WordInText | None
    shortest_split: WordInText | None
    case: Variants | None
    space: Variants | None


def words_in(segmentation: Segmentation) -> list[WordInText]:
    """Every word whose tokens hold nothing else but spaces before it."""
    found = []
    tokens = [(i, token) for i, token in enumerate(segmentation.tokens) if token.end > token.start]
    at = 0
    for match in _WORD.finditer(segmentation.text):
        while at < len(tokens) and tokens[at][1].end <= match.start():
            at += 1
        end = at
        while end < len(tokens) and tokens[end][1].start < match.end():
            end += 1
        inside = tokens[at:end]
        if not inside or any(token.kind in ("special", "unknown") for _, token in inside):
            continue
        before = segmentation.text[inside[0][1].start : match.start()]
        if inside[-1][1].end == match.end() and not before.strip(" "):
            found.append(WordInText(match[0], tuple(token.token_id for _, token in inside), inside[0][0]))
    return found


def find(segmentation: Segmentation, tokenizer: TextTokenizer) -> Findings:
    words = words_in(segmentation)
    single = [word for word in words if len(word.ids) == 1]
    split = [word for word in words if len(word.ids) >= MANY]
    telling = sorted(
        (word.word for word in words if len(word.word) > 2 and word.word.isascii()),
        key=lambda word: (len(word) < 4, len(word)),  # the first of the short ones, but not a mere "the"
    )
    case, space = None, None
    for word in telling:
        low = word.lower()
        case = case or _variants((" " + low, " " + low.capitalize(), " " + low.upper()), tokenizer)
        space = space or _variants((" " + word, word), tokenizer)
        if case and space:
            break
    return Findings(
        longest_single=max(single, key=lambda word: len(word.word), default=None),
        shortest_split=min(split, key=lambda word: (len(word.word), -len(word.ids)), default=None),
        case=case,
        space=space,
    )


def _variants(texts: tuple[str, ...], tokenizer: TextTokenizer) -> Variants | None:
    found = Variants(tuple((text, segment(text, tokenizer, with_special=False).ids) for text in texts))
    return found if found.differ else None
