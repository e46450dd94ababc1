"""A dialogue in a real browser: a model with a chat template offers turns, the page marks what it adds, one replies."""

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest
from playwright.sync_api import expect

from playground.engines.huggingface.backend import load
from playground.engines.loading import ModelSlot
from tests.talkers import write_talker

Tab = Any  # of conftest.py


@pytest.fixture(scope="module")
def url(
    serve: Callable[[ModelSlot], AbstractContextManager[str]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    backend = load(str(write_talker(tmp_path_factory.mktemp("talker"))), "talker")
    with serve(ModelSlot.filled(backend, "talker")) as address:
        yield address


def test_a_dialogue(url: str, visit: Callable[..., Tab]) -> None:
    tab = visit(url)
    page, turns = tab.page, tab.page.locator("#turns")
    field = page.locator("#prompt textarea")
    field.fill("Who lives in the <b>wood</b>?")
    turns.get_by_role("button", name="Turns").click()
    expect(field).to_be_hidden()
    expect(turns.locator("textarea")).to_have_value("Who lives in the <b>wood</b>?")
    tab.pace("fast")
    tab.type("length", 4)
    page.locator("#run button").click()
    expect(page.locator("#badge .live-text")).to_have_attribute("data-kind", "good")
    lead = page.locator("#strip .token-lead")
    assert lead.locator(".lead-own").all_inner_texts() == ["Who lives in the <b>wood</b>?"]
    assert set(lead.locator(".lead-special").all_inner_texts()) == {"<|im_start|>", "<|im_end|>"}
    expect(page.locator(".lead-legend")).to_be_visible()

    page.locator("#made").get_by_role("button", name="reply").click()
    expect(turns.locator("textarea")).to_have_count(3)
    expect(turns.locator("textarea").last).to_be_focused()
    assert [one.input_value() for one in turns.locator("select").all()] == ["user", "assistant", "user"]
    turns.locator("textarea").last.fill("And in the sea?")
    turns.locator("textarea").last.press("Shift+Enter")
    expect(lead.locator(".lead-own")).to_have_count(3)
    expect(page).to_have_url(re.compile("messages="))

    turns.get_by_role("button", name="3: Remove").click()
    goes_on = turns.get_by_label("go on with this turn")
    expect(goes_on).to_be_visible()
    goes_on.check()
    page.locator("#run button").click()
    expect(page).to_have_url(re.compile("continue_final_message=1"))
    expect(lead.locator(".lead-own")).to_have_count(2)
    kinds = lead.locator("span").evaluate_all("all => all.map((one) => one.className)")
    assert kinds[-1] == "lead-own"  # nothing of the template's behind the turn that goes on

    other = visit(page.url).page  # the link brings the turns
    expect(other.locator("#turns textarea")).to_have_count(2)
    expect(other.locator("#strip .lead-own")).to_have_count(2)
    assert other.locator("#prompt").is_hidden()
    other.locator("#controls .chip").first.click()  # an example is a plain text
    expect(other.locator("#prompt textarea")).to_be_visible()
    expect(other.locator(".lead-legend")).to_be_hidden()


def test_a_model_without_a_template_has_no_switch(tab: Tab) -> None:
    expect(tab.page.locator("#turns .turns")).to_be_hidden()
    expect(tab.page.locator("#prompt textarea")).to_be_visible()


def test_a_dialogue_in_a_search(url: str, visit: Callable[..., Tab]) -> None:
    page = visit(url).page
    page.goto(f"{url}/?tab=beam&num_beams=2&max_new_tokens=3&speed=fast&prompt=Who+lives+there")
    expect(page.locator("#beam-badge .live-text")).to_have_attribute("data-kind", "good")
    expect(page.locator("#beam-lead .part-legend")).to_have_count(0)
    turns, field = page.locator("#beam-turns"), page.locator("#beam-prompt textarea")
    turns.get_by_role("button", name="Turns").click()
    expect(field).to_be_hidden()
    turns.locator("textarea").press("Shift+Enter")
    expect(page.locator("#beam-lead .part-own")).to_have_text("Who lives there")
    expect(page.locator("#beam-lead .part-special").first).to_have_text("<|im_start|>")
    expect(page.locator("#beam-badge .live-text")).to_have_attribute("data-kind", "good")
    expect(page).to_have_url(re.compile("messages="))


def test_a_dialogue_in_lanes(url: str, visit: Callable[..., Tab]) -> None:
    page = visit(url).page
    page.goto(
        f"{url}/?tab=compare&prompt=Who+lives+there&speed=fast&1.strategy=greedy&1.max_new_tokens=4"
        "&2.strategy=beam&2.num_beams=2&2.max_new_tokens=4"
    )
    badges = page.locator("#compare-lanes .lane-badge[data-kind=good]")
    expect(badges).to_have_count(2)
    expect(page.locator("#compare-lead .part-legend")).to_have_count(0)
    turns, field = page.locator("#compare-turns"), page.locator("#compare-prompt textarea")
    turns.get_by_role("button", name="Turns").click()
    expect(field).to_be_hidden()
    turns.locator("textarea").press("Shift+Enter")
    expect(page.locator("#compare-lead .part-own")).to_have_text("Who lives there")
    expect(page.locator("#compare-lead .part-special").first).to_have_text("<|im_start|>")
    expect(badges).to_have_count(2)
    expect(page).to_have_url(re.compile("messages="))
    turns.get_by_role("button", name="Plain text").click()
    expect(field).to_have_value("Who lives there")
