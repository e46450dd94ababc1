"""From the last row: at 1920 × 1080 charts and sentences are large, and no label is cut or runs into another."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest
import torch
from playwright.sync_api import Page, expect
from transformers import AutoTokenizer, GPT2Config, GPT2LMHeadModel

from playground import settings
from playground.engines.huggingface.backend import from_parts
from playground.engines.loading import ModelSlot
from playground.i18n import translator
from tests.e2e.folds import unfold

Tab = Any  # of conftest.py
App = Any
t = translator()

PROJECTOR = {"width": 1920, "height": 1080}
TABS = {"tab.generate": 8, "beam.tab": 3, "tab.attention": 2, "tab.inside": 1}  # and the least number of charts
SENTENCES = ".live-text:is(.headline, .formula, .under, .sentence, .verdict)"
LAYERS, HEADS = 30, 9


@pytest.fixture(scope="module")
def wide(desktop: Any, app: App) -> Iterator[Page]:
    page: Page = desktop[0].new_page()
    page.set_viewport_size(PROJECTOR)  # type: ignore[arg-type]
    page.goto(app.url)
    expect(page.locator("#badge .live-text")).to_contain_text("40/40")
    yield page
    page.close()


def show(page: Page, name: str) -> None:
    page.get_by_role("tab", name=t(name), exact=True).click()
    page.wait_for_timeout(1200)
    unfold(page)
    for place in range(0, page.evaluate("document.documentElement.scrollHeight"), 500):
        page.evaluate("place => scrollTo(0, place)", place)
        page.wait_for_timeout(250)


@pytest.mark.parametrize("name", TABS)
def test_charts_and_sentences_are_large(wide: Page, name: str) -> None:
    show(wide, name)
    wide.wait_for_function(
        "n => [...document.querySelectorAll('.js-plotly-plot')].filter(e => e.checkVisibility()).length >= n",
        arg=TABS[name],
    )
    small = wide.evaluate(
        """sentences => {
            const size = one => parseFloat(getComputedStyle(one).fontSize);
            const shown = selector => [...document.querySelectorAll(selector)]
                .filter(one => one.checkVisibility() && one.textContent.trim());
            const words = one => `${size(one)}: ${one.textContent.slice(0, 40)}`;
            return [...shown(".js-plotly-plot .main-svg text, .js-plotly-plot .main-svg tspan, .bar-name, .bar-text")
                .filter(one => size(one) < 16), ...shown(sentences).filter(one => size(one) < 20)].map(words);
        }""",
        SENTENCES,
    )
    assert small == []


@pytest.mark.parametrize("size", [PROJECTOR, {"width": 1440, "height": 900}], ids=["projector", "laptop"])
def test_what_a_chooser_says_ends_before_its_arrow(wide: Page, size: dict[str, int]) -> None:
    wide.set_viewport_size(size)  # type: ignore[arg-type]
    try:
        for name in ("tab.generate", "beam.tab", "tab.tokenizer"):
            wide.get_by_role("tab", name=t(name), exact=True).click()
            expect(wide.locator("input[role=combobox]:visible").first).to_be_visible()
            late = wide.evaluate(
                """() => [...document.querySelectorAll("input[role=combobox]")].filter(one => one.checkVisibility())
                    .filter(one => {
                        const style = getComputedStyle(one), pen = document.createElement("canvas").getContext("2d");
                        pen.font = `${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
                        const box = one.getBoundingClientRect();
                        const end = box.left + parseFloat(style.paddingLeft) + pen.measureText(one.value).width;
                        const arrow = one.parentElement.querySelector("svg").getBoundingClientRect();
                        const room = box.right - parseFloat(style.paddingRight) + 1;
                        return end > Math.min(arrow.left + arrow.width * 0.25, room);
                    }).map(one => one.value)"""
            )
            assert late == [], name
    finally:
        wide.set_viewport_size(PROJECTOR)  # type: ignore[arg-type]


def test_the_table_of_one_sequence_shows_whole_rows(wide: Page) -> None:
    show(wide, "beam.tab")
    cut = wide.evaluate(
        """() => {
            const table = document.querySelector("#beam-path .live-text, #beam-path.live-text");
            const end = table.getBoundingClientRect().bottom;
            return [...table.querySelectorAll("tr")].map(row => row.getBoundingClientRect())
                .filter(row => row.top < end - 1.5 && row.bottom > end + 1.5).length;
        }"""
    )
    assert cut == 0


@pytest.fixture(scope="module")
def deep(
    app: App, serve: Callable[[ModelSlot], AbstractContextManager[str]], open_desktop: Callable[[str], Tab]
) -> Iterator[Page]:
    """A model of many layers and heads, on its Attention tab."""
    tokenizer = AutoTokenizer.from_pretrained(str(settings.DEFAULT_MODEL))
    config = GPT2Config(
        vocab_size=len(tokenizer), n_positions=128, n_embd=4 * HEADS, n_layer=LAYERS, n_head=HEADS,
        bos_token_id=None, eos_token_id=None,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        module = GPT2LMHeadModel(config)
    with serve(ModelSlot.filled(from_parts(module, tokenizer, "deep"), "deep")) as url:
        page = open_desktop(url).page
        page.get_by_role("tab", name=t("tab.attention"), exact=True).click()
        expect(page.locator("#attention-sink tbody tr")).to_have_count(LAYERS, timeout=60_000)
        yield page
        page.close()


@pytest.mark.parametrize("size", [PROJECTOR, {"width": 1440, "height": 900}], ids=["projector", "laptop"])
def test_no_name_of_a_layer_or_head_is_cut(deep: Page, size: dict[str, int]) -> None:
    deep.set_viewport_size(size)  # type: ignore[arg-type]
    deep.locator(".head-grid").scroll_into_view_if_needed()
    expect(deep.locator(".head-grid .head")).to_have_count(LAYERS * HEADS)
    bad = deep.evaluate(
        """() => {
            const names = [...document.querySelectorAll(".measures th, .measures .corner, .head-name")]
                .filter(one => one.textContent.trim());
            const words = one => {
                const range = document.createRange();
                range.selectNodeContents(one);
                return range.getBoundingClientRect();
            };
            const apart = names.map(words), found = [];
            names.forEach((one, i) => {
                if (one.textContent.includes("…")) found.push("… " + one.textContent);
                const clips = getComputedStyle(one).overflow !== "visible" && one.scrollWidth > one.clientWidth + 1;
                if (clips) found.push("cut: " + one.textContent);
                for (let j = i + 1; j < names.length; j += 1) {
                    const [a, b] = [apart[i], apart[j]];
                    const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
                    const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
                    if (across > 1 && down > 3) found.push(`${one.textContent} over ${names[j].textContent}`);
                }
            });
            const cells = [...document.querySelectorAll(".measures td[data-row]")];
            const cut = cells.filter(one => one.scrollWidth > one.clientWidth + 1);
            return [...found, ...cut.map(one => "cell " + one.textContent)];
        }"""
    )
    assert bad == []
