"""A budget is shared out so that what comes last has time too."""

from playground.tabs.generate.budget import Budget


class Hands:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_each_part_has_an_equal_share_of_what_is_left() -> None:
    clock = Hands()
    budget = Budget(12, clock)
    first = budget.share(4)
    clock.now += 2.9
    assert not first()
    clock.now += 0.1
    assert first()
    clock.now += 3  # it took twice its share: three parts have the six seconds that are left
    second = budget.share(3)
    clock.now += 1.9
    assert not second()
    clock.now += 0.2
    assert second()
    last = budget.share()
    clock.now = 111.9
    assert not last()
    clock.now = 112
    assert last()


def test_when_the_time_is_over_it_stays_over() -> None:
    clock = Hands()
    budget = Budget(1, clock)
    clock.now += 5
    assert budget.share()() and budget.share(3)()
