"""The Beam search tab in a real browser: the tree grows, answers the pointer, looks back, and stays what it is."""

import math
import random
import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from playground.i18n import translator
from tests.e2e.folds import unfold

Tab = Any  # of conftest.py
App = Any
t = translator()


class Beam:
    """The tab as a person sees it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        page.get_by_role("tab", name=t("beam.tab")).click()
        self.tree = page.locator(".beam-tree")
        self.tip = page.locator(".beam-tip")
        self.headline = page.locator("#beam-headline .live-text")
        self.badge = page.locator("#beam-badge .live-text")
        expect(self.tree).to_have_attribute("data-steps", re.compile(r"\d"))

    def text(self, name: str) -> Locator:
        return self.page.locator(f"#beam-{name} .live-text")

    def set(self, name: str, value: float) -> None:
        field = self.page.locator(f"#beam-{name} input[type=number]")
        field.fill(str(value))
        field.press("Tab")

    def prepare(self, prompt: str, beams: int, length: int, stop: str = "", speed: str = "fast") -> None:
        self.page.locator("#beam-prompt textarea").fill(prompt)
        self.page.locator("#beam-stop-text").locator("input, textarea").first.fill(stop)
        self.set("num-beams", beams)
        self.set("length", length)
        self.page.locator("#beam-speed input").click()
        self.page.get_by_role("option", name=t(f"beam.speed.{speed}")).click()

    def press(self, name: str) -> None:
        self.page.locator(f"#beam-{name}").click()

    def grows(self, steps: int) -> None:
        """Wait until a search is under way and has more than so many steps."""
        self.page.wait_for_function(
            """steps => { const {dataset} = document.querySelector(".beam-tree");
                          return dataset.final === "false" && Number(dataset.steps) > steps; }""",
            arg=steps,
        )

    def moved(self, condition: str, place: tuple[float, float]) -> None:
        """Wait until a node is where `condition` of its distance `far` from a place holds."""
        self.page.wait_for_function(
            f"""([x, y]) => {{ const at = document.querySelector(".beam-tree").tree.place(2, 0);
                               const far = Math.hypot(at[0] - x, at[1] - y); return {condition}; }}""",
            arg=list(place),
        )

    def ended(self, steps: int) -> None:
        expect(self.tree).to_have_attribute("data-steps", str(steps))
        expect(self.tree).to_have_attribute("data-final", "true")

    def nodes(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.tree.evaluate("e => e.tree.nodes()")
        return found

    def point(self, step: int, index: int) -> tuple[float, float]:
        self.page.wait_for_function(
            "([s, i]) => !!document.querySelector('.beam-tree').tree.place(s, i)", arg=[step, index]
        )
        x, y = self.tree.evaluate("(e, [s, i]) => e.tree.place(s, i)", [step, index])
        return x, y


@pytest.fixture
def beam(visit: Callable[..., Tab]) -> Beam:
    return Beam(visit().page)


@pytest.fixture
def forwards(app: App) -> Iterator[Callable[[], int]]:
    yield lambda: app.forwards


def test_a_recorded_tree_is_there_at_once_and_its_words_agree(beam: Beam) -> None:
    expect(beam.tree).to_have_attribute("data-steps", "14")
    expect(beam.headline).to_contain_text("4 beams beat greedy by 8.10 nats")
    expect(beam.tree).to_have_attribute("aria-label", re.compile("−15.35"))
    expect(beam.page.locator("#beam-best tbody tr")).to_have_count(4)


def test_labels_never_overlap_and_parents_stand_in_the_middle_of_their_kept_children(beam: Beam) -> None:
    nodes = beam.nodes()
    assert len(nodes) == 112
    assert sum(bool(n["drawn"]) for n in nodes) > 60
    for step in range(14):
        drawn = sorted((n for n in nodes if n["step"] == step and n["drawn"]), key=lambda n: n["top"])
        for upper, lower in pairwise(drawn):
            assert lower["top"] - upper["top"] >= 13
    for node in nodes:
        kids = [n for n in nodes if n["step"] == node["step"] + 1 and n["parent"] == node["index"]]
        main = [n["y"] for n in kids if n["line"] >= 0]
        core = main or [n["y"] for n in kids if n["fate"] in ("kept", "finished")] or [n["y"] for n in kids]
        if core:
            assert node["y"] == pytest.approx((min(core) + max(core)) / 2, abs=1e-6)
        assert [k["y"] for k in kids] == sorted(k["y"] for k in kids)


def test_the_layout_of_random_trees_is_that_of_a_plain_reference(beam: Beam) -> None:
    """Contours by brute force: every pair of nodes of one column keeps its distance, and no subtree has slack."""
    dice = random.Random(3)
    for _ in range(12):
        tree = _random_tree(dice)
        theirs = beam.page.evaluate(
            """tree => {
                const made = ({fate, kids}) => ({fate, kids: kids.map(made)});
                const root = made(tree);
                const size = livePage.beamLayout.layout(root, node => node.kids);
                const told = (node) => [node.y, node.kids.map(told)];
                return [told(root), size];
            }""",
            tree,
        )
        ours = _reference(tree)
        _compare(theirs[0], ours)
        assert theirs[1]["bottom"] >= theirs[1]["top"]


def _random_tree(dice: random.Random, depth: int = 0) -> dict[str, Any]:
    fate = dice.choice(["kept", "kept", "finished", "pruned"]) if depth else "kept"
    count = dice.randint(0, 4) if fate == "kept" and depth < 5 else 0
    return {"fate": fate, "kids": [_random_tree(dice, depth + 1) for _ in range(count)]}


def _half(node: dict[str, Any]) -> float:
    return 20 if node["fate"] in ("kept", "finished") else 9


def _reference(node: dict[str, Any]) -> tuple[float, list[Any]]:
    """(y, children), the node at 0: each child pushed down until no two nodes of one depth touch."""
    placed: list[tuple[int, float, float]] = []  # depth, y, half height of everything so far
    kids = []
    for kid in node["kids"]:
        shape = _reference(kid)
        own = list(_flat(kid, shape, 0.0, 1))
        shift = max(
            (y + half - (v - other) for depth, y, half in placed for at, v, other in own if at == depth),
            default=0.0,
        )
        kids.append((shape, shift, kid))
        placed += [(depth, y + shift, half) for depth, y, half in own]
    core = [shift for _, shift, kid in kids if kid["fate"] in ("kept", "finished")] or [shift for _, shift, _ in kids]
    middle = (core[0] + core[-1]) / 2 if core else 0.0
    return 0.0, [_moved(shape, shift - middle) for shape, shift, _ in kids]


def _moved(shape: tuple[float, list[Any]], by: float) -> tuple[float, list[Any]]:
    return shape[0] + by, [_moved(kid, by) for kid in shape[1]]


def _flat(
    node: dict[str, Any], shape: tuple[float, list[Any]], by: float, depth: int
) -> Iterator[tuple[int, float, float]]:
    yield depth, shape[0] + by, _half(node)
    for kid, its in zip(node["kids"], shape[1], strict=True):
        yield from _flat(kid, its, by, depth + 1)


def _compare(theirs: list[Any], ours: tuple[float, list[Any]]) -> None:
    assert math.isclose(theirs[0], ours[0], abs_tol=1e-6)
    assert len(theirs[1]) == len(ours[1])
    for one, other in zip(theirs[1], ours[1], strict=True):
        _compare(one, other)


def test_pointing_at_a_node_says_its_numbers_with_the_formula(beam: Beam) -> None:
    beam.page.mouse.move(*beam.point(3, 0))
    expect(beam.tip).to_be_visible()
    expect(beam.tip).to_contain_text("␣and")
    expect(beam.tip).to_contain_text("−6.825 / 4 = −1.706")
    beam.page.mouse.click(*beam.point(3, 0))
    expect(beam.page.locator("#beam-path tbody tr")).to_have_count(4)
    expect(beam.text("path-text")).to_contain_text("The old man wanted to see him, and")


def test_the_keyboard_walks_through_the_tree(beam: Beam) -> None:
    beam.tree.locator("canvas").focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowDown"):
        beam.page.keyboard.press(key)
    expect(beam.tip).to_be_visible()
    expect(beam.page.locator(".beam-spoken")).to_contain_text("step 2")
    beam.page.keyboard.press("Escape")
    expect(beam.tip).to_be_hidden()


def test_scrubbing_shows_earlier_steps_without_the_model(beam: Beam, forwards: Callable[[], int]) -> None:
    before = forwards()
    for _ in range(7):
        beam.page.locator("[data-act=back]").click()
    expect(beam.tree).to_have_attribute("data-at", "7")
    expect(beam.tree).to_have_attribute("data-steps", "14")
    assert max(n["step"] for n in beam.nodes()) == 6
    expect(beam.headline).to_contain_text("Step 7:")
    beam.page.locator("[data-act=last]").click()
    expect(beam.headline).to_contain_text("beat greedy")
    assert forwards() == before


def test_the_length_penalty_flips_the_winner_without_a_forward_pass(beam: Beam, forwards: Callable[[], int]) -> None:
    before = forwards()
    first = beam.page.locator("#beam-alpha-rank tbody th").first
    expect(first).to_contain_text("see him, but he did not know what to do.")
    unfold(beam.page)
    beam.set("alpha", 2)
    expect(first).to_contain_text("what to do, and he")
    expect(beam.text("alpha-words")).to_contain_text("this ranking is exact")
    assert forwards() == before


def test_a_search_grows_live_and_equals_generate(beam: Beam) -> None:
    beam.prepare("The fox went out to", 3, 10, speed="lively")
    beam.press("run")
    beam.page.wait_for_function(
        """() => { const {steps, final} = document.querySelector(".beam-tree").dataset;
                   return Number(steps) > 1 && Number(steps) < 10 && final === "false"; }"""
    )
    beam.ended(10)
    expect(beam.badge).to_have_attribute("data-kind", "good")
    expect(beam.headline).to_contain_text("greedy")


def test_stop_holds_it_and_resume_goes_on(beam: Beam) -> None:
    beam.prepare("The fox went out to", 3, 18, speed="aloud")  # six seconds to press pause in
    beam.press("run")
    beam.page.wait_for_function(
        "() => { const d = document.querySelector('.beam-tree').dataset; return d.final === 'false' && d.steps > 2; }"
    )
    beam.press("pause")
    expect(beam.page.locator("#beam-results .live-text.notice")).to_contain_text("Paused after")
    held = int(beam.tree.get_attribute("data-steps") or 0)
    assert 2 < held < 18
    resume = beam.page.locator("#beam-pause button")
    expect(resume).to_have_text(t("button.resume"))
    assert resume.evaluate("e => e.scrollWidth <= e.clientWidth")  # it fits beside the others
    beam.press("pause")
    beam.ended(18)


def test_a_tree_that_is_not_on_screen_is_not_drawn_and_catches_up(beam: Beam) -> None:
    beam.prepare("The fox went out to", 3, 12, speed="lively")
    beam.press("run")
    beam.grows(1)
    beam.page.get_by_role("tab", name=t("tab.generate")).click()
    expect(beam.tree).to_be_hidden()
    before = beam.tree.get_attribute("data-frame")
    beam.page.wait_for_function("() => document.querySelector('#beam-badge .live-text').dataset.kind === 'good'")
    assert beam.tree.get_attribute("data-frame") == before
    beam.page.get_by_role("tab", name=t("beam.tab")).click()
    beam.ended(12)


def test_zoom_fit_and_follow_change_the_view(beam: Beam) -> None:
    before = beam.point(2, 0)
    beam.page.locator("[data-act=closer]").click()
    beam.moved("far > 5", before)
    beam.page.locator("[data-act=follow]").click()
    beam.moved("far < 1", before)


def test_what_the_tree_shows_can_be_narrowed(beam: Beam) -> None:
    beam.page.locator(".beam-bar select").select_option("surviving")
    expect(beam.tree).not_to_have_attribute("data-nodes", "112")
    assert {n["fate"] for n in beam.nodes()} <= {"kept", "finished"}
    assert all(n["line"] >= 0 for n in beam.nodes())


@pytest.mark.long  # `make bench ARGS=--smoke` holds every change to the same bound
def test_a_search_leaves_no_nodes_and_no_listeners(beam: Beam, growth: Callable[..., dict[str, float]]) -> None:
    beam.prepare("Once upon a time", 4, 16)

    def again(_: int) -> None:
        beam.press("run")
        expect(beam.badge).not_to_have_attribute("data-kind", "good")
        beam.ended(16)
        expect(beam.badge).to_have_attribute("data-kind", "good")

    more = growth(beam.page, again)
    assert more["Nodes"] <= 40
    assert more["JSEventListeners"] <= 4
