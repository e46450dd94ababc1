"""The QR code of a link: SVG while it fits, a word on it where it does not."""

from xml.etree import ElementTree

import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from playground.tabs import qr


@pytest.fixture
def client() -> TestClient:
    return TestClient(Starlette(routes=[Route(f"/{qr.PATH}", qr.answer)]))


def test_a_link_becomes_a_picture_with_quiet_around_it(client: TestClient) -> None:
    pytest.importorskip("segno")
    answer = client.get(f"/{qr.PATH}", params={"text": "http://127.0.0.1/?prompt=束搜索&seed=3"})
    root = ElementTree.fromstring(answer.content)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/svg+xml")
    assert root.attrib["width"] == root.attrib["height"]
    assert client.get(f"/{qr.PATH}", params={"text": "other"}).content != answer.content


@pytest.mark.parametrize("text", ["", "a" * (qr.LONGEST + 1)])
def test_what_does_not_fit_is_refused(client: TestClient, text: str) -> None:
    pytest.importorskip("segno")
    assert client.get(f"/{qr.PATH}", params={"text": text}).status_code == 413
