"""The argument `model` of the endpoints: which model of the shelf answers."""

import inspect
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

from playground.api.outright import marked, outright
from playground.api.tools import described
from playground.engines.loading import ModelSlot
from playground.engines.shelf import Shelf
from playground.errors import InvalidArgumentError

MODEL = "model"
HELP = """
    model: a model of the shelf by its name (/models lists them), loaded first where it is not; "" for the first one.
        Of a LoRA adapter also at another scale, from 0 to 2: "detective*0.5" is its base with half of its changes.
"""


def for_each_model(shelf: Shelf, make: Callable[[ModelSlot], Callable[..., Any]]) -> Callable[..., Any]:
    """The endpoint that `make` builds around one slot as an endpoint with an argument more, at the end: the name of the
    model, whose endpoint answers. Meanwhile that model is not dropped."""
    made: dict[int, tuple[ModelSlot, Callable[..., Any]]] = {}
    usual = make(shelf.slot())

    def of(slot: ModelSlot) -> Callable[..., Any]:
        if id(slot) not in made:
            made[id(slot)] = slot, make(slot)
        return made[id(slot)][1]

    signature = inspect.signature(usual)
    own = list(signature.parameters.values())
    argument = inspect.Parameter(MODEL, inspect.Parameter.POSITIONAL_OR_KEYWORD, default="", annotation=str)
    signature = signature.replace(parameters=[*own, argument])

    def chosen(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[ModelSlot, dict[str, Any]]:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        name = bound.arguments.pop(MODEL)
        if not isinstance(name, str):
            raise InvalidArgumentError(name=MODEL, rule="text", value=name)
        return shelf.slot(name), bound.arguments

    def streaming(*args: Any, **kwargs: Any) -> Iterator[Any]:
        slot, arguments = chosen(args, kwargs)
        with slot.using():
            yield from of(slot)(**arguments)

    def answering(*args: Any, **kwargs: Any) -> Any:
        slot, arguments = chosen(args, kwargs)
        with slot.using():
            return of(slot)(**arguments)

    function: Any = wraps(usual)(streaming if inspect.isgeneratorfunction(usual) else answering)
    function.__signature__ = signature
    function.__annotations__ = {**usual.__annotations__, MODEL: str}
    function.__doc__ = f"{described(usual)}{HELP.rstrip()}"
    return marked(outright(function))
