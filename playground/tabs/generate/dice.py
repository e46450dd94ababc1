"""Below the charts of the Generate tab: the dice, the same dice elsewhere, the survival map, the flow of the mass."""

from collections.abc import Callable
from typing import Any

import gradio as gr

from playground.api.outright import outright
from playground.components.live_bus import LiveBus
from playground.components.live_plot import LivePlot
from playground.components.live_text import LiveText
from playground.components.lookout import Lookout
from playground.i18n import Translator
from playground.tabs.delivery import FOLDS, lossless, panel_head
from playground.tabs.generate.controls import Controls
from playground.tabs.generate.dice_handlers import PANELS, DiceSession, DiceTab
from playground.tabs.generate.handlers import GenerateTab
from playground.tabs.per_visitor import PerVisitor, language_of
from playground.views.survival_map import CUTS

SHOWN = ("tokens", "entropy")


class DicePanels:
    """The components of the section; made where they are laid out."""

    def __init__(self, controls: Controls, t: Translator) -> None:
        self.plots: dict[str, LivePlot] = {}
        with gr.Row(elem_classes="charts"):
            with gr.Group(elem_classes=FOLDS, elem_id="panel-race"):
                panel_head("race", t, "dice")
                self._plot("race", "dice.race", "race", t)
                LiveText(channel="dice.race_words", style="under", elem_id="race-words")
            with gr.Group(elem_classes=FOLDS, elem_id="panel-same_dice"):
                panel_head("same_dice", t, "same-dice")
                self._plot("same_dice", "dice.same", "same_dice", t)
                self.partings = LiveText(channel="dice.same_words", style="under", elem_id="same-dice-words")
        with (
            gr.Row(elem_classes=["charts", "whole"]),
            gr.Group(elem_classes=FOLDS, elem_id="panel-survival_map"),
        ):
            panel_head("survival_map", t, "map")
            with gr.Row(elem_classes="choosers"):
                self.cut = gr.Radio(
                    [(t(f"parameter.{cut}.short"), cut) for cut in CUTS], value=CUTS[0], show_label=False,
                    label=t("dice.map.cut"), elem_id="map-cut", elem_classes="segmented",
                )  # fmt: skip
                self.shown = gr.Radio(
                    [(t(f"dice.map.shown.{name}"), name) for name in SHOWN], value=SHOWN[0], show_label=False,
                    label=t("dice.map.shown"), elem_id="map-shown", elem_classes="segmented",
                )  # fmt: skip
            self._pair("map", "survival_map", t)
            LiveText(channel="dice.map_words", style="under", elem_id="map-words")
        with (
            gr.Row(elem_classes=["charts", "whole"]),
            gr.Group(elem_classes=FOLDS, elem_id="panel-mass_flow"),
        ):
            panel_head("mass_flow", t, "flow")
            controls.order.render()  # type: ignore[no-untyped-call]
            self._pair("flow", "mass_flow", t)
            LiveText(channel="dice.flow_words", style="under", elem_id="flow-words")

    def _plot(self, name: str, channel: str, kind: str, t: Translator) -> None:
        self.plots[name] = LivePlot(
            description=t(f"chart.{kind}.description"), channel=channel, size=kind, elem_id=f"chart-{name}",
            keys=t("page.chart_keys") if kind in ("same_dice", "survival_map") else "",
        )  # fmt: skip

    def _pair(self, name: str, kind: str, t: Translator) -> None:
        """Two pictures of a kind side by side, each with its caption."""
        with gr.Row(elem_classes="pair"):
            for side in ("here", "there"):
                with gr.Column(min_width=0):
                    LiveText(channel=f"dice.{name}_{side}_words", style="caption", elem_id=f"{name}-{side}-words")
                    self._plot(f"{name}_{side}", f"dice.{name}_{side}", kind, t)


def wire(
    tab: PerVisitor[GenerateTab], panels: DicePanels, state: gr.State, controls: Controls, streaming: dict[str, Any],
    looking: dict[str, Any], told: Callable[..., Any], verify: tuple[Any, dict[str, Any]],
) -> None:  # fmt: skip
    """`streaming` and `looking` are how the handlers of the Generate tab are called, `told` what is put around them,
    `verify` what follows a run."""
    dice = tab.also(DiceTab)
    mine = gr.State(DiceSession())
    bus = LiveBus(elem_id="dice-bus")
    lookout = Lookout(PANELS, channel="headline", elem_id="dice-lookout")
    asking: dict[str, Any] = {
        **looking, "inputs": [mine, state, panels.cut, panels.shown, *controls.all], "outputs": [bus],
        "trigger_mode": "multiple",
    }  # fmt: skip
    lookout.ask(lossless(dice.ask), **asking)
    bus.resync(lossless(dice.resync), **asking)
    for radio in (panels.cut, panels.shown):
        radio.change(lossless(dice.redraw_map), **asking)
    controls.order.input(told(tab.redraw), **looking)

    turning: dict[str, Any] = {
        **looking, "inputs": [mine, state, *controls.all], "outputs": [controls.bank], "trigger_mode": "multiple",
    }  # fmt: skip
    turn = outright(dice.turn, language_of)
    for name in ("same_dice", "map_here", "map_there"):
        panels.plots[name].pick(turn, **turning).then(told(tab.redraw), **looking)
    parting = {**streaming, "inputs": [state, mine, *controls.all]}
    panels.partings.act(lossless(dice.compare_on), **asking)
    panels.partings.act(turn, **turning).then(told(dice.part), **parting).then(verify[0], **verify[1])
