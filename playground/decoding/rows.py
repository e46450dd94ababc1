"""Rows of raw logits: held while they are new or looked at, else made again from what the model's head had read."""

import threading
from collections import OrderedDict
from collections.abc import Callable

from torch import Tensor

from playground.decoding.partial import Told

DESK_BYTES = 16 * 2**20  # logits that one run may hold besides what it keeps of every step


class Desk:
    """The rows of one run whose logits are at hand: those asked for last, DESK_BYTES of them. Safe for threads."""

    def __init__(self, most: int = DESK_BYTES) -> None:
        self._most = most
        self._held: OrderedDict[int, tuple[Row, Tensor]] = OrderedDict()  # asked for longest ago first
        self._bytes = 0
        self._lock = threading.Lock()

    def put(self, row: "Row", logits: Tensor) -> None:
        with self._lock:
            _, before = self._held.pop(id(row), (None, None))
            self._held[id(row)] = row, logits
            self._bytes += logits.nbytes - (before.nbytes if before is not None else 0)
            while len(self._held) > 1 and self._bytes > self._most:
                _, (_, gone) = self._held.popitem(last=False)
                self._bytes -= gone.nbytes

    def get(self, row: "Row") -> Tensor | None:
        with self._lock:
            if id(row) not in self._held:
                return None
            self._held.move_to_end(id(row))
            return self._held[id(row)][1]


class Row:
    """The raw logits of one step.

    Attributes:
        size: how many there are, V.
        bytes: what it keeps for good.
        is_kept: whether the row holds its logits for good: nothing can make them again.
        told: what is known of a row of which only some tokens were told; None: all of it. Its logits are the flat ones.
    """

    def __init__(
        self, logits: Tensor, again: Callable[[], Tensor] | None = None, desk: Desk | None = None, read_bytes: int = 0
    ) -> None:
        """logits (V,) float32; `again` gives the same bits anew, from `read_bytes`, and `desk` holds them for as long
        as there is room."""
        self.size = logits.shape[-1]
        self.bytes = read_bytes if again and desk else logits.nbytes
        self.told: Told | None = None
        self._again, self._desk = again, desk
        self._kept = logits if again is None or desk is None else None
        if self._kept is None and desk is not None:
            desk.put(self, logits)

    @classmethod
    def partial(cls, told: Told) -> "Row":
        """The row of an engine that tells some tokens."""
        row = cls(told.flat)
        row.told = told
        return row

    @property
    def is_kept(self) -> bool:
        return self._kept is not None

    @property
    def logits(self) -> Tensor:
        """(V,) float32, exact to the last bit."""
        if self._kept is not None:
            return self._kept
        assert self._again is not None and self._desk is not None
        held = self._desk.get(self)
        if held is None:
            held = self._again()
            self._desk.put(self, held)
        return held
