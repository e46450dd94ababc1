"""A model whose every token is an attack: the page shows them as texts and does nothing of what they say."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest
import torch
from playwright.sync_api import expect
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from playground.engines.huggingface.backend import Backend, from_parts
from playground.engines.loading import ModelSlot

Tab = Any  # of conftest.py
CHARTS = ("next_token", "cutoffs", "temperature", "trajectory")
TOKENS = (
    "start", "${window.pwned=1}", "<img src=x onerror=window.pwned=1>", "{{pwned}}", "<script>window.pwned=1</script>",
    "`+(window.pwned=1)+`", "\u202egnorw", "😀", "<b>bold</b>", "<a href=javascript:window.pwned=1>link</a>",
    "var(--plot-x)", "&lt;i&gt;", "\\u0022", "'\"", "</textarea><svg onload=window.pwned=1>", "%{x}", "@", "שלום",
)  # fmt: skip
NAME = "<img src=x onerror=window.pwned=1>${window.pwned=1}"


@pytest.fixture(scope="module")
def hostile() -> Backend:
    tokenizer = Tokenizer(WordLevel({token: i for i, token in enumerate(TOKENS)}, unk_token="start"))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    config = GPT2Config(
        vocab_size=len(TOKENS), n_positions=256, n_embd=16, n_layer=1, n_head=2, initializer_range=0.3,
        bos_token_id=None, eos_token_id=None,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        module = GPT2LMHeadModel(config)
    return from_parts(module, PreTrainedTokenizerFast(tokenizer_object=tokenizer), NAME)


@pytest.fixture(scope="module")
def tab(
    hostile: Backend, serve: Callable[[ModelSlot], AbstractContextManager[str]], open_desktop: Callable[[str], Tab]
) -> Iterator[Tab]:
    with serve(ModelSlot.filled(hostile, NAME)) as url:
        opened = open_desktop(url)
        yield opened
        opened.page.close()


def test_tokens_are_texts_and_nothing_else(tab: Tab, hostile: Backend) -> None:
    expect(tab.model).to_contain_text(NAME)
    tab.knob("temperature").get_by_role("spinbutton").fill("3")
    tab.knob("top_p").get_by_role("switch").uncheck()
    tab.run(" ".join(TOKENS[i] for i in (1, 3, 5, 11)), length=120, speed="fast")
    tab.ran(120)
    page = tab.page
    texts = tab.tokens.evaluate_all("all => all.map(e => e.textContent)")
    labels = [hostile.vocabulary.label(i).replace("␣", " ") for i in range(len(TOKENS))]
    assert set(texts) == set(labels)  # every token came, and is spelt out
    assert "<U+202E>gnorw" in texts
    assert page.locator("#strip .token-lead").evaluate("e => e.textContent") == "".join(
        labels[i] for i in (1, 3, 5, 11)
    )
    for index in {texts.index(label) for label in labels}:  # each under inspection once
        tab.tokens.nth(index).click()
        expect(tab.tokens.nth(index)).to_have_attribute("aria-pressed", "true")
        expect(tab.headline.locator(".part-token").first).to_have_text(texts[index].replace(" ", "␣"))
    assert page.evaluate("window.pwned") is None
    foreign = page.evaluate(
        """() => [...document.querySelectorAll("#strip, #headline, #model, .live-plot, #code, .live-text")]
            .flatMap(root => [...root.querySelectorAll("img, script, b, i:not(.ramp, .lead-legend i), [onerror], "
                + "[onload], a[href]")])
            .map(e => e.outerHTML)"""
    )
    assert foreign == []


def test_the_charts_spell_the_tokens_out(tab: Tab, hostile: Backend) -> None:
    tab.run("start", length=3, speed="fast")
    tab.ran(3)
    tab.page.wait_for_function(
        "() => document.querySelectorAll('#chart-next_token .bar-row').length > 10", timeout=60_000
    )
    labels = [hostile.vocabulary.label(i) for i in range(len(TOKENS))]
    cut = {label if len(label) <= 14 else label[:13] + "…" for label in labels}
    ticks = tab.page.locator("#chart-next_token .bar-name").evaluate_all("all => all.map(e => e.textContent)")
    assert len([tick for tick in ticks if tick in cut]) == len(ticks) - 1  # and the row of the rest
    ids = tab.bar_ids()
    for row in range(len(ids)):  # what the pointer brings up
        tab.page.mouse.move(*tab.bar_place(row))
        hover = tab.page.locator("#chart-next_token .bars-tip")
        expect(hover).to_contain_text(labels[ids[row]])
    assert tab.page.evaluate("window.pwned") is None
    for name in CHARTS:
        expect(tab.chart(name).locator("a, image[href^='x'], script")).to_have_count(0)


def test_a_hostile_bar_is_taken_by_its_id(tab: Tab, hostile: Backend) -> None:
    tab.run("start", length=4, speed="fast")
    tab.ran(4)
    before = tab.drawn()
    tab.tokens.nth(0).click()
    tab.redrawn(before)
    token_id = tab.bar_id(5)
    tab.click_bar(5)
    tab.ran(4)
    expect(tab.tokens.nth(0)).to_have_text(hostile.vocabulary.label(token_id).replace("␣", " "))
    assert tab.page.evaluate("window.pwned") is None
