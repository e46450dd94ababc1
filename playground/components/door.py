"""Door: what the address says of a run comes into its tab through here."""

from collections.abc import Mapping
from typing import Any

import gradio as gr


class Door(gr.HTML):
    """Shows nothing. The value is the query of the page's address; `input` is triggered when one is opened that brings
    settings for this tab: as the page is loaded, or gone back to.

    Args:
        tab: the name of the tab.
        homes: the tab of each strategy, for addresses that name no tab.
        beside: the parameters that bring no settings.
    """

    def __init__(self, tab: str, homes: Mapping[str, str], beside: tuple[str, ...], **arguments: Any) -> None:
        super().__init__(
            "",
            html_template="",
            js_on_load="window.livePage.door({element, props, trigger}); // triggers 'input'",
            visible="hidden",
            tab=tab,
            homes=dict(homes),
            beside=list(beside),
            elem_id=f"door-{tab}",
            **arguments,
        )

    def postprocess(self, value: str | None) -> str | None:
        return value
