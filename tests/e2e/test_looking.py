"""Looking at a run in the browser: tokens, sliders, units and colours, none of which asks the model anything."""

import re
from typing import Any

from playwright.sync_api import expect

from playground.examples import EXAMPLES
from playground.i18n import translator
from playground.tabs.generate.layout import SHADINGS
from tests.e2e.folds import unfold

Tab = Any  # of conftest.py
App = Any
t = translator()


def stages(tab: Tab) -> list[str]:
    names: list[str] = tab.page.locator("#stages tbody th").all_text_contents()
    return names


# ---- tokens


def test_a_click_on_a_token_shows_how_it_was_chosen(kept: Tab) -> None:
    before, sentence = kept.drawn(), kept.headline.inner_text()
    kept.tokens.nth(10).click()
    expect(kept.tokens.nth(10)).to_have_attribute("aria-pressed", "true")
    expect(kept.headline).not_to_have_text(sentence)
    expect(kept.headline).to_contain_text("11")
    kept.redrawn(before)
    probability = re.search(r"probability ([\d.]+ %)", kept.tokens.nth(10).get_attribute("title"))
    assert probability
    expect(kept.headline).to_contain_text(probability[1])
    assert kept.strip.locator("[aria-pressed=true]").count() == 1


def test_the_arrow_keys_walk_along_the_text(kept: Tab) -> None:
    kept.tokens.nth(20).click()
    expect(kept.tokens.nth(20)).to_have_attribute("aria-pressed", "true")
    for key, index in (("ArrowRight", 21), ("ArrowRight", 22), ("ArrowLeft", 21)):
        kept.page.keyboard.press(key)
        expect(kept.tokens.nth(index)).to_be_focused()
        expect(kept.tokens.nth(index)).to_have_attribute("aria-pressed", "true")
    expect(kept.headline).to_contain_text("22")


def test_one_token_of_the_text_is_in_the_order_of_the_tab_key(opened: Tab) -> None:
    assert opened.strip.locator("button[tabindex='0']").count() == 1
    assert opened.strip.locator("button[tabindex='-1']").count() == 39


def test_a_click_on_the_trajectory_inspects_that_token(kept: Tab) -> None:
    x, y = kept.page.evaluate(
        """() => {
            const plot = document.querySelector("#chart-trajectory .live-plot"), axes = plot._fullLayout;
            const box = plot.getBoundingClientRect();
            return [box.left + axes._size.l + axes.xaxis.d2p(31), box.top + axes._size.t + 40];
        }"""
    )
    kept.page.mouse.move(x, y)
    kept.page.mouse.click(x, y)
    expect(kept.tokens.nth(30)).to_have_attribute("aria-pressed", "true")


# ---- settings


def test_a_slider_repaints_the_charts_without_a_forward_pass(kept: Tab, app: App) -> None:
    made, before = app.forwards, kept.drawn()
    slider = kept.knob("temperature").get_by_role("slider")
    slider.focus()
    for _ in range(4):
        slider.press("ArrowRight")
    kept.redrawn(before)
    expect(kept.chart("temperature")).to_have_attribute("aria-label", re.compile(r"^\D*1\b"))  # 0.8 + 4 × 0.05
    slider.press("ArrowRight")
    expect(kept.chart("temperature")).to_have_attribute("aria-label", re.compile(r"^\D*1\.05\b"))
    expect(kept.knob("temperature").get_by_role("spinbutton")).to_have_value("1.05")
    expect(kept.headline).to_contain_text(t("headline.what_if").strip())
    assert app.forwards == made
    for _ in range(5):
        slider.press("ArrowLeft")
    expect(kept.headline).not_to_contain_text(t("headline.what_if").strip())
    assert app.forwards == made


def test_a_knob_is_switched_off_and_on_again_with_its_value(kept: Tab, app: App) -> None:
    made = app.forwards
    top_p = kept.knob("top_p")
    expect(kept.page.locator("#stages tbody tr")).to_have_count(3)
    top_p.get_by_text(t("parameter.top_p.label")).click()
    expect(top_p.get_by_role("switch")).not_to_be_checked()
    expect(kept.page.locator("#stages tbody tr")).to_have_count(2)
    expect(top_p.get_by_text(t("parameter.off"))).to_be_visible()
    top_p.get_by_text(t("parameter.off")).click()  # the word is a button too
    expect(top_p.get_by_role("switch")).to_be_checked()
    expect(top_p.get_by_role("spinbutton")).to_have_value("0.9")
    expect(kept.page.locator("#stages tbody tr")).to_have_count(3)
    top_k = kept.knob("top_k")
    top_k.get_by_role("switch").check()
    expect(top_k.get_by_role("spinbutton")).to_have_value("40")
    expect(kept.page.locator("#stages tbody tr")).to_have_count(4)
    assert app.forwards == made


def test_a_number_is_typed_exactly_and_one_out_of_range_is_refused(kept: Tab) -> None:
    field = kept.knob("temperature").get_by_role("spinbutton")
    before = kept.drawn()
    field.fill("1.37")
    expect(kept.chart("temperature")).to_have_attribute("aria-label", re.compile(r"1\.37\b"))
    kept.redrawn(before)  # every chart, so that none is still to come
    before = kept.drawn()
    field.fill("1000")
    assert not field.evaluate("e => e.checkValidity()")
    assert "100" in field.evaluate("e => e.validationMessage")
    field.press("Tab")
    expect(field).to_have_value("1.37")
    assert field.evaluate("e => e.checkValidity()")
    assert kept.drawn() == before


def test_what_is_set_is_what_runs(tab: Tab) -> None:
    tab.knob("top_k").get_by_role("switch").check()
    tab.knob("top_k").get_by_role("spinbutton").fill("7")
    tab.knob("temperature").get_by_role("switch").uncheck()
    tab.knob("top_p").get_by_role("spinbutton").fill("0.55")
    tab.page.get_by_role("button", name=t("parameters.more")).click()
    tab.knob("no_repeat_ngram_size").get_by_role("switch").check()
    tab.run(length=6, speed="fast")
    tab.ran(6)
    script = tab.page.locator("#code pre")
    for line in ("top_k=7,", "top_p=0.55,", "no_repeat_ngram_size=2,", "max_new_tokens=6,", "do_sample=True,"):
        expect(script).to_contain_text(line)
    expect(script).not_to_contain_text("temperature=")
    assert len(stages(tab)) == 4


def test_the_unit_changes_every_number(kept: Tab, app: App) -> None:
    made = app.forwards
    expect(kept.headline).to_contain_text("nats")
    kept.option("unit", "bits").click()
    expect(kept.headline).to_contain_text("bits")
    expect(kept.headline).not_to_contain_text("nats")
    for name in ("temperature", "trajectory"):
        expect(kept.chart(name)).to_have_attribute("aria-label", re.compile("bits"))
    expect(kept.tokens.nth(0)).to_have_attribute("title", re.compile("bits"))
    expect(kept.page.locator("#stages thead")).to_contain_text("bits")
    assert app.forwards == made


def test_the_text_is_coloured_by_the_measure_of_choice(kept: Tab) -> None:
    chooser = kept.page.locator("#strip select")
    legend = kept.page.locator("#strip .token-legend")
    seen, offered = [], SHADINGS[:-1]  # the watermark only for a text that has one
    expect(chooser.locator("option:not([hidden])")).to_have_count(len(offered))
    for i, name in enumerate(offered):
        chooser.select_option(index=i)
        shades = kept.tokens.evaluate_all("all => all.map(e => Number(e.style.getPropertyValue('--shade')))")
        assert all(0 <= shade <= 1 for shade in shades)
        assert max(shades) > min(shades)
        seen.append(tuple(shades))
        expect(legend.nth(i)).to_be_visible()
        expect(legend.nth(i)).to_contain_text(t(f"shading.{name}.pale"))
        assert legend.evaluate_all("all => all.filter(e => !e.hidden).length") == 1
    assert len(set(seen)) == len(offered)
    painted = kept.tokens.evaluate_all("all => new Set(all.map(e => getComputedStyle(e).backgroundColor)).size")
    assert painted > 5


def test_the_script_is_copied_whole(kept: Tab) -> None:
    script = kept.page.locator("#code pre")
    expect(script).to_contain_text("model.generate(")
    unfold(kept.page, "script")
    kept.page.get_by_role("button", name=t("code.copy"), exact=True).click()
    expect(kept.page.get_by_role("button", name=t("code.copied"), exact=True)).to_be_visible()
    assert kept.page.evaluate("navigator.clipboard.readText()") == script.evaluate("e => e.textContent")


def test_the_first_example_opens_at_its_telling_token(opened: Tab) -> None:
    assert opened.inspected() == EXAMPLES[0].inspect
    expect(opened.page.get_by_role("button", name=t("headline.follow"))).to_be_visible()
