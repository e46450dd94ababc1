"""A text as a file, and back: the link in it brings the same tokens, those chosen by hand among them."""

import json
from collections.abc import Callable

import gradio as gr

from playground.runs import export
from playground.tabs import links
from tests.visitors import Visitor


def saved(visitor: Visitor, kind: str) -> str:
    event = gr.EventData(None, {"picked": kind})
    found = json.loads(visitor.tab.export(visitor.session, event, *visitor.values))
    assert found["kind"] == kind
    return str(found["content"])


def opened(visitor: Visitor, link: str) -> Visitor:
    *values, _ = visitor.tab.open_link(visitor.session, link, *visitor.values)
    for _ in visitor.tab.run_link(visitor.session, *values):
        pass
    return visitor


def test_what_is_saved_brings_the_same_text_to_another_visitor(visitors: Callable[[], Visitor]) -> None:
    first = visitors()
    first.told("run", mode="sample", temperature=0.8, seed=5)
    found = json.loads(saved(first, "json"))
    assert found["format"] == export.RUN
    assert opened(visitors(), found["link"]).ids == tuple(found["output"]["ids"]) == first.ids
    assert saved(first, "text") == found["prompt"]["text"] + found["output"]["text"]
    assert len(saved(first, "csv").splitlines()) == len(first.ids) + 1


def test_tokens_chosen_by_hand_are_in_the_link(visitors: Callable[[], Visitor]) -> None:
    first = visitors()
    first.told("run", mode="sample", seed=5)
    for index in (1, 4):
        first.told("inspect", picked=index)
        other = first.session.trace.steps[index].logits.topk(5).indices.tolist()
        first.told("branch", picked=next(i for i in other if i != first.ids[index]))
    assert [s.index for s in first.session.trace.steps if s.choice.by == "hand"] == [1, 4]
    link = json.loads(saved(first, "json"))["link"]
    assert links.opened(link, "generate").by_hand == ((2, first.ids[1]), (5, first.ids[4]))
    again = opened(visitors(), link)
    assert again.ids == first.ids
    assert [s.choice.by for s in again.session.trace.steps] == [s.choice.by for s in first.session.trace.steps]
    assert f"by_hand=2:{first.ids[1]}" in str(first.tab.standing(first.session)["address"])


def test_a_token_that_is_not_there_is_said_and_nothing_is_chosen(visitors: Callable[[], Visitor]) -> None:
    one = visitors()
    one.told("run", mode="greedy")
    link = json.loads(saved(one, "json"))["link"]
    again = opened(visitors(), f"{link}&by_hand=2:9999999")
    assert again.ids == one.ids


def test_a_text_whose_settings_were_changed_on_the_way_has_no_link(visitors: Callable[[], Visitor]) -> None:
    one = visitors()
    one.told("run", mode="sample", seed=5)
    one.told("redraw", temperature=0.5)
    assert json.loads(saved(one, "json"))["link"] == ""


def test_the_recorded_run_has_a_link_too(visitors: Callable[[], Visitor]) -> None:
    one = visitors()
    assert opened(visitors(), json.loads(saved(one, "json"))["link"]).ids == one.ids
