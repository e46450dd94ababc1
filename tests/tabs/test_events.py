"""How the events of the page are wired, whatever the tab."""

import inspect

import gradio as gr

from playground.engines.loading import ModelSlot
from playground.tabs import page
from tests.loops import in_a_loop


def test_no_event_that_has_to_wait_relies_on_its_data() -> None:
    """Gradio makes up for an "always_last" event that had to wait by sending the data of the one before it: only the
    values of components are read anew."""

    async def build() -> gr.Blocks:
        return page.build(ModelSlot("never loaded"))

    listeners = in_a_loop(build).fns.values()
    waiting = [one for one in listeners if one.trigger_mode == "always_last"]
    assert len(waiting) > 10
    for one in waiting:
        annotations = [str(parameter.annotation) for parameter in inspect.signature(one.fn).parameters.values()]
        assert not any("EventData" in annotation for annotation in annotations), one.name
