"""Lookout, OrderList and Finder: their events reach Python, their texts can't become tags."""

import json
from typing import Any

import gradio as gr
import pytest

from playground.components.finder import Finder
from playground.components.lookout import Lookout
from playground.components.order_list import OrderList
from tests.loops import in_a_loop

HOSTILE = '"><script>alert(1)</script>'


def order_list(word: str = "w") -> OrderList:
    words = {"presets": word, "stages": word}
    return OrderList(
        ["a", "b"],
        labels={"a": word},
        presets={word: (word, ["b", "a"])},
        words=words,
        notes={"own": word},
        channel="c",
    )


@pytest.mark.parametrize(
    ("make", "event"),
    [(lambda: Lookout(["race"], channel="c"), "ask"), (lambda: order_list(), "input")],
    ids=["Lookout", "OrderList"],
)
def test_what_the_page_triggers_python_can_listen_to(make: Any, event: str) -> None:
    async def build() -> gr.Blocks:
        with gr.Blocks(analytics_enabled=False) as demo:
            getattr(make(), event)(lambda: None, None, None)
        return demo

    listeners = in_a_loop(build).fns.values()
    assert [name for listener in listeners for _, name in listener.targets] == [event]


def test_texts_can_not_become_tags() -> None:
    for component in (order_list(HOSTILE), Finder(placeholder=HOSTILE, nothing=HOSTILE)):
        assert "<script>" not in component.html_template


def test_the_order_is_a_json_list() -> None:
    component = order_list()
    assert json.loads(component.value) == ["a", "b"]
    assert component.postprocess('["b", "a"]') == '["b", "a"]'
    assert component.postprocess(["b"]) == '["b"]'
    assert component.preprocess('["b"]') == '["b"]'


def test_the_lookout_is_mounted_out_of_sight() -> None:
    assert Lookout([], channel="c").visible == "hidden"
