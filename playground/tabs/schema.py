"""The settings of the catalogue as arguments of an endpoint: signature and documentation made from the one source."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any

from playground.catalog import PARAMETERS, Parameter
from playground.i18n import translator
from playground.lists import LISTS

# The arguments that came first, in their old places: a program may give them without names.
_FIRST = ("temperature", "top_k", "top_p", "min_p", "typical_p", "repetition_penalty", "no_repeat_ngram_size")


def with_settings(function: Callable[..., Any], at: int) -> Callable[..., Any]:
    """`function` with every setting of the catalogue as an argument of its own, the first seven from place `at` on, the
    others at the end. The function itself gets them as one dict, `values`.

    gradio reads signature, annotations and docstring, and so does whoever asks for the schema.
    """
    own = [p for name, p in inspect.signature(function).parameters.items() if name != "values"]
    settings = {p.name: _number(p) for p in PARAMETERS} | {name: _list(name) for name in LISTS}
    later = [parameter for name, parameter in settings.items() if name not in _FIRST]
    parameters = [*own[:at], *(settings[name] for name in _FIRST), *own[at:], *later]
    returns = function.__annotations__.get("return")
    signature = inspect.Signature(parameters, return_annotation=returns)

    @wraps(function)
    def accepting(*args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        values = {name: bound.arguments.pop(name) for name in settings}
        return function(**bound.arguments, values=values)

    accepting.__signature__ = signature  # type: ignore[attr-defined]
    accepting.__annotations__ = {p.name: p.annotation for p in parameters} | {"return": returns}
    accepting.__doc__ = _documented(inspect.getdoc(function) or "", settings)
    return accepting


def _number(parameter: Parameter) -> inspect.Parameter:
    kind: type = int if parameter.is_whole else float
    return inspect.Parameter(
        parameter.name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=kind(parameter.neutral), annotation=kind
    )


def _list(name: str) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None, annotation=list)


def _documented(head: str, settings: dict[str, inspect.Parameter]) -> str:
    t = translator()
    lines = [head]
    for parameter in PARAMETERS:
        meaning = t("parameter.argument_usual") if parameter.belongs_to else t("parameter.argument_off")
        text = t(
            "parameter.argument", help=t(f"parameter.{parameter.name}.help"), minimum=parameter.minimum,
            maximum=parameter.maximum, neutral=parameter.neutral, neutral_means=meaning,
        )  # fmt: skip
        lines.append(f"    {parameter.name}: {text}")
    lines += [f"    {name}: {t(f'parameter.{name}.help')}" for name in settings if name in LISTS]
    return "\n".join(lines)
