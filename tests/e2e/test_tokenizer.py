"""The Tokenizer tab in a browser: typing, pointing, walking by keyboard, stepping, comparing, hostile tokens."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from playground.engines.huggingface.backend import Backend
from playground.i18n import translator
from playground.settings import DEFAULT_MODEL
from playground.tokenization.segments import segment
from playground.tokenization.text_tokenizer import from_json

t = translator()
shipped = from_json("storyteller", (DEFAULT_MODEL / "tokenizer.json").read_text(encoding="utf-8"), 512)


class Tokenizer:
    """The Tokenizer tab as a person sees it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.text = page.locator("#tokenizer-text textarea")
        self.spans = page.locator("#tokenizer-spans .token-spans")
        self.tokens = self.spans.locator("button.tok")
        self.ids = page.locator("#tokenizer-spans .tok-id")
        self.detail = page.locator("#tokenizer-spans .token-detail")
        self.notice = page.locator("#tokenizer-notice .live-text")

    def type(self, text: str, characters: int | None = None) -> None:
        self.text.fill(text)
        self.reads(len(text) if characters is None else characters)

    def reads(self, characters: int) -> None:
        expect(self.spans).to_have_attribute("data-characters", str(characters))

    def shown_ids(self) -> list[int]:
        return [int(text) for text in self.ids.all_text_contents()]

    def open(self, section: str) -> None:
        self.page.locator(f'#tokenizer-section label:has(input[value="{section}"])').click()

    def boxes(self, name: str) -> Locator:
        return self.page.locator(f"#{name} .box")

    def press(self, stepper: str, move: str) -> None:
        self.page.locator(f"#{stepper} [data-move={move}]").click()

    def at_step(self, stepper: str, step: int) -> None:
        expect(self.page.locator(f"#{stepper} .stepper")).to_have_attribute("data-step", str(step))


def opened(page: Page) -> Tokenizer:
    page.get_by_role("tab", name=t("tab.tokenizer")).click()
    tab = Tokenizer(page)
    expect(tab.tokens.first).to_be_visible()
    return tab


@pytest.fixture(scope="module")
def tokenizer(open_desktop: Callable[[str], Any], app: Any) -> Iterator[Tokenizer]:
    """One page for all tests of this file that leave it usable."""
    tab = open_desktop(app.url)
    yield opened(tab.page)
    tab.page.close()


def test_tokens_come_while_typing(tokenizer: Tokenizer) -> None:
    tokenizer.type("")
    text = "The wolf said: hush, 😀!"
    tokenizer.text.press_sequentially(text, delay=30)
    tokenizer.reads(len(text))
    expected = segment(text, shipped).ids
    assert tokenizer.shown_ids() == list(expected)
    assert tokenizer.tokens.all_text_contents() == [shipped.label(i) for i in expected]
    facts = tokenizer.page.locator("#tokenizer-spans .token-facts")
    expect(facts).to_contain_text(f"{len(expected)}{t('tokenizer.fact.tokens')}")


def test_a_change_touches_only_what_changed(tokenizer: Tokenizer) -> None:
    text = "The old king said to his daughter. " * 60
    tokenizer.type(text)
    tokenizer.page.evaluate(
        "document.querySelectorAll('#tokenizer-spans .tok').forEach((one, i) => { one.wasThere = true; })"
    )
    changed = text[:1000] + "x" + text[1000:]
    tokenizer.type(changed)
    assert tokenizer.shown_ids() == list(segment(changed, shipped).ids)
    fresh = tokenizer.page.evaluate(
        "[...document.querySelectorAll('#tokenizer-spans .tok')].filter((one) => !one.wasThere).length"
    )
    assert 1 <= fresh <= 6


@pytest.mark.parametrize("edit", range(4))
def test_any_edit_ends_with_the_right_tokens(tokenizer: Tokenizer, edit: int) -> None:
    text = "\n".join(["One fox.", "", "Two foxes, 狐狸 and 😀.", "  Three  "] * 80)
    changed = [text[500:], text[:-300], text[:400] + "\n\n" + text[700:], text + text][edit]
    tokenizer.type(text)
    tokenizer.type(changed)
    expected = segment(changed, shipped).ids
    assert tokenizer.shown_ids() == list(expected)
    assert tokenizer.tokens.all_text_contents() == [shipped.label(i) for i in expected]
    colours = tokenizer.page.evaluate(
        "[...document.querySelectorAll('#tokenizer-spans .tok')].map((one) => one.dataset.colour)"
    )
    assert all(a != b for a, b in itertools.pairwise(colours))  # neighbours can be told apart


def test_token_and_id_light_each_other_up(tokenizer: Tokenizer) -> None:
    tokenizer.type("The chartreuse wolf")
    tokenizer.tokens.nth(2).hover()
    expect(tokenizer.ids.nth(2)).to_have_class("tok-id lit")
    expect(tokenizer.detail).to_contain_text(f"id {segment('The chartreuse wolf', shipped).ids[2]}")
    tokenizer.ids.nth(4).hover()
    expect(tokenizer.tokens.nth(4)).to_have_class("tok lit")
    expect(tokenizer.tokens.nth(2)).to_have_class("tok")


def test_every_token_is_reached_and_described_by_keyboard(tokenizer: Tokenizer) -> None:
    text = "The 狐 end"
    tokenizer.type(text)
    found = segment(text, shipped).tokens
    tokenizer.text.focus()
    tokenizer.tokens.first.focus()
    assert tokenizer.tokens.first.get_attribute("tabindex") == "0"
    for index, token in enumerate(found):
        focused = tokenizer.page.locator("#tokenizer-spans .tok:focus")
        label = shipped.label(token.token_id)
        expect(focused).to_have_text(label)
        described = focused.get_attribute("aria-description") or ""
        piece = shipped.piece(token.token_id).hex(" ").upper()
        assert described == t("tokenizer.spans.token", label=label, id=token.token_id, bytes=piece)
        expect(tokenizer.detail).to_contain_text(f"{index + 1} of {len(found)}")
        tokenizer.page.keyboard.press("ArrowRight")
    tokenizer.page.keyboard.press("Home")
    expect(tokenizer.page.locator("#tokenizer-spans .tok:focus")).to_have_text("The")


def test_the_replay_steps_to_the_tokens(tokenizer: Tokenizer) -> None:
    tokenizer.open("replay")
    tokenizer.type("The chartreuse wolf")
    words = tokenizer.page.locator("#tokenizer-words button")
    words.filter(has_text="␣chartreuse").click()
    expect(words.filter(has_text="␣chartreuse")).to_have_attribute("aria-pressed", "true")
    rows = tokenizer.page.locator("#replay-rows .row")
    expect(rows).to_have_count(8)
    tokenizer.press("replay-stepper", "first")
    expect(rows).to_have_count(1)
    tokenizer.press("replay-stepper", "play")
    tokenizer.at_step("replay-stepper", 7)
    expect(rows).to_have_count(8)
    boxes = rows.last.locator(".box:not([data-kind^=rank])")
    assert boxes.all_text_contents() == ["␣ch", "art", "re", "use"]
    tokenizer.press("replay-stepper", "back")
    expect(rows).to_have_count(7)
    tokenizer.tokens.first.click()  # a token of the text chooses its word
    expect(words.filter(has_text="The").first).to_have_attribute("aria-pressed", "true")


def test_the_training_learns_the_report_s_example(tokenizer: Tokenizer) -> None:
    tokenizer.open("train")
    symbols = tokenizer.boxes("train-symbols")
    expect(symbols.filter(has_text="e 16")).to_have_count(1)
    tokenizer.press("train-stepper", "forward")
    expect(symbols.filter(has_text="es 13")).to_have_count(1)
    tokenizer.press("train-stepper", "forward")
    expect(symbols.filter(has_text="est 13")).to_have_count(1)
    plot = tokenizer.page.locator("#chart-vocabulary_curve .live-plot")
    expect(plot).to_have_attribute("aria-label", t("chart.vocabulary_curve.label", size=13, tokens=67))


def test_side_by_side_goes_on_without_the_one_that_fails(tokenizer: Tokenizer) -> None:
    tokenizer.open("side")
    tokenizer.type("The chartreuse wolf")
    others = tokenizer.page.locator("#side-others textarea, #side-others input").first
    others.fill("nobody/nothing")
    others.press("Enter")
    expect(tokenizer.page.locator("#side-notice .live-text")).to_contain_text("nobody/nothing")
    expect(tokenizer.page.locator("#side-table tbody tr")).to_have_count(4)
    rows = tokenizer.page.locator("#side-rows .row")
    expect(rows).to_have_count(4)
    for row in rows.all():
        assert "".join(row.locator(".box").all_text_contents()) == "The␣chartreuse␣wolf"
    others.fill("")
    others.press("Enter")


def test_the_round_trip_and_its_alarm(tokenizer: Tokenizer) -> None:
    tokenizer.open("round")
    tokenizer.type("The old wolf")
    tokenizer.page.locator("#round-split").click()
    expect(tokenizer.page.locator("#round-alarm .live-text")).to_have_attribute("data-kind", "bad")
    expect(tokenizer.page.locator("#round-likelihood tbody tr")).to_have_count(3)
    expect(tokenizer.page.locator("#round-trip .live-text")).to_have_attribute("data-kind", "good")


def test_the_batch(tokenizer: Tokenizer) -> None:
    tokenizer.open("batch")
    tokenizer.page.locator("#batch-texts textarea").fill("The old king\nHush")
    mask = tokenizer.page.locator("#batch-mask tbody tr")
    expect(mask).to_have_count(2)
    expect(mask.nth(1)).to_have_text("1001")  # row 1: padded on the left
    tokenizer.page.locator('#batch-side label:has(input[value="right"])').click()
    expect(mask.nth(1)).to_have_text("1100")


def test_a_hostile_text_is_text(tokenizer: Tokenizer) -> None:
    text = "<img src=x onerror=window.pwned=1>${window.pwned=1}{{pwned}}<script>window.pwned=1</script>`var(--plot-x)"
    tokenizer.open("side")
    tokenizer.type(text)
    assert tokenizer.tokens.all_text_contents() == [shipped.label(i) for i in segment(text, shipped).ids]
    expect(tokenizer.page.locator("#side-rows .row").first).to_contain_text("<img")
    tokenizer.open("train")
    tokenizer.page.locator("#train-use").click()
    expect(tokenizer.boxes("train-words").filter(has_text="<").first).to_be_visible()
    tokenizer.open("replay")
    for word in tokenizer.page.locator("#tokenizer-words button").all()[:8]:
        word.click()
    assert tokenizer.page.evaluate("window.pwned") is None
    foreign = tokenizer.page.evaluate(
        """() => ["token-rows", "token-spans", "live-text"]
            .flatMap(name => [...document.querySelectorAll(`#tokenizer .${name}`)])
            .flatMap(root => [...root.querySelectorAll("img, script, [onerror], a[href]")]).map(e => e.outerHTML)"""
    )
    assert foreign == []


def test_twenty_thousand_characters_and_lone_surrogates(tokenizer: Tokenizer) -> None:
    tokenizer.open("batch")
    text = ("The old king said to his daughter. " * 600)[:20_000]
    tokenizer.type(text)
    assert tokenizer.ids.count() == len(segment(text, shipped).ids)
    tokenizer.page.evaluate(
        """() => { const field = document.querySelector("#tokenizer-text textarea");
            field.value = "a\\ud83d"; field.dispatchEvent(new Event("input", { bubbles: true })); }"""
    )
    tokenizer.reads(2)
    expect(tokenizer.page.locator("#tokenizer-spans .token-note")).to_have_text(t("tokenizer.note.surrogates", count=1))
    assert tokenizer.tokens.all_text_contents() == ["a", "?"]


def test_another_tokenizer_and_one_that_is_not_there(tokenizer: Tokenizer, storyteller: Backend) -> None:
    tokenizer.type("The Wolf")
    field = tokenizer.page.locator("#tokenizer-name input")
    field.click()
    tokenizer.page.get_by_role("option", name=t("tokenizer.shipped.wordpiece")).click()
    expect(tokenizer.tokens.first).to_have_text("[CLS]")
    assert tokenizer.tokens.all_text_contents() == ["[CLS]", "the", "wolf", "[SEP]"]
    field.fill("nobody/nothing")
    field.press("Enter")
    expect(tokenizer.notice).to_contain_text("nobody/nothing")
    assert tokenizer.tokens.all_text_contents() == ["[CLS]", "the", "wolf", "[SEP]"]
