"""What opening the page costs: a small page, files that are kept, and its text before the work for its charts."""

import json
import re
from typing import Any

import httpx
from playwright.sync_api import Browser, expect

App = Any  # of conftest.py
KIB = 1024

# The first moment at which a token of the text is in the page.
AT_THE_TEXT = """
new MutationObserver((_, observer) => {
  if (!document.querySelector("#strip .token")) return;
  observer.disconnect();
  window.atTheText = { hasPlotly: "Plotly" in window, components: window.gradio_config.components };
}).observe(document, { subtree: true, childList: true });
"""


def test_the_page_is_small_and_what_it_loads_of_ours_is_kept(app: App) -> None:
    page = httpx.get(app.url, headers={"accept-encoding": "gzip"})
    assert page.headers["content-encoding"] == "gzip"
    assert page.num_bytes_downloaded < 100 * KIB
    assert "window.livePage =" not in page.text  # our script is not in the page itself
    addresses = re.findall(r"page/[a-z]+-[0-9a-f]{16}\.(?:js|css)", page.text)
    assert len(set(addresses)) == 3
    for address in set(addresses):
        file = httpx.get(f"{app.url}/{address}", headers={"accept-encoding": "gzip"})
        assert file.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert file.headers["content-encoding"] == "gzip"


def test_events_come_as_they_are_sent(app: App) -> None:
    body = {"data": ["The fox", True, 1.0, 0, 1.0, 0.0, 1.0, 1.0, 0, 0, 3]}
    number = httpx.post(f"{app.url}/gradio_api/call/generate", json=body).json()["event_id"]
    with httpx.stream(
        "GET", f"{app.url}/gradio_api/call/generate/{number}", headers={"accept-encoding": "gzip"}, timeout=60
    ) as events:
        assert events.headers["content-type"].startswith("text/event-stream")
        assert "content-encoding" not in events.headers
        assert "event:" in "".join(events.iter_text())


def test_the_text_is_there_before_plotly_is_run_and_without_the_arguments_of_endpoints(
    chromium: Browser, app: App
) -> None:
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")  # nothing plays
    page = context.new_page()
    page.add_init_script(AT_THE_TEXT)
    page.goto(app.url)
    expect(page.locator("#strip .token").first).to_be_visible()
    found = page.evaluate("() => window.atTheText")
    assert not found["hasPlotly"]
    assert not [part["id"] for part in found["components"] if part["type"] == "api"]
    expect(page.locator("#chart-cutoffs .main-svg").first).to_be_visible()  # and then it is
    context.close()


def test_clients_and_the_description_of_the_endpoints_still_have_the_arguments(chromium: Browser, app: App) -> None:
    config = httpx.get(f"{app.url}/config").json()
    assert any(part["type"] == "api" for part in config["components"])
    context = chromium.new_context()
    page = context.new_page()
    page.goto(app.url)
    page.get_by_role("button", name="Use via API").click()
    for name in ("/next_token", "/generate", "/beam_search", "/tokenize"):
        expect(page.get_by_text(name, exact=True).first).to_be_attached()
    expect(page.get_by_text("do_sample").first).to_be_attached()
    assert "do_sample" in json.dumps(httpx.get(f"{app.url}/gradio_api/info").json())
    context.close()
