"""A run as a file: saved from the page, dropped on another, the same text is there again."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

from playground.i18n import translator
from tests.e2e.folds import unfold

t = translator()
DROP = """([text, name]) => {
    const data = new DataTransfer();
    data.items.add(new File([text], name, { type: "application/json" }));
    const at = document.querySelector("#results");
    at.dispatchEvent(new DragEvent("dragover", { dataTransfer: data, bubbles: true, cancelable: true }));
    at.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
}"""


def save(page: Page, panel: str, kind: str) -> tuple[str, str]:
    """Name and content of what the menu of a panel saves."""
    head = page.locator(panel).locator("xpath=ancestor-or-self::*[contains(@class,'panel')][last()]")
    head.locator("summary").first.click()
    with page.expect_download() as saved:
        head.get_by_role("button", name=t(f"picture.{kind}"), exact=True).click()
    return saved.value.suggested_filename, Path(saved.value.path()).read_text(encoding="utf-8")


def test_a_run_that_was_saved_is_shown_again_where_it_is_dropped(visit: Callable[..., Any]) -> None:
    first = visit()
    first.knob("temperature").get_by_role("spinbutton").fill("0.9")
    first.type("seed", 7)
    first.run("The fox & the <b>hen</b>", 10, "fast")
    first.ran(10)
    name, content = save(first.page, "#strip", "json")
    assert name == "text-The-fox-the-b-hen-b.json"
    assert len(list(csv.DictReader(io.StringIO(save(first.page, "#strip", "csv")[1])))) == 10
    other = visit()
    other.begun()
    other.page.evaluate(DROP, ["{}", "other.json"])
    expect(other.page.get_by_role("alert")).to_have_text(t("saver.other"))
    other.page.evaluate(DROP, [content, name])
    other.ran(10)
    expect(other.prompt).to_have_value("The fox & the <b>hen</b>")
    assert other.text() == first.text()
    assert json.loads(save(other.page, "#strip", "json")[1])["output"] == json.loads(content)["output"]


def test_a_search_is_saved_with_its_candidates(visit: Callable[..., Any]) -> None:
    tab = visit()
    tab.open(t("beam.tab"))
    expect(tab.page.locator(".beam-tree")).to_have_attribute("data-final", "true")
    name, content = save(tab.page, "#beam-tree", "json")
    assert name == "tree-The-old-man-wanted-to.json"
    found = json.loads(content)
    assert found["format"] == "decoding-playground/search"
    assert found["link"].startswith("tab=beam&prompt=The+old+man")
    assert len(found["steps"][0]["candidates"]) > 4
    other = visit()
    other.page.evaluate(DROP, [content, name])
    page: Page = other.page
    expect(page.locator("#tabs > .tab-wrapper [data-tab-id=beam]")).to_have_attribute("aria-selected", "true")
    expect(page.locator(".beam-tree")).to_have_attribute("data-final", "false")  # it is made anew
    expect(page.locator(".beam-tree")).to_have_attribute("data-final", "true")
    expect(page.locator("#beam-badge .live-text")).to_have_attribute("data-kind", "good")
    again = json.loads(save(page, "#beam-tree", "json")[1])
    assert (again["output"]["ids"], again["tokens"]) == (found["output"]["ids"], found["tokens"])


def test_a_comparison_that_was_saved_is_shown_again_where_it_is_dropped(visit: Callable[..., Any]) -> None:
    rows = "1.strategy=greedy&1.max_new_tokens=6&2.strategy=sample&2.seed=3&2.max_new_tokens=6"
    small = {"width": 1200, "height": 900}
    first: Page = visit(query=f"?tab=compare&prompt=The+fox&speed=fast&{rows}", size=small).page
    made = first.locator("#compare-made")
    expect(made).to_contain_text(t("state.ended"))
    unfold(first, "texts")
    with first.expect_download() as saved:
        first.locator("#compare-save-everything").click()
    content = Path(saved.value.path()).read_text(encoding="utf-8")
    found = json.loads(content)
    other: Page = visit().page
    for foreign in ("[]", json.dumps(found | {"version": 2}), json.dumps(found | {"link": ["javascript:alert(1)"]})):
        other.evaluate(DROP, [foreign, "other.json"])
        expect(other.get_by_role("alert").last).to_have_text(t("saver.other"))
    other.evaluate(DROP, [content, "comparison.json"])
    expect(other.locator("#compare-made")).to_contain_text(t("state.ended"))
    unfold(other, "texts")
    with other.expect_download() as saved:
        other.locator("#compare-save-everything").click()
    again = json.loads(Path(saved.value.path()).read_text(encoding="utf-8"))
    assert [one["token_ids"] for one in again["lanes"]] == [one["token_ids"] for one in found["lanes"]]
    assert again["prompt"] == "The fox" and again["link"] == found["link"]
    expect(other.locator("#compare-link .live-text")).to_have_text("")
