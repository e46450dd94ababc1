"""Exporting: the text on the page as a file."""

import json
from dataclasses import replace
from typing import Any

import gradio as gr

from playground.runs import export
from playground.runs.links import query_of_run
from playground.tabs.brought import TALES
from playground.tabs.generate.base import GenerateBase, values_of
from playground.tabs.generate.session import Session


class Exporting(GenerateBase):
    """The handler of what is saved."""

    def export(self, session: Session, event: gr.EventData, *values: Any) -> str:
        """The run as `picked` asks: "json", "csv" or "text"; for a Saver. Raises PlaygroundErrors."""
        trace, vocabulary, kind = session.trace, self.speller(session).vocabulary, str(event.picked)
        if kind == "csv":
            content = export.run_csv(trace, vocabulary)
        elif kind == "json":
            content = export.run_json(trace, vocabulary, session.model_name, self.link_to(session))
        else:
            content = export.run_text(trace, vocabulary)
        return json.dumps({"kind": kind, "content": content})

    def first_query(self, session: Session) -> str:
        """The run that a visitor meets; it names its model unless that is the one that everybody meets."""
        setup = values_of(self.first).setup(self.speller(session))
        return query_of_run(setup if self.brought is TALES else replace(setup, model=self.slot.name))

    def link_to(self, session: Session) -> str:
        """The query that brings the text again; empty where the settings were changed on the way, or since."""
        if session.is_recorded and session.controls is None:
            run = self.first_query(session)
        elif len(session.ways) == 1 and session.controls in (None, session.ways[0][1]):
            run = session.asks.run or self.first_query(session)
        else:
            return ""
        return "&".join(part for part in ("tab=generate", run, self.choices(session)) if part)
