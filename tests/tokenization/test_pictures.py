"""Segments, findings, alignment, round trip and batch: what each says of a text, pinned by hand or by transformers."""

from collections.abc import Callable

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from playground.tokenization.alignment import align, differences
from playground.tokenization.batch import pad
from playground.tokenization.findings import find
from playground.tokenization.replay import merge_replay, passages
from playground.tokenization.round_trip import retokenize, round_trip
from playground.tokenization.segments import gaps, segment
from playground.tokenization.text_tokenizer import TextTokenizer, from_functions, readable
from playground.vocabulary import Vocabulary

Named = Callable[[str], TextTokenizer]


def test_a_character_of_several_tokens(tokenizer_named: Named) -> None:
    found = segment("a 😀!", tokenizer_named("storyteller"))
    assert [(token.start, token.end, token.kind) for token in found.tokens] == [
        (0, 1, "text"), (1, 2, "text"), *[(2, 3, "bytes")] * 4, (3, 4, "text"),
    ]  # fmt: skip
    labels = [tokenizer_named("storyteller").label(i) for i in found.ids]
    assert labels == ["a", "␣", "<0xF0>", "<0x9F>", "<0x98>", "<0x80>", "!"]
    assert found.byte_count == 7


def test_half_a_surrogate_pair_is_read_as_a_question_mark(tokenizer_named: Named) -> None:
    assert readable("a\ud83db\ude00") == ("a?b?", 2)
    found = segment("\ud83d", tokenizer_named("storyteller"))
    assert found.text == "?" and found.replaced == 1
    assert found.ids == segment("?", tokenizer_named("storyteller")).ids


def test_special_and_unknown_tokens(tokenizer_named: Named) -> None:
    wordpiece = tokenizer_named("wordpiece")
    found = segment("the ☃ [UNK]", wordpiece)
    assert [(wordpiece.label(t.token_id), t.kind) for t in found.tokens] == [
        ("[CLS]", "special"), ("the", "text"), ("[UNK]", "unknown"), ("[UNK]", "special"), ("[SEP]", "special"),
    ]  # fmt: skip
    assert gaps(found) == {2: " ", 3: " "}
    story = segment("to <|endoftext|>", tokenizer_named("storyteller"))
    assert story.tokens[-1].kind == "special" and (story.tokens[-1].start, story.tokens[-1].end) == (3, 16)
    line = segment("a\nb", tokenizer_named("unigram"))
    assert "unknown" in [token.kind for token in line.tokens]  # a line end is no special token


def test_examples_found_in_a_text(tokenizer_named: Named) -> None:
    tokenizer = tokenizer_named("storyteller")
    found = find(segment("The wolf was quite beautiful, said the WOLF.", tokenizer), tokenizer)
    assert found.longest_single is not None and found.longest_single.word == "beautiful"
    assert found.longest_single.ids == segment(" beautiful", tokenizer).ids
    assert found.shortest_split is not None and found.shortest_split.word == "WOLF"
    assert found.shortest_split.ids == segment(" WOLF", tokenizer).ids
    assert found.case is not None
    assert [text for text, _ in found.case.forms] == [" wolf", " Wolf", " WOLF"]
    assert all(ids == segment(text, tokenizer).ids for text, ids in found.case.forms)
    assert found.space is not None and [text for text, _ in found.space.forms] == [" wolf", "wolf"]
    nothing = find(segment("12 34", tokenizer), tokenizer)
    assert (nothing.longest_single, nothing.shortest_split, nothing.case, nothing.space) == (None,) * 4
    lower = tokenizer_named("wordpiece")  # lower-cases, and knows no spaces
    assert find(segment("the wolf", lower), lower).case is None
    assert find(segment("the wolf", lower), lower).space is None


@pytest.mark.parametrize("text", ["The wolf 😀 said: 狐狸\nnaïve  end", "", "x", "é" * 50, "\n\n", "a" * 200])
def test_aligned_rows_hold_the_same_characters(text: str, tokenizer_named: Named) -> None:
    names = ("storyteller", "wordpiece", "unigram", "sentencepiece-bpe")
    cuts = [segment(text, tokenizer_named(name), with_special=False) for name in names]
    lines = align(cuts, columns=20, most=120)
    for line in lines:
        assert len(line.rows) == len(names)
        assert len({"".join(cell.text for cell in row) for row in line.rows}) == 1
        for row in line.rows:
            assert [cell.at for cell in row] == [sum(c.width for c in row[:i]) for i in range(len(row))]
            assert sum(cell.width for cell in row) == line.columns
    shown = "".join(cell.text for line in lines for cell in line.rows[0])
    assert len(shown) >= min(len(text), 120)


def test_pieces_that_not_all_have(tokenizer_named: Named) -> None:
    names = ("storyteller", "wordpiece")
    cuts = [segment("the wolf chartreuse", tokenizer_named(name), with_special=False) for name in names]
    # ␣ch|art|re|use and char|##t|##re|##use: re and use are the same, and so are the words before
    assert differences(cuts) == [2, 2]
    [line] = align(cuts, 80, 600)
    assert [(c.text, c.is_shared) for c in line.rows[0]] == [
        ("the", True), ("␣wolf", True), ("␣ch", False), ("art", False), ("re", True), ("use", True),
    ]  # fmt: skip
    assert differences(cuts[:1]) == [0]


def test_round_trips(tokenizer_named: Named) -> None:
    text = "The wolf 😀 said: 狐狸\nnaïve  end \u200d"
    assert round_trip(text, tokenizer_named("storyteller")).is_exact
    assert round_trip(text, tokenizer_named("sentencepiece-bpe")).is_exact
    lossy = round_trip("the Wolf", tokenizer_named("wordpiece"))
    assert lossy.back == "the wolf" and lossy.first_difference == 4
    assert round_trip("a ", tokenizer_named("wordpiece")).first_difference == 1


def test_ids_that_come_back_as_others(tokenizer_named: Named) -> None:
    tokenizer = tokenizer_named("storyteller")
    the = segment("the", tokenizer).ids
    apart = tuple(i for c in "the" for i in segment(c, tokenizer).ids)
    found = retokenize(apart, tokenizer)
    assert (found.text, found.read_as, found.first_difference, found.is_stable) == ("the", the, 0, False)
    assert retokenize(the, tokenizer).is_stable
    broken = retokenize(segment("😀", tokenizer).ids[:2], tokenizer)
    assert not broken.is_text and not broken.is_stable and broken.text == "\ufffd"
    special = retokenize((*the, 0), tokenizer)
    assert special.is_stable and special.text == "the<|endoftext|>"


@pytest.mark.parametrize("side", ["left", "right"])
def test_the_batch_is_that_of_transformers(side: str) -> None:
    words = Tokenizer(models.WordLevel({w: i for i, w in enumerate(["[PAD]", "[UNK]", "a", "b", "c"])}, "[UNK]"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    theirs = PreTrainedTokenizerFast(tokenizer_object=words, pad_token="[PAD]", unk_token="[UNK]")
    texts = ["a b c a", "", "b", "c c"]
    batch = theirs(texts, padding=True, padding_side=side)
    rows = [theirs(text).input_ids for text in texts]
    made = pad(rows, theirs.pad_token_id, side)  # type: ignore[arg-type]
    assert [list(row) for row in made.input_ids] == batch.input_ids
    assert [list(row) for row in made.attention_mask] == batch.attention_mask
    assert pad([], 0, "left").input_ids == ()


def test_the_ranks_between_the_parts(tokenizer_named: Named) -> None:
    """The pair that is merged next has the lowest rank of all that are shown, at every step."""
    tokenizer = tokenizer_named("storyteller")
    found = passages("The wolf saw unbelievable chartreuse gloves", tokenizer)
    assert found is not None
    for passage in found:
        replay = merge_replay([passage], tokenizer.rules)  # type: ignore[arg-type]
        for step, merge in enumerate(replay.merges):
            ranks = [rank for rank in replay.ranks(step, tokenizer.rules) if rank is not None]  # type: ignore[arg-type]
            assert min(ranks) == merge.rank
        assert all(rank is None for rank in replay.ranks(len(replay.merges), tokenizer.rules))  # type: ignore[arg-type]


def test_a_tokenizer_that_gives_nothing_but_ids() -> None:
    vocabulary = Vocabulary((b"a", b"b", b"ab", b"\xf0\x9f"))
    table = {"ab": [2], "ba": [1, 0]}
    tokenizer = from_functions("plain", vocabulary, lambda text, _: table[text], lambda ids: "")
    assert [(t.start, t.end) for t in segment("ba", tokenizer).tokens] == [(0, 1), (1, 2)]
    assert [(t.start, t.end) for t in segment("ab", tokenizer).tokens] == [(0, 2)]
    assert tokenizer.words("ab") is None and passages("ab", tokenizer) is None
