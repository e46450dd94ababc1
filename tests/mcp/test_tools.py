"""The page with --mcp, and a real MCP client that lists its tools and calls them. Only where the extra [mcp] is."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from gradio_client import Client

from playground.api.tools import LAST

ROOT = Path(__file__).resolve().parent.parent.parent
PROMPT = "The old king said to his"
STREAMS = {"generate", "compare", "beam_search"}
pytestmark = [
    pytest.mark.mcp,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*unclosed:ResourceWarning"),
]
Found = TypeVar("Found")


@pytest.fixture(scope="module")
def page() -> Iterator[str]:
    """The address of the page, served by the program itself."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "app.py", "--mcp", "--port", str(port)]
    server = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "HF_HUB_OFFLINE": "1"})
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            assert server.poll() is None, "the program ended"
            try:
                urllib.request.urlopen(f"{address}/config", timeout=30).close()
                break
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.5)
        else:
            raise AssertionError("no page within five minutes")
        yield address
    finally:
        server.terminate()
        server.wait(30)


def in_session(address: str, ask: Callable[[Any], Awaitable[Found]]) -> Found:
    """What `ask` finds in a session of a client that has just come."""
    from mcp import ClientSession
    from mcp.client.streamable_http import streamablehttp_client

    async def session() -> Found:
        async with (
            streamablehttp_client(f"{address}/gradio_api/mcp/") as (read, write, _),
            ClientSession(read, write) as client,
        ):
            await client.initialize()
            return await ask(client)

    return asyncio.run(session())


def called(address: str, tool: str, **arguments: Any) -> Any:
    """The answer of a tool, out of its JSON."""

    async def ask(client: Any) -> Any:
        return await client.call_tool(tool, arguments)

    result = in_session(address, ask)
    assert not result.isError, result.content
    (content,) = result.content
    return json.loads(content.text)


def refused(address: str, tool: str, **arguments: Any) -> str:
    async def ask(client: Any) -> Any:
        return await client.call_tool(tool, arguments)

    result = in_session(address, ask)
    assert result.isError
    return str(result.content[0].text)


@pytest.fixture(scope="module")
def tools(page: str) -> dict[str, Any]:
    async def ask(client: Any) -> Any:
        return await client.list_tools()

    return {tool.name: tool for tool in in_session(page, ask).tools}


def test_every_endpoint_is_a_tool_and_nothing_else_is(tools: dict[str, Any], page: str) -> None:
    endpoints = Client(page, verbose=False).view_api(return_format="dict")["named_endpoints"]
    assert set(tools) == {name.lstrip("/") for name in endpoints}
    assert STREAMS | {"next_token", "tokenize", "models", "chat_template", "score_text", "attention"} <= set(tools)


def test_a_tool_of_what_streams_says_that_only_the_last_answer_comes(tools: dict[str, Any]) -> None:
    assert {name for name, tool in tools.items() if LAST in tool.description} == STREAMS


def test_every_tool_and_every_argument_is_told_of(tools: dict[str, Any]) -> None:
    for name, tool in tools.items():
        assert len(tool.description) > 30, name
        assert "Args:" not in tool.description, name
        for argument, schema in tool.inputSchema.get("properties", {}).items():
            assert schema.get("description"), (name, argument)
    assert "prompt" in tools["generate"].inputSchema["required"]
    assert "0 is off" in tools["beam_search"].inputSchema["properties"]["top_k"]["description"]


def test_a_tool_answers_what_the_endpoint_answers(page: str) -> None:
    client = Client(page, verbose=False)
    asked = {
        "next_token": {"prompt": PROMPT, "top_p": 0.9, "n": 5},
        "tokenize": {"text": "“Hé”, 诗"},
        "score_text": {"prompt": PROMPT, "text": " daughter"},
        "models": {},
    }
    for name, arguments in asked.items():
        assert called(page, name, **arguments) == client.predict(**arguments, api_name=f"/{name}"), name


def test_what_streams_answers_its_last_alone(page: str) -> None:
    asked = {"prompt": PROMPT, "seed": 3, "temperature": 0.8, "max_new_tokens": 6}
    answers = list(Client(page, verbose=False).submit(**asked, api_name="/generate"))
    assert [answer["step"] for answer in answers][-2:] == [5, 6]
    assert called(page, "generate", **asked) == answers[-1]


def test_lanes_and_beams(page: str) -> None:
    setups = [{"strategy": "greedy", "max_new_tokens": 4}, {"temperature": 0.8, "seed": 3, "max_new_tokens": 4}]
    compared = called(page, "compare", prompt=PROMPT, setups=setups)
    assert len(compared["lanes"]) == 2 and "parts_at" in compared
    found = called(page, "beam_search", prompt=PROMPT, num_beams=2, max_new_tokens=3)
    assert found["done"] is True and len(found["sequences"]) == 1


def test_another_model_of_the_shelf_is_asked_by_its_name(page: str) -> None:
    answer = called(page, "next_token", prompt="床前", n=1, model="poet")
    assert answer["vocab_size"] != called(page, "next_token", prompt="床前", n=1)["vocab_size"]


def test_an_error_names_the_argument(page: str) -> None:
    assert "temperature" in refused(page, "generate", prompt=PROMPT, temperature=-1)
    assert "nobody" in refused(page, "next_token", prompt=PROMPT, model="nobody")
