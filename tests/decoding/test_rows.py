"""Rows at rest give the same bits as rows at hand, and the desk holds no more than it may."""

import threading

import pytest
import torch
from torch import Tensor

from playground.decoding.rows import Desk, Row

SIZE = 10


class Head:
    """Makes a row again, and counts how often."""

    def __init__(self, value: float) -> None:
        self.logits, self.asked = torch.full((SIZE,), value), 0

    def __call__(self) -> Tensor:
        self.asked += 1
        return self.logits.clone()


def test_without_a_way_to_make_it_again_a_row_keeps_its_logits() -> None:
    desk = Desk(most=0)
    kept = Row(torch.arange(3.0), desk=desk)
    Row(torch.zeros(SIZE), Head(0), desk)
    assert kept.is_kept and kept.logits.tolist() == [0, 1, 2] and kept.size == 3


def test_the_desk_holds_the_newest_rows_and_those_asked_for() -> None:
    desk, heads = Desk(most=2 * 4 * SIZE), [Head(float(i)) for i in range(4)]
    rows = [Row(head.logits, head, desk) for head in heads]
    assert [int(row.logits[0]) for row in reversed(rows)] == [3, 2, 1, 0]
    assert [head.asked for head in heads] == [1, 1, 0, 0]  # only two were at hand
    assert rows[1].logits[0] == 1
    assert heads[1].asked == 1  # asked for a moment ago
    assert rows[3].logits[0] == 3
    assert heads[3].asked == 1
    assert not any(row.is_kept for row in rows)


def test_the_desk_holds_one_row_however_large() -> None:
    head = Head(5)
    row = Row(head.logits, head, Desk(most=1))
    assert row.logits is head.logits and not head.asked


def test_a_row_put_again_counts_once() -> None:
    desk, heads = Desk(most=2 * 4 * SIZE), [Head(float(i)) for i in range(2)]
    rows = [Row(head.logits, head, desk) for head in heads]
    for _ in range(5):
        desk.put(rows[1], heads[1].logits)
    assert rows[0].logits[0] == 0 and not heads[0].asked


@pytest.mark.parametrize("most", [0, 4 * SIZE, 40 * SIZE])
def test_rows_asked_for_by_many_threads_are_right(most: int) -> None:
    desk = Desk(most)
    rows = [Row(Head(float(i)).logits, Head(float(i)), desk) for i in range(8)]
    wrong: list[int] = []

    def look() -> None:
        for turn in range(200):
            i = turn * 5 % 8
            if not torch.equal(rows[i].logits, torch.full((SIZE,), float(i))):
                wrong.append(i)

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
