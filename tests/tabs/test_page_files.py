"""What the page loads of ours: each file once, for good, under a name of its content; the page itself compressed."""

import gzip
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from fastapi.responses import HTMLResponse, StreamingResponse

from playground.settings import ASSETS
from playground.tabs import page_files
from playground.tabs.page_files import PageFile
from tests.loops import in_a_loop

PAGE = '<html><head><script type="module" src="./gradio.js"></script></head><body>' + 900 * "word " + "</body></html>"
FILES = {
    "script": PageFile("live", "js", b"let a = 1;" * 100),
    "style_sheet": PageFile("style", "css", b"a { color: red; }" * 100),
    "plotly": PageFile("plotly", "js", b"let b = 2;" * 100),
}


@pytest.fixture
def app() -> FastAPI:
    app = FastAPI(**page_files.app_arguments(**FILES, describe=lambda t: 'what "it" is'))

    @app.get("/", response_class=HTMLResponse)
    def page() -> str:
        return PAGE

    @app.get("/config")
    def config() -> dict[str, str]:
        return {"words": 900 * "word "}

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        async def events() -> AsyncIterator[str]:
            for number in range(3):
                yield f"data: {number} {900 * 'word '}\n\n"

        return StreamingResponse(events(), media_type="text/event-stream")

    return app


def get(app: FastAPI, path: str, accepts: str = "gzip") -> tuple[httpx.Response, bytes]:
    """The answer, and its body as it was sent."""

    async def ask() -> tuple[httpx.Response, bytes]:
        async with (
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client,
            client.stream("GET", path, headers={"accept-encoding": accepts}) as answer,
        ):
            return answer, b"".join([part async for part in answer.aiter_raw()])

    return in_a_loop(ask)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("accepts", ["gzip", "identity"])
def test_a_file_is_kept_for_a_year_and_comes_compressed_to_who_can_read_that(
    app: FastAPI, name: str, accepts: str
) -> None:
    file = FILES[name]
    answer, body = get(app, f"/{file.address}", accepts)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-type"].split(";")[0] == file.media_type
    assert answer.headers.get("content-encoding", "identity") == accepts
    assert (gzip.decompress(body) if accepts == "gzip" else body) == file.content
    assert int(answer.headers["content-length"]) == len(body)


def test_other_content_has_another_address() -> None:
    first, same, other = (PageFile("live", "js", content) for content in (b"a", b"a", b"b"))
    assert first.address == same.address != other.address


def test_what_is_not_ours_is_not_there(app: FastAPI) -> None:
    assert get(app, "/page/other.js")[0].status_code == 404


@pytest.mark.parametrize("path", ["/", "/config"])
def test_the_page_and_its_configuration_are_compressed(app: FastAPI, path: str) -> None:
    answer, body = get(app, path)
    assert answer.headers["content-encoding"] == "gzip"
    assert len(body) < 1000
    assert b"word word" in gzip.decompress(body)


def test_our_files_stand_before_gradios_script(app: FastAPI) -> None:
    answer, body = get(app, "/", accepts="identity")
    assert int(answer.headers["content-length"]) == len(body)
    text = body.decode()
    assert 'content="what &quot;it&quot; is"' in text
    for file in FILES.values():
        assert 0 < text.index(file.address) < text.index('<script type="module"')


def test_a_stream_of_events_is_left_alone(app: FastAPI) -> None:
    answer, body = get(app, "/stream")
    assert "content-encoding" not in answer.headers
    assert body.count(b"data: ") == 3


def test_a_page_that_starts_in_another_way_is_an_error_and_not_a_page_without_ours() -> None:
    app = FastAPI(**page_files.app_arguments(**FILES, describe=lambda t: ""))

    @app.get("/", response_class=HTMLResponse)
    def page() -> str:
        return "<html><head></head></html>"

    with pytest.raises(RuntimeError, match="nowhere to put ours"):
        get(app, "/")


@contextmanager
def folder_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str]) -> Iterator[None]:
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    with monkeypatch.context() as patch:
        patch.setattr(page_files, "ASSETS", tmp_path)
        yield


def test_scripts_and_rules_come_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"live_b.js": "b;", "live.js": "first;", "live_a.js": "a;", "style_tab.css": ".t{}", "style.css": ".s{}"}
    with folder_of(tmp_path, monkeypatch, files):
        script, style = page_files.script("last;").content.decode(), page_files.style_sheet().content.decode()
    assert script.split() == ["first;", "a;", "b;", "last;"]
    assert re.search(r"--plot-.*\.s\{\}\s*\.t\{\}.*:root:root:root \{.*\.s\{\}\s*\.t\{\}\s*\}", style, re.DOTALL)


def test_no_style_asks_of_the_whole_page_what_lies_in_it() -> None:
    """`body:has(…)` is asked again at every change of the page: it made each token of a run four times as late."""
    asked = re.compile(r"(?:^|[\s,}])(?:html|body|:root|\.gradio-container)[^\s{,>+~]*:has\(")
    styles = {path.name: re.sub(r"/\*.*?\*/", "", path.read_text("utf-8"), flags=re.S) for path in ASSETS.glob("*.css")}
    found = {name for name, style in styles.items() if asked.search(style)}
    assert not found
