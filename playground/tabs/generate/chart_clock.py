"""ChartClock: when which charts of a run are drawn, so that the page never has all of them to draw at once."""

from collections.abc import Collection

PARTS = ("choice", "temperature", "trajectory")
SECONDS = 0.1  # between two drawings of a chart of a paced run
SHARE = 0.03  # of the time of a run without a pace: there the processor belongs to the model


class ChartClock:
    """Says which parts are due with a frame. In a paced run they take turns within SECONDS; without a pace all are
    drawn together, and rest so long that making them costs no more than SHARE of the time."""

    def __init__(self, is_paced: bool) -> None:
        self.is_paced = is_paced
        self.next = dict.fromkeys(PARTS, 0.0)
        self.has_begun = False

    def due(self, now: float, is_last: bool) -> tuple[str, ...]:
        """The parts to make for a frame at `now` (seconds of a clock that never goes back); the last has all."""
        return tuple(part for part in PARTS if is_last or now >= self.next[part])

    def made(self, parts: Collection[str], now: float, took: float) -> None:
        """The parts were made at `now` in `took` seconds."""
        for turn, part in enumerate(PARTS):
            if part in parts:
                wait = SECONDS if self.has_begun else SECONDS * (1 + turn / len(PARTS))  # the first frame has them all
                self.next[part] = now + max(wait, 0 if self.is_paced else took / SHARE)
        self.has_begun = self.has_begun or bool(parts)
