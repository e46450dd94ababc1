"""Masks in words: every cell against the rule it stands for, on batches of both sides."""

from hypothesis import given
from hypothesis import strategies as st

from playground.views.masks import Batch, equal_cells, is_seen, masks

texts = st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=7).map(tuple), min_size=1, max_size=4).map(tuple)
sides = st.sampled_from(("left", "right"))


@given(texts, sides, st.one_of(st.none(), st.integers(1, 5)), st.data())
def test_a_cell_is_blocked_for_the_reasons_that_hold_there(texts, side, window, data) -> None:  # type: ignore[no-untyped-def]
    batch = Batch(texts, side)
    text = data.draw(st.integers(0, len(texts) - 1))
    view, n = masks(batch, text, window), batch.length
    pads = n - len(texts[text])
    real = range(pads, n) if side == "left" else range(n - pads)
    for query in range(n):
        for key in range(n):
            why = view.together[query][key]
            assert ("future" in why) == (key > query)
            assert ("padding" in why) == (key not in real)
            assert ("window" in why) == (window is not None and query - key >= window)
            assert len(set(why)) == len(why)
            assert is_seen(view.together)[query][key] == (not why)


@given(texts, sides)
def test_the_rectangle_holds_the_texts_and_says_where(texts, side) -> None:  # type: ignore[no-untyped-def]
    batch = Batch(texts, side)
    for row, mask, text in zip(batch.padded(-1), batch.attention_mask, texts, strict=True):
        assert len(row) == len(mask) == batch.length
        assert tuple(i for i, kept in zip(row, mask, strict=True) if kept) == text
        assert all((i == -1) == (not kept) for i, kept in zip(row, mask, strict=True))
        assert mask == sorted(mask, reverse=side == "right")


def test_one_small_batch_by_hand() -> None:
    view = masks(Batch(((1, 2, 3), (4,)), "left"), 1)
    assert view.together == (
        (("padding",), ("future", "padding"), ("future",)),
        (("padding",), ("padding",), ("future",)),
        (("padding",), ("padding",), ()),
    )
    assert view.window is None


def test_cells_that_agree_are_counted() -> None:
    assert equal_cells([[True, False]], [[True, True]]) == (1, 2)
