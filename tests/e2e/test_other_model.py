"""The field for any other model: a folder comes, a bad name has a way back; strangers have no such field."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from playwright.sync_api import expect

from playground import settings
from playground.engines.loading import ModelSlot
from playground.i18n import translator
from playground.tabs import page as playground_page

Tab = Any  # of conftest.py
App = Any
Serve = Callable[..., AbstractContextManager[str]]
t = translator()


def test_a_folder_comes_and_a_bad_name_has_a_way_back(app: App, serve: Serve, visit: Callable[..., Tab]) -> None:
    with serve(ModelSlot.filled(app.backend, "assets/models/storyteller")) as url:
        page = visit(url).page
        row, field = page.locator("#other-model"), page.locator("#other-model-text").locator("input, textarea")
        expect(row).to_be_hidden()
        page.locator("#shelf-other").click()
        field.fill("no such/model/anywhere")
        field.press("Enter")
        line = page.locator("#arrival-line")
        expect(line).to_contain_text(t("unfit.no_folder"))
        line.get_by_role("button", name=t("shelf.back", name="storyteller")).click()
        expect(page.locator("#model")).to_contain_text("storyteller")
        expect(line.locator("button")).to_have_count(0)
        page.locator("#shelf-other").click()
        field.fill(str(settings.MODELS / "apprentice"))
        page.locator("#other-model-load").click()
        expect(page.locator("#model .live-text")).to_contain_text("apprentice")
        expect(page.locator("#model .live-text")).to_have_attribute("data-kind", "good")
        expect(row).to_be_hidden()
        expect(page.locator("#shelf input")).to_have_value("apprentice")
        page.locator("#run button").click()
        expect(page.locator("#badge .live-text")).to_have_attribute("data-kind", "good")


def test_strangers_have_no_such_field(app: App, serve: Serve, visit: Callable[..., Tab]) -> None:
    slot = ModelSlot.filled(app.backend, "assets/models/storyteller")
    with serve(slot, lambda one: playground_page.build(one, is_public=True)) as url:
        page = visit(url).page
        expect(page.locator("#shelf")).to_be_visible()
        expect(page.locator("#shelf-other")).to_have_count(0)
        expect(page.locator("#other-model")).to_have_count(0)
