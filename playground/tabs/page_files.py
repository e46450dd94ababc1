"""What the page loads of ours: one script, one style sheet, plotly.js; each under a name that changes with its content.

A browser may keep such a file for a year. Gradio would put script and style sheet into the page itself, and sends
that uncompressed: so they, and the page, go through here.
"""

import gzip
import hashlib
import re
from collections.abc import Callable
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from playground.i18n import Translator, languages, translator
from playground.panels.figures import theme
from playground.settings import ASSETS
from playground.tabs import qr
from playground.tabs.page_languages import InTheReadersLanguage, reading

FOLDER = "page"
_FOREVER = "public, max-age=31536000, immutable"
_GRADIO_STARTS = b'<script type="module"'
_HTML_TAG = re.compile(rb'(<html\s[^>]*?lang=")[^"]*(")')


class PageFile:
    """A text file, compressed once. `name` holds a digest of its content: other content has another address."""

    def __init__(self, stem: str, suffix: str, content: bytes) -> None:
        self.content = content
        self.name = f"{stem}-{hashlib.sha256(content).hexdigest()[:16]}.{suffix}"
        self.media_type = {"js": "text/javascript", "css": "text/css"}[suffix]

    @property
    def address(self) -> str:
        """Relative to the page, so that it holds behind a proxy's prefix too."""
        return f"{FOLDER}/{self.name}"

    @cached_property
    def compressed(self) -> bytes:
        return gzip.compress(self.content, 6, mtime=0)

    def answer(self, request: Request) -> Response:
        is_compressed = "gzip" in request.headers.get("accept-encoding", "")
        headers = {"cache-control": _FOREVER, "vary": "Accept-Encoding"}
        if is_compressed:
            headers["content-encoding"] = "gzip"
        return Response(self.compressed if is_compressed else self.content, 200, headers, self.media_type)


def script(*more: str) -> PageFile:
    """assets/live.js, then the other live_*.js, then what else is given."""
    files = (ASSETS / "live.js", *sorted(ASSETS.glob("live_*.js")))
    return PageFile("live", "js", "\n".join([path.read_text(encoding="utf-8") for path in files] + [*more]).encode())


def style_sheet(*more: str) -> PageFile:
    """The palette, then style.css, then a file a tab, then what else is given; all of it twice, as Gradio's `css`.

    The second time as the inside of a rule of high specificity: Gradio's own rules, many of two or three classes,
    would win otherwise. The first time for what can't stand inside a rule: the root's variables, @keyframes.
    """
    files = (ASSETS / "style.css", *sorted(ASSETS.glob("style_*.css")))
    rules = theme.style_sheet() + "\n".join([path.read_text(encoding="utf-8") for path in files] + [*more])
    return PageFile("style", "css", f"{rules}\n:root:root:root {{\n{rules}\n}}\n".encode())


def plotly(path: Path) -> PageFile:
    return PageFile("plotly", "js", path.read_bytes())


def app_arguments(
    script: PageFile, style_sheet: PageFile, plotly: PageFile, describe: Callable[[Translator], str]
) -> dict[str, Any]:  # fmt: skip
    """What the FastAPI app is made with, so that it serves these files and names them in the page's head, and the page
    in the language of its reader; `describe` says what it is, in one line.

    plotly.js is fetched at once, but run when the page has shown its text (assets/live.js): it takes half a second.
    """
    tags = (
        f'<link rel="stylesheet" href="{style_sheet.address}">'
        f'<script defer src="{script.address}" data-plotly="{plotly.address}"></script>'
        f'<link rel="preload" as="script" fetchpriority="low" href="{plotly.address}">'
    )
    files = {file.name: file for file in (script, style_sheet, plotly)}

    def serve(request: Request) -> Response:
        file = files.get(request.path_params["name"])
        if file is None:
            raise HTTPException(404)
        return file.answer(request)

    return {
        "routes": [Route(f"/{FOLDER}/{{name}}", serve), Route(f"/{qr.PATH}", qr.answer)],
        "middleware": [
            Middleware(InTheReadersLanguage),
            Middleware(CompressedPage),
            Middleware(TagsInHead, tags=tags, describe=describe),
        ],
    }


class CompressedPage:
    """Gzip for what has no file's name: the page, its configuration. Files are compressed by Gradio or above.

    Streams of events (text/event-stream) are left alone by Starlette: they would wait for more to compress.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._plain = app
        self._compressed = GZipMiddleware(app, compresslevel=6)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        has_name = "." in scope.get("path", "").rsplit("/", 1)[-1]
        await (self._plain if has_name else self._compressed)(scope, receive, send)


class TagsInHead:
    """Puts tags into the head of Gradio's page, before its own script: through Gradio's `head` they would come after
    it has started, one after the other."""

    def __init__(self, app: ASGIApp, tags: str, describe: Callable[[Translator], str]) -> None:
        self._app = app
        self._tags = tags
        self._describe = describe

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].rstrip("/") != scope.get("root_path", "").rstrip("/"):
            await self._app(scope, receive, send)
            return
        start: Message = {}
        parts: list[bytes] = []

        async def gather(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
                return
            parts.append(message.get("body", b""))
            if not message.get("more_body", False):
                await self._finish(start, b"".join(parts), send)

        await self._app(scope, receive, gather)

    async def _finish(self, start: Message, body: bytes, send: Send) -> None:
        if Headers(raw=start["headers"]).get("content-type", "").startswith("text/html"):
            if _GRADIO_STARTS not in body:
                raise RuntimeError("Gradio's page does not start its script as it did: nowhere to put ours before it.")
            described = f'<meta name="description" content="{escape(self._describe(translator(reading())))}">'
            body = body.replace(_GRADIO_STARTS, f"{described}{self._tags}".encode() + _GRADIO_STARTS, 1)
            body = _HTML_TAG.sub(rf'\g<1>{reading()}\g<2> data-languages="{len(languages())}"'.encode(), body, count=1)
            MutableHeaders(raw=start["headers"])["content-length"] = str(len(body))
        await send(start)
        await send({"type": "http.response.body", "body": body})
