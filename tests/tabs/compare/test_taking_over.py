"""A lane of Compare with the settings that stand on another tab of the same visitor."""

import json
from typing import Any

import gradio as gr
import pytest

from playground import engine
from playground.catalog import FOR_BEAMS, ORDERS
from playground.decoding.trace import GenerationRequest
from playground.engines import prompts
from playground.engines.huggingface.backend import Backend
from playground.engines.loading import ModelSlot
from playground.i18n import translator
from playground.lists import LISTS
from playground.tabs import page
from playground.tabs.beam.controls import options, start_of
from playground.tabs.compare.handlers import CompareTab
from playground.tabs.compare.session import MOST_LANES, CompareSession
from tests.loops import in_a_loop

PROMPT = "The old king said to his"
HERE = (PROMPT, True, "fast", "")


def text_controls(mode: str = "sample", **numbers: float) -> tuple[Any, ...]:
    """What the controls of the Generate tab say."""
    order = json.dumps(ORDERS["llama.cpp"])
    return ("A fox", mode, 7, 6, "lively", "nats", order, json.dumps(numbers), *("" for _ in LISTS), "")


def search_controls(**own: Any) -> tuple[Any, ...]:
    """What the controls of the Beam search tab say."""
    t = translator()
    asked = [own.get(option.name, start_of(option, t)) for option in options()]
    return ("A fox", "beam", 6, 0, "lively", *asked, *(parameter.neutral for parameter in FOR_BEAMS), "")


@pytest.fixture
def tab(storyteller: Backend) -> CompareTab:
    return CompareTab(ModelSlot.filled(storyteller, "assets/models/storyteller"), translator())


@pytest.fixture
def session(tab: CompareTab) -> CompareSession:
    return tab.new_session()


def test_the_settings_of_generate_become_a_lane_that_writes_what_generate_would(
    tab: CompareTab, session: CompareSession, storyteller: Backend
) -> None:
    before = list(session.lanes)
    prompt, _, made = tab.from_generate(session, False, *text_controls(temperature=1.4, top_k=30), *HERE)
    assert session.lanes[:-1] == before and isinstance(prompt, type(gr.skip()))
    setup = session.lanes[-1].setup
    assert (setup.strategy, setup.dice, setup.max_new_tokens, setup.prompt) == ("sample", 7, 6, None)
    assert setup.settings == {"temperature": 1.4, "top_k": 30} and setup.order == ORDERS["llama.cpp"]
    row = made.channels["compare.lanes"]["lanes"][-1]
    assert row["name"] == "Generate" and [c for c in row["chips"] if "30" in c]
    list(tab.run(session, PROMPT, False, "fast"))
    request = GenerationRequest(prompts.prompt(PROMPT, storyteller), setup.build(storyteller), 6)
    *_, alone = engine.generate(storyteller.model, request)
    assert session.comparison is not None and session.comparison.lanes[-1].token_ids == alone.token_ids


def test_the_settings_of_a_search_too(tab: CompareTab, session: CompareSession) -> None:
    tab.from_search(session, False, *search_controls(num_beams=4), *HERE)
    setup = session.lanes[-1].setup
    assert (setup.strategy, setup.settings["num_beams"], setup.max_new_tokens) == ("beam", 4, 6)
    assert setup.seed is None  # it throws no dice: those of all are another lane's
    tab.from_search(session, False, *search_controls(num_beams=5), *HERE)
    names = [row.name for row in tab.rows(session)][-2:]
    assert names == ["Beam search", "Beam search 2"] and session.lanes[-2].setup == setup


def test_the_prompt_comes_along_if_it_is_asked_for(tab: CompareTab, session: CompareSession) -> None:
    list(tab.run(session, *HERE))
    prompt, _, made = tab.from_generate(session, True, *text_controls(), *HERE)
    assert prompt == "A fox" and session.now == ("A fox", True)
    assert made.channels["compare.made"]["kind"] == "changed"  # the texts on the page have another prompt


@pytest.mark.parametrize("controls", [text_controls(temperature=-3.0), ("A fox", "sample", None, *text_controls()[3:])])
def test_what_is_out_of_range_there_is_one_line_and_no_lane(
    tab: CompareTab, session: CompareSession, controls: tuple[Any, ...]
) -> None:
    before = list(session.lanes)
    *_, made = tab.from_generate(session, True, *controls, *HERE)
    assert made.channels["compare.notice"]["kind"] == "bad" and session.lanes == before


def test_a_full_comparison_takes_no_more(tab: CompareTab, session: CompareSession) -> None:
    while len(session.lanes) < MOST_LANES:
        tab.from_generate(session, False, *text_controls(), *HERE)
    prompt, _, made = tab.from_search(session, True, *search_controls(), *HERE)
    assert len(session.lanes) == MOST_LANES and made.channels["compare.notice"]["kind"] == "bad"
    assert prompt != "A fox"


def test_the_page_hands_over_every_control_of_the_other_tab() -> None:
    async def build() -> gr.Blocks:
        return page.build(ModelSlot("never loaded"))

    demo = in_a_loop(build)
    wired = {one.name: one for one in demo.fns.values() if one.name in ("from_generate", "from_search")}
    ids = [[part.elem_id for part in wired[name].inputs] for name in ("from_generate", "from_search")]
    assert len(wired["from_generate"].inputs) == 2 + len(text_controls()) + 4
    assert len(wired["from_search"].inputs) == 2 + len(search_controls()) + 4
    assert "prompt" in ids[0] and "beam-prompt" in ids[1] and ids[0][-4:] == ids[1][-4:]
