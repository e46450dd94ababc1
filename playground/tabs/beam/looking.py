"""Looking: a node, an earlier step, another length penalty; without a forward pass."""

from typing import Any

import gradio as gr

from playground.components.gaze import as_index, as_pair
from playground.components.live_bus import frame
from playground.panels.beam import frames
from playground.tabs.beam.base import BeamBase
from playground.tabs.beam.session import BeamSession
from playground.tabs.shell import reported


class Looking(BeamBase):
    """The handlers that show the search on the page otherwise."""

    @reported()
    def pick(self, session: BeamSession, picked: Any) -> str:
        """The person looks at a node: its sequence, as text and as a table; at None: the winner's or leader's."""
        session.pick(as_pair(picked))
        return frame(frames.path(session.trace, session.tree, session.picked, self.look(session)))

    @reported()
    def scrub(self, session: BeamSession, picked: Any) -> str:
        """The person looks back at an earlier step, or at None, the newest: the tables and the pool as they stood."""
        session.look_back(as_index(picked))
        channels = self.looked_back(session)
        return frame(channels) if channels else gr.skip()

    @reported()
    def change_alpha(self, session: BeamSession, alpha: float) -> str:
        """The length-penalty slider: the finished sequences by another α."""
        if not session.trace.is_finished:
            return gr.skip()  # type: ignore[no-any-return]
        session.alpha = float(alpha)
        return frame(frames.length_penalty(session.trace, session.tree, session.alpha, self.look(session)))

    @reported()
    def resync(self, session: BeamSession) -> str:
        """The page has missed something: all of it again."""
        return frame(self.shown(session))
