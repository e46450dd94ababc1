"""The endpoints as tools of the Model Context Protocol (--mcp): what they are told by, and how they answer."""

import inspect
import json
from collections.abc import Callable
from typing import Any

LAST = "As a tool of MCP it answers once: the last of these answers alone."
_ARGUMENTS = "Args:"


def described(function: Callable[..., Any]) -> str:
    """The documentation of an endpoint; that of one that streams says what a tool, which answers once, answers."""
    text = inspect.getdoc(function) or ""
    if not inspect.isgeneratorfunction(function):
        return text
    head, mark, arguments = text.partition(_ARGUMENTS)
    return f"{head.rstrip()}\n\n{LAST}\n\n{mark}{arguments}"


def in_json(server: Any) -> None:
    """Have Gradio's MCP server answer in JSON, as the endpoints do elsewhere: by itself it writes Python's repr (None,
    True, single quotes). Of this server alone; nothing of Gradio is changed."""
    plain = server.postprocess_output_data

    def told(data: Any, root_url: str) -> Any:
        return plain([json.dumps(answer, ensure_ascii=False) for answer in data], root_url)

    server.postprocess_output_data = told
