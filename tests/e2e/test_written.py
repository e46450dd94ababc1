"""The written settings and the watermark in a browser: a bad word is typed and gone, a stop string ends the run, green
tokens are seen and counted."""

import re
from typing import Any

from playwright.sync_api import Page, expect

from playground.i18n import translator

t = translator()
PROMPT = "The old king said to his"


def open_drawer(tab: Any) -> None:
    tab.page.get_by_role("button", name=t("parameters.more")).click()


def write(tab: Any, name: str, text: str) -> None:
    knob = tab.knob(name)
    if not knob.get_by_role("switch").is_checked():
        knob.get_by_role("switch").check()
    knob.get_by_role("textbox").fill(text)
    knob.get_by_role("textbox").blur()


def echo(tab: Any, name: str) -> Any:
    return tab.knob(name).locator(".text-knob-echo")


def fill(tab: Any, token: Any) -> str:
    return str(token.evaluate("button => getComputedStyle(button).backgroundColor"))


def test_a_bad_word_is_typed_spelt_forbidden_and_gone(tab: Any, app: Any) -> None:
    tab.run(PROMPT, length=8, speed="fast")
    tab.ran(8)
    word = tab.tokens.nth(0).inner_text().strip()
    open_drawer(tab)
    ids = app.backend.tokenizer.encode_inside(" " + word)
    forwards, before = app.forwards, tab.drawn()
    write(tab, "bad_words_ids", f"{word}\nthe old king")
    expect(echo(tab, "bad_words_ids")).to_contain_text(f"␣{word} → [{', '.join(map(str, ids))}]")
    expect(echo(tab, "bad_words_ids")).to_contain_text("␣the·␣old·␣king → [")
    tab.redrawn(before, "next_token")
    assert app.forwards == forwards
    expect(tab.page.locator("#stages")).to_contain_text("Bad words 2")
    tab.press("run")
    tab.ran(8)
    assert f" {word}" not in tab.tokens.all_inner_texts()
    expect(tab.page.locator("#code")).to_contain_text("bad_words_ids=[[")
    # the switch is off and on again: the text comes back
    tab.knob("bad_words_ids").get_by_role("switch").uncheck()
    expect(tab.knob("bad_words_ids").get_by_role("textbox")).to_be_hidden()
    expect(tab.page.locator("#stages")).not_to_contain_text("Bad words")
    tab.knob("bad_words_ids").get_by_role("switch").check()
    expect(tab.knob("bad_words_ids").get_by_role("textbox")).to_have_value(f"{word}\nthe old king")
    expect(tab.page.locator("#stages")).to_contain_text("Bad words 2")


def test_a_stop_string_ends_the_run(tab: Any) -> None:
    tab.run(PROMPT, length=12, speed="fast")
    tab.ran(12)
    texts = tab.tokens.all_inner_texts()
    index = next(i for i in range(3, 12) if len(texts[i].strip()) > 2 and texts[i].strip().isalpha())
    open_drawer(tab)
    write(tab, "stop_strings", f'"{texts[index]}"')
    tab.press("run")
    expect(tab.notice).to_contain_text("completes the stop string")
    count = int(re.findall(r"Token (\d+)", tab.notice.inner_text())[0])
    assert count <= index + 1
    tab.ran(count)
    assert tab.tokens.all_inner_texts() == texts[:count]
    tab.button("step").click()
    expect(tab.notice).to_contain_text("ended")


def test_what_can_not_be_read_is_said_below_the_field_and_at_the_run(tab: Any) -> None:
    tab.run(PROMPT, length=5, speed="fast")
    tab.ran(5)
    text = tab.text()
    open_drawer(tab)
    write(tab, "sequence_bias", "<img src=x onerror=alert(1)>")
    expect(echo(tab, "sequence_bias")).to_contain_text("end “<img src=x onerror=alert(1)>” with a number")
    expect(echo(tab, "sequence_bias")).to_have_attribute("data-kind", "bad")
    tab.button("run").click()
    expect(tab.notice).to_have_attribute("data-kind", "bad")
    expect(tab.notice).to_contain_text("with a number")
    assert tab.text() == text
    write(tab, "sequence_bias", "<img src=x onerror=alert(1)> -3")
    expect(echo(tab, "sequence_bias")).to_contain_text(": -3")
    assert tab.page.locator("#controls img").count() == 0


def test_the_search_finds_them_and_each_has_its_help(tab: Any) -> None:
    open_drawer(tab)
    page: Page = tab.page
    expect(tab.knob("negative_prompt_ids")).to_be_hidden()  # until guidance is on
    for words, name in (
        ("bad word", "bad_words_ids"),
        ("completes strings", "stop_strings"),
        ("bias", "sequence_bias"),
    ):
        page.locator(".finder").fill(words)
        expect(tab.knob(name)).to_be_visible()
        expect(tab.knob("mirostat")).to_be_hidden()
        tab.knob(name).locator(".knob-ask").click()
        expect(tab.knob(name).locator(".knob-help")).to_contain_text("transformers")
    page.locator(".finder").fill("")
    write(tab, "suppress_tokens", "14")
    tab.knob("suppress_tokens").locator(".knob-ask").click()
    expect(tab.knob("suppress_tokens").locator(".knob-help")).to_contain_text("suppressed token ids: 1")
    tab.knob("guidance_scale").get_by_role("switch").check()
    expect(tab.knob("negative_prompt_ids")).to_be_visible()
    tab.knob("guidance_scale").locator(".knob-ask").click()
    expect(tab.knob("guidance_scale").locator(".knob-help")).to_contain_text("before you press Run")


def test_an_example_empties_them(tab: Any) -> None:
    open_drawer(tab)
    write(tab, "bad_words_ids", "wolf")
    expect(echo(tab, "bad_words_ids")).to_contain_text("wolf")
    tab.begun()
    tab.page.get_by_role("button", name=t("example.too_hot.name")).click()
    tab.ran(40)
    expect(tab.knob("bad_words_ids").get_by_role("switch")).not_to_be_checked()
    expect(tab.knob("bad_words_ids").get_by_role("textbox")).to_be_hidden()
    expect(tab.page.locator("#code")).not_to_contain_text("bad_words_ids")


def test_green_tokens_are_seen_and_counted(tab: Any) -> None:
    chooser = tab.page.locator("#strip select")
    watermark = chooser.locator("option").nth(4)
    expect(watermark).to_have_attribute("hidden", "")
    expect(tab.page.locator("#watermark .live-text")).to_be_empty()
    open_drawer(tab)
    tab.knob("watermark_bias").get_by_role("switch").check()
    tab.knob("watermark_bias").get_by_role("spinbutton").fill("4")
    tab.run(PROMPT, length=30, speed="fast")
    tab.ran(30)
    line = tab.page.locator("#watermark .live-text")
    expect(line).to_contain_text("of 30 tokens green, 25 % expected")
    z, green = re.search(r"z = ([\d.]+) — (\d+) of 30", line.inner_text()).groups()  # type: ignore[union-attr]
    assert abs(float(z) - (int(green) - 7.5) / (30 * 0.1875) ** 0.5) < 0.006
    expect(chooser).to_have_value(t("shading.watermark"))
    expect(tab.page.locator(".token-legend:visible")).to_contain_text(t("shading.watermark.strong"))
    looks: dict[bool, set[str]] = {True: set(), False: set()}
    for token in tab.tokens.all():
        looks[token.get_attribute("title").endswith(", green")].add(fill(tab, token))
    assert len(looks[True]) == len(looks[False]) == 1
    assert looks[True] != looks[False]
    assert int(green) == sum(", green" in (token.get_attribute("title") or "") for token in tab.tokens.all())
    # another shading by choice stays chosen; without a watermark the option is gone
    chooser.select_option(index=1)
    tab.run(length=6, speed="lively")  # slow enough for the text to be seen empty
    tab.ran(6)
    expect(chooser).to_have_value(t("shading.surprisal"))
    chooser.select_option(index=4)
    tab.knob("watermark_bias").get_by_role("switch").uncheck()
    tab.press("run")
    tab.ran(6)
    expect(chooser).to_have_value(t("shading.probability"))
    expect(watermark).to_have_attribute("hidden", "")
    expect(line).to_be_empty()
