"""A plain Firefox driven over WebDriver BiDi: as much of the protocol as a smoke test needs.

Playwright drives only a Firefox of its own make; Debian's has no geckodriver, but speaks the protocol itself.
Source: https://www.w3.org/TR/webdriver-bidi/
"""

import base64
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

_PREFERENCES = {
    "app.update.disabledForTesting": "true", "browser.shell.checkDefaultBrowser": "false",
    "datareporting.policy.dataSubmissionEnabled": "false", "network.captive-portal-service.enabled": "false",
    "network.connectivity-service.enabled": "false", "toolkit.telemetry.reportingpolicy.firstRun": "false",
    "browser.startup.page": "0",
}  # fmt: skip
_START = 60.0  # seconds until it listens


class FirefoxMissing(Exception):
    """There is no Firefox; the message says how to get one."""


class Firefox:
    """One tab.

    Attributes:
        errors: what the page complained of since it began: uncaught errors, console.error.
    """

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._number = 0
        self.errors: list[str] = []
        self.send("session.new", capabilities={})
        self.send("session.subscribe", events=["log.entryAdded"])
        self._context = self.send("browsingContext.getTree")["contexts"][0]["context"]

    def send(self, method: str, timeout: float = 60, **parameters: Any) -> dict[str, Any]:
        """The answer to a command; what is told in the meantime is noted. Raises RuntimeError, TimeoutError."""
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        end = time.monotonic() + timeout
        while True:
            message = json.loads(self._socket.recv(timeout=max(0.1, end - time.monotonic())))
            if message["type"] == "event":
                self._note(message)
            elif message.get("id") == self._number:
                if message["type"] == "error":
                    raise RuntimeError(f"{method}: {message['error']}: {message['message']}")
                return dict(message["result"])

    def _note(self, event: dict[str, Any]) -> None:
        entry = event["params"]
        if event["method"] == "log.entryAdded" and entry["level"] == "error":
            self.errors.append(str(entry.get("text")))

    def open(self, url: str, width: int = 1440, height: int = 900) -> None:
        self.send("browsingContext.setViewport", context=self._context, viewport={"width": width, "height": height})
        self.send("browsingContext.navigate", context=self._context, url=url, wait="complete")

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression: text, a number, true or false, null. Raises RuntimeError."""
        answer = self.send(
            "script.evaluate", expression=expression, target={"context": self._context}, awaitPromise=True
        )
        if answer["type"] == "exception":
            raise RuntimeError(answer["exceptionDetails"]["text"])
        return answer["result"].get("value")

    def wait_for(self, condition: str, patience: float = 60) -> None:
        """Until the JavaScript condition holds. Raises TimeoutError."""
        end = time.monotonic() + patience
        while not self.evaluate(f"Boolean({condition})"):
            if time.monotonic() > end:
                raise TimeoutError(f"never came to be in Firefox: {condition}; errors: {self.errors}")
            time.sleep(0.1)

    def click(self, selector: str) -> None:
        """With the mouse, in the middle of the element. Raises RuntimeError where there is none."""
        place = json.loads(
            self.evaluate(
                f"""(() => {{
                    const element = [...document.querySelectorAll({json.dumps(selector)})].find(e => e.offsetParent);
                    element.scrollIntoView({{block: "center"}});
                    const box = element.getBoundingClientRect();
                    return JSON.stringify([box.x + box.width / 2, box.y + box.height / 2].map(Math.round));
                }})()"""
            )
        )
        moves: list[dict[str, Any]] = [
            {"type": "pointerMove", "x": place[0], "y": place[1]}, {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        ]  # fmt: skip
        mouse = {"type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"}, "actions": moves}
        self.send("input.performActions", context=self._context, actions=[mouse])

    def picture(self) -> bytes:
        """A PNG of what is on screen."""
        return base64.b64decode(self.send("browsingContext.captureScreenshot", context=self._context)["data"])


@contextmanager
def firefox() -> Iterator[Firefox]:
    """A Firefox without a window and with a profile of its own. Raises FirefoxMissing, TimeoutError."""
    path = os.environ.get("FIREFOX") or shutil.which("firefox-esr") or shutil.which("firefox")
    if not path:
        raise FirefoxMissing(
            "This test needs Firefox: apt-get install firefox-esr (or name it in the variable FIREFOX)."
        )
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        lines = "".join(f'user_pref("{name}", {value});\n' for name, value in _PREFERENCES.items())
        Path(profile, "user.js").write_text(lines, encoding="utf-8")
        log = Path(profile, "stderr")
        with log.open("wb") as stderr:
            browser = subprocess.Popen(
                [path, "--headless", "--no-remote", "--profile", profile, "--remote-debugging-port", "0"],
                stdout=subprocess.DEVNULL, stderr=stderr, env=os.environ | {"HOME": profile, "MOZ_HEADLESS": "1"},
            )  # fmt: skip
        try:
            with connect(f"{_address(browser, log)}/session", max_size=None, open_timeout=30) as socket:
                yield Firefox(socket)
        finally:
            browser.terminate()
            browser.wait(timeout=30)


def _address(browser: "subprocess.Popen[bytes]", log: Path) -> str:
    """Where it says that it listens."""
    end = time.monotonic() + _START
    while time.monotonic() < end and browser.poll() is None:
        found = re.search(r"WebDriver BiDi listening on (ws://\S+)", log.read_text(errors="replace"))
        if found:
            return found[1]
        time.sleep(0.1)
    raise TimeoutError(f"Firefox did not listen within {_START:.0f} s: {log.read_text(errors='replace')[-500:]}")
