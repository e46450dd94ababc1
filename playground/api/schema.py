"""The settings of the catalogue as arguments of an endpoint: signature and documentation made from the one source.

The schema is one for all who read it, so it is in English, as the answers are (outright.english)."""

import inspect
from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from typing import Any

from playground.api.outright import english
from playground.catalog import PARAMETERS, Parameter
from playground.lists import LISTS
from playground.runs.strategies import StrategyKind
from playground.runs.strategies.options import Option

# The arguments that came first, in their old places: a program may give them without names.
_FIRST = ("temperature", "top_k", "top_p", "min_p", "typical_p", "repetition_penalty", "no_repeat_ngram_size")


def with_settings(
    function: Callable[..., Any], at: int, options: Iterable[Option] = ()
) -> Callable[..., Any]:  # fmt: skip
    """`function` with every setting of the catalogue as an argument of its own, the first seven from place `at` on, the
    others at the end, then what the function takes by name only, and last the options. The function gets settings and
    options as one dict, `values`.

    gradio reads signature, annotations and docstring, and so does whoever asks for the schema.
    """
    given = [p for name, p in inspect.signature(function).parameters.items() if name != "values"]
    own = [p for p in given if p.kind is not inspect.Parameter.KEYWORD_ONLY]
    last = [p.replace(kind=inspect.Parameter.POSITIONAL_OR_KEYWORD) for p in given if p not in own]
    settings = {p.name: _number(p) for p in PARAMETERS} | {name: _list(name) for name in LISTS}
    more = {option.name: _option(option) for option in options}
    later = [parameter for name, parameter in settings.items() if name not in _FIRST]
    parameters = [*own[:at], *(settings[name] for name in _FIRST), *own[at:], *later, *last, *more.values()]
    returns = function.__annotations__.get("return")
    signature = inspect.Signature(parameters, return_annotation=returns)

    def arguments(*args: Any, **kwargs: Any) -> dict[str, Any]:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        values = {name: bound.arguments.pop(name) for name in (*settings, *more)}
        return {**bound.arguments, "values": values}

    @wraps(function)
    def streaming(*args: Any, **kwargs: Any) -> Iterator[Any]:
        yield from function(**arguments(*args, **kwargs))

    @wraps(function)
    def answering(*args: Any, **kwargs: Any) -> Any:
        return function(**arguments(*args, **kwargs))

    accepting: Callable[..., Any] = streaming if inspect.isgeneratorfunction(function) else answering
    accepting.__signature__ = signature  # type: ignore[attr-defined]
    accepting.__annotations__ = {p.name: p.annotation for p in parameters} | {"return": returns}
    accepting.__doc__ = _documented(inspect.getdoc(function) or "", settings, options)
    return accepting


def with_options(function: Callable[..., Any], kinds: Iterable[StrategyKind]) -> Callable[..., Any]:
    """`function` with the options of these strategies that it does not name itself as arguments of its own, at the end.
    It gets them as one dict, `further`."""
    named = [p for name, p in inspect.signature(function).parameters.items() if name != "further"]
    known = {p.name for p in named}
    more = {option.name: option for kind in kinds for option in kind.options if option.name not in known}
    parameters = [*named, *map(_option, more.values())]
    returns = function.__annotations__.get("return")
    signature = inspect.Signature(parameters, return_annotation=returns)

    @wraps(function)
    def streaming(*args: Any, **kwargs: Any) -> Iterator[Any]:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        further = {name: bound.arguments.pop(name) for name in more}
        yield from function(**bound.arguments, further=further)

    streaming.__signature__ = signature  # type: ignore[attr-defined]
    streaming.__annotations__ = {p.name: p.annotation for p in parameters} | {"return": returns}
    streaming.__doc__ = "\n".join([inspect.getdoc(function) or "", *_described(more.values())])
    return streaming


def _number(parameter: Parameter) -> inspect.Parameter:
    kind: type = int if parameter.is_whole else float
    return inspect.Parameter(
        parameter.name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=kind(parameter.neutral), annotation=kind
    )


def _option(option: Option) -> inspect.Parameter:
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    return inspect.Parameter(option.name, kind, default=option.usual, annotation=option.json_type)


def _described(options: Iterable[Option]) -> list[str]:
    t = english()
    return [f"    {option.name}: {t(option.help or option.label)}" for option in options]


def _list(name: str) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None, annotation=list)


def _documented(head: str, settings: dict[str, inspect.Parameter], options: Iterable[Option]) -> str:
    t = english()
    lines = [head]
    for parameter in PARAMETERS:
        meaning = t("parameter.argument_usual") if parameter.belongs_to else t("parameter.argument_off")
        text = t(
            "parameter.argument", help=t(f"parameter.{parameter.name}.help"), minimum=parameter.minimum,
            maximum=parameter.maximum, neutral=parameter.neutral, neutral_means=meaning,
        )  # fmt: skip
        lines.append(f"    {parameter.name}: {text}")
    lines += [f"    {name}: {t(f'parameter.{name}.help')}" for name in settings if name in LISTS]
    return "\n".join([*lines, *_described(options)])
