"""The page in every language: laid out once in each, with the same parts, and served as its reader asks."""

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import gradio as gr
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from playground.api import tools
from playground.i18n import DEFAULT_LANGUAGE, translator
from playground.tabs.reader import COOKIE, PARAMETER, wanted

_PAGES = ("", "config")
_read: ContextVar[str] = ContextVar("language of the page that is being served", default=DEFAULT_LANGUAGE)
# of an event, what must not depend on the language
_EVENT = (
    "targets", "inputs", "outputs", "backend_fn", "js", "queue", "api_name", "trigger_after", "trigger_mode", "cancels",
    "trigger_only_on_success", "show_progress", "types", "api_visibility",
)  # fmt: skip


def reading() -> str:
    """The language of the page that is being served. Only the page and its configuration are served in one: an event
    is answered in that of its session."""
    return _read.get()


@contextmanager
def read_in(language: str) -> Iterator[None]:
    token = _read.set(language)
    try:
        yield
    finally:
        _read.reset(token)


class Page(gr.Blocks):
    """Blocks that are served in the language of the request.

    `lay_out` puts the whole page into the Blocks around it, in a language. It is called again for every other one,
    when that is first asked for; only the words of the result are used: the parts, and what happens between them, are
    those of the page that runs.

    The page leaves out the arguments of the endpoints: Gradio counts them among the parts to be drawn, a quarter of
    all, and walks through every part twice before it draws the first. /config, which clients read, has them.
    """

    def __init__(self, lay_out: Callable[[gr.Blocks, str], None], **arguments: Any) -> None:
        self._lay_out, self._arguments = lay_out, arguments
        self._config: Any = {}
        self._words: dict[str, Mapping[str, Any]] = {}
        self._once = threading.Lock()
        super().__init__(title=translator()("page.title"), **arguments)
        with self:
            lay_out(self, DEFAULT_LANGUAGE)

    @property
    def config(self) -> Any:
        """Gradio's description of the page, in the language of whoever is being served."""
        language = reading()
        if language == DEFAULT_LANGUAGE:
            return self._config
        with self._once:
            if language not in self._words:
                self._words[language] = self._worded(language)
        return {**self._config, **self._words[language]}

    @config.setter
    def config(self, value: Any) -> None:
        self._config = value

    @property
    def mcp_server_obj(self) -> Any:
        """Gradio's server of the endpoints as tools, where there is one (--mcp): it answers in JSON."""
        return self._tools

    @mcp_server_obj.setter
    def mcp_server_obj(self, server: Any) -> None:
        if server is not None:
            tools.in_json(server)
        self._tools = server

    def get_config_file(self) -> Any:
        config: Any = super().get_config_file()
        arguments = {part["id"] for part in config["components"] if part["type"] == "api"}
        for page in config["page"].values():
            page["components"] = [number for number in page["components"] if number not in arguments]
            children = [child for child in page["layout"]["children"] if child["id"] not in arguments]
            page["layout"] = page["layout"] | {"children": children}
        return config

    def _worded(self, language: str) -> Mapping[str, Any]:
        """Title and parts as they read in a language. Raises RuntimeError if they are not the same parts."""

        async def laid_out() -> Any:  # in a running loop: outside of one Gradio makes many, and closes none
            other = gr.Blocks(title=translator(language)("page.title"), **self._arguments)
            with other:
                self._lay_out(other, language)
            return other.get_config_file()

        found = asyncio.run(laid_out())
        if _skeleton(found) != _skeleton(self._config):
            raise RuntimeError(f"The page has other parts in {language!r} than in {DEFAULT_LANGUAGE!r}.")
        numbers = [part["id"] for part in self._config["components"]]
        parts = [part | {"id": number} for part, number in zip(found["components"], numbers, strict=True)]
        return {"components": parts, "title": found["title"]}


def _skeleton(config: Any) -> Any:
    """What must not depend on the language: the parts, how they lie, and which of them an event reads and writes; each
    part by its place instead of its number."""
    place = {part["id"]: i for i, part in enumerate(config["components"])} | {config["layout"]["id"]: -1}

    def placed(value: Any) -> Any:
        if isinstance(value, (list, tuple)):
            return [placed(one) for one in value]
        return place.get(value, value) if type(value) is int else value

    def laid(node: Any) -> Any:
        return place.get(node["id"]), [laid(child) for child in node.get("children") or []]

    first = min((one["id"] for one in config["dependencies"]), default=0)
    parts = [(part["type"], sorted(part["props"]), part["props"].get("elem_id")) for part in config["components"]]
    events = [
        {name: placed(one.get(name)) for name in _EVENT if name not in ("trigger_after", "cancels")}
        | {"after": None if one.get("trigger_after") is None else one["trigger_after"] - first}
        for one in config["dependencies"]
    ]
    return parts, laid(config["layout"]), events


class InTheReadersLanguage:
    """Answers a request for the page, or for its configuration, in the language that the reader wants. What is asked
    for by `lang` is remembered: the page's own requests need not say so again."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "").removeprefix(scope.get("root_path", "")).strip("/")
        if scope["type"] != "http" or path not in _PAGES:
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        language = wanted(request)

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=message["headers"])
                headers.add_vary_header("Accept-Language, Cookie, Referer")
                if request.query_params.get(PARAMETER) and request.cookies.get(COOKIE) != language:
                    headers.append("set-cookie", f"{COOKIE}={language}; Path=/; Max-Age=31536000; SameSite=Lax")
            await send(message)

        with read_in(language):
            await self._app(scope, receive, told)
