"""A page with two Generate panels side by side, each with a run of its own. Not shipped: tests/e2e/test_two_runs.py."""

import gradio as gr

from playground.components.apart import apart
from playground.components.live_bus import LiveBus, frame
from playground.components.live_text import LiveText
from playground.engines.loading import ModelSlot
from playground.i18n import translator
from playground.tabs.generate import layout
from playground.tabs.generate.handlers import GenerateTab
from playground.tabs.per_visitor import PerVisitor
from playground.tabs.recorded import recorded

SIDES = ("left", "right")


def build(slot: ModelSlot) -> gr.Blocks:
    first, _ = recorded()
    tabs = PerVisitor(lambda whose: GenerateTab(slot, first.run, first.vocabulary, whose.t))
    demo = gr.Blocks(title="Two runs", fill_width=True, analytics_enabled=False)
    with demo, gr.Row():
        for side in SIDES:
            with apart(side):
                bus = LiveBus(frame(tabs.tab().first_frame()), elem_id="bus")
                LiveText(channel="model", style="model", elem_id="model")
                layout.build(tabs, translator(), bus, demo)
    return demo
