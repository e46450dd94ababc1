"""What the editor of a lane offers, as data: every strategy with its settings, and a setup as readable chips."""

from typing import Any

from playground.catalog import BY_NAME, MAX_SEED, ORDERS
from playground.i18n import Translator
from playground.lists import LISTS
from playground.runs.setup import MAX_TOKENS, Setup
from playground.runs.strategies import STRATEGIES
from playground.runs.strategies.kind import USUAL_ORDER
from playground.runs.strategies.options import Choice, Number, Option
from playground.views.notation import shorter


def schema(t: Translator) -> dict[str, Any]:
    """{"strategies": [{"name", "label", "draws", "settings": [name]}], "settings": {name: what its control needs},
    "seed", "max_new_tokens": the largest, "orders": [[label, names of processors]]}. Lists are asked for as texts."""
    settings: dict[str, Any] = {}
    strategies = []
    for kind in STRATEGIES.values():
        own = {option.name: _option(option, t) for option in kind.options}
        settings |= {name: asked for name, asked in own.items() if asked}
        lists = [name for name in kind.processors if name in LISTS]
        settings |= {name: _list(name, t) for name in lists}
        numbers = [name for name in kind.processors if name in BY_NAME]
        settings |= {name: _number(name, t) for name in numbers}
        names = [*(name for name, asked in own.items() if asked), *numbers, *lists]
        strategies.append({"name": kind.name, "label": t(kind.label), "draws": kind.draws, "settings": names,
                           "takes": list(kind.settings)})  # fmt: skip
    orders = [[t(f"dice.order.{key.replace('.', '_')}"), list(order)] for key, order in ORDERS.items()]
    return {
        "strategies": strategies, "settings": settings, "seed": MAX_SEED, "max_new_tokens": MAX_TOKENS,
        "orders": orders,
    }  # fmt: skip


def _number(name: str, t: Translator) -> dict[str, Any]:
    parameter = BY_NAME[name]
    low, high, step = parameter.slider
    return {
        "label": t(f"parameter.{name}.label"), "help": t(f"parameter.{name}.help"), "low": low, "high": high,
        "step": step, "minimum": parameter.minimum, "maximum": parameter.maximum, "start": parameter.start,
        "usual": parameter.neutral, "whole": parameter.is_whole, "sampling": parameter.sampling_only,
    }  # fmt: skip


def _list(name: str, t: Translator) -> dict[str, Any]:
    return {
        "label": t(f"parameter.{name}.label"), "help": t(f"parameter.{name}.help"), "usual": [], "written": True,
    }  # fmt: skip


def _option(option: Option, t: Translator) -> dict[str, Any] | None:
    """None where the page does not ask for it."""
    if not option.label:
        return None
    said = {"label": t(option.label), "help": t(option.help) if option.help else "", "usual": _json(option.usual)}
    if isinstance(option, Number):
        low, high, step = option.slider
        return said | {
            "low": low, "high": high, "step": step, "minimum": option.minimum, "maximum": option.maximum,
            "start": option.start, "whole": option.is_whole,
        }  # fmt: skip
    if isinstance(option, Choice):
        return said | {"choices": [[t(option.texts[name]), value] for name, value in option.choices.items()]}
    return said | {"texts": True}


def _json(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def chips(setup: Setup, same_dice: bool, t: Translator) -> list[str]:
    """The settings of a lane in a few words each: the strategy first, the dice where it has its own."""
    found = [t(setup.kind.label)]
    options = {option.name: option for option in setup.kind.options}
    for name, value in setup.settings.items():
        option = options.get(name)
        if option is None:
            found.append(_chip(t(f"parameter.{name}.short"), "" if name in LISTS else shorter(value)))
        elif isinstance(option, Choice):
            found.append(_chip(t(option.made), t(option.texts[option.shown(value)])))
        elif option.made:
            found.append(_chip(t(option.made), shorter(value) if isinstance(option, Number) else ""))
    if setup.order != USUAL_ORDER:
        name = next((key.replace(".", "_") for key, order in ORDERS.items() if order == setup.order), "own")
        found.append(_chip(t("compare.editor.order"), t(f"dice.order.{name}")))
    if setup.kind.draws and not same_dice:
        found.append(_chip(t("made.seed"), str(setup.dice)))
    return found


def _chip(name: str, value: str) -> str:
    return f"{name} {value}".strip()
