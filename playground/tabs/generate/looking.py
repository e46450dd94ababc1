"""Looking: other settings, another token, another unit; without a forward pass."""

from typing import Any

import gradio as gr

from playground.components.gaze import as_index
from playground.components.live_bus import frame
from playground.panels import wording
from playground.panels.generate import frames
from playground.tabs.generate.base import GenerateBase
from playground.tabs.generate.controls import Values
from playground.tabs.generate.session import Session
from playground.tabs.shell import reported


class Looking(GenerateBase):
    """The handlers that show the text on the page otherwise."""

    @reported()
    def inspect(self, session: Session, picked: Any, *values: Any) -> str:
        """The person looks at a token: hold the view there; at None: follow the newest token again."""
        index = as_index(picked)
        if (picked is not None and index is None) or not session.inspect(index):
            return gr.skip()  # type: ignore[no-any-return]
        return self.redraw(session, *values)

    @reported()
    def redraw(self, session: Session, *values: Any) -> str:
        """A setting was moved: the inspected step again, from its stored logits."""
        return frame({**self.inspected(session, Values.of(values)), "notice": wording.notice("")})

    @reported()
    def change_unit(self, session: Session, *values: Any) -> str:
        """Another unit: every number on the page, those of the strip included."""
        session.unit = Values.of(values).unit  # a run that goes on takes it up
        look, trace = self.look(session, Values.of(values)), session.trace
        channels = frames.whole(trace, session.inspected, session.pinned is not None, look)
        if not trace.steps:
            channels |= frames.blank(look)
        while session.trace is not trace:  # a run went on meanwhile: not one token of it may be taken back
            trace = session.trace
            channels["strip"] = frames.strip(trace, 0, look)
        return frame(channels)

    @reported()
    def resync(self, session: Session, *values: Any) -> str:
        """The page has missed something: all of it again."""
        return self.change_unit(session, *values)
