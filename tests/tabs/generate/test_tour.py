"""The tour plays the recorded run, scene by scene, without a model, and leaves all of it on the page."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from playground.i18n import translator
from playground.panels.generate import tour
from playground.tabs.generate.handlers import GenerateTab

Visitor = Any  # of visitors.py
t = translator()


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tour, "SCENES", tuple(replace(scene, seconds=0.0) for scene in tour.SCENES))


def scenes(frames: list[dict[str, Any]]) -> list[str]:
    return [frame["tour"]["scene"] for frame in frames if "tour" in frame]


def shown(frames: list[dict[str, Any]]) -> list[str]:
    """The tokens on the page after those frames."""
    text: list[str] = []
    for frame in frames:
        if "strip" in frame:
            text[frame["strip"]["start"] :] = [token["text"] for token in frame["strip"]["tokens"]]
    return text


@pytest.mark.usefixtures("hasty")
def test_it_shows_every_token_once_and_ends_with_what_to_do(tab: GenerateTab, visitor: Visitor) -> None:
    frames = visitor.do("tour")
    assert scenes(frames) == [scene.key for scene in tour.SCENES]
    assert frames[-1]["tour"]["asks"] == "#strip .token" and frames[-1]["tour"]["done"] == t("tour.done")
    counts = [frame["strip"]["start"] + len(frame["strip"]["tokens"]) for frame in frames if "strip" in frame]
    assert counts == [*range(41), 40]
    assert len(shown(frames)) == 40
    assert visitor.session.trace is tab.first_run and not visitor.session.is_running


@pytest.mark.usefixtures("hasty")
def test_its_numbers_are_those_of_the_first_token(tab: GenerateTab, visitor: Visitor) -> None:
    chance, dice, *_ = (frame["tour"]["text"] for frame in visitor.do("tour") if "tour" in frame)
    step = tab.first_run.steps[0]
    raw = step.logits.softmax(-1)
    assert f"{float(raw.max()):.1%}".replace("%", " %") in chance
    cooled = (step.logits / 0.8).softmax(-1)  # temperature 0.8, then top-p 0.9 by hand
    order = cooled.argsort(descending=True)
    kept = order[: int((cooled[order].cumsum(0) < 0.9).sum()) + 1]
    taken = tab.first_run.token_ids[0]
    for chances in (raw[taken], cooled[taken] / cooled[kept].sum()):
        assert f"{float(chances):.1%}".replace("%", " %") in dice


def playing(visitor: Visitor) -> Iterator[dict[str, Any]]:
    frames = visitor.begin("tour")
    next(frames)
    return frames


def test_a_touch_ends_it_and_the_whole_text_is_there(tab: GenerateTab, visitor: Visitor) -> None:
    frames = playing(visitor)
    assert visitor.session.is_running
    assert scenes(visitor.do("end_tour")) == ["ready"]
    rest = list(frames)
    assert len(shown(rest)) == 40 and scenes(rest) == []
    assert not visitor.session.is_running


def test_a_late_touch_ends_no_run_of_the_persons_own(visitor: Visitor) -> None:
    frames = playing(visitor)
    run = visitor.running(1)
    visitor.do("end_tour")
    assert visitor.session.is_running
    assert list(frames) == []  # it falls silent: another text is on the page
    run.close()


@pytest.mark.usefixtures("hasty")
def test_a_text_that_it_took_the_place_of_can_be_brought_back(tab: GenerateTab, visitor: Visitor) -> None:
    visitor.do("run", length=3)
    own = visitor.session.trace
    visitor.do("tour")
    assert visitor.session.trace is tab.first_run and visitor.session.is_recorded
    assert visitor.ways_back == ["undo"]
    visitor.do("swap", "undo")
    assert visitor.session.trace is own and not visitor.session.is_recorded
