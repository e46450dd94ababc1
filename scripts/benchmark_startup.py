"""Start-up: until the page answers, against the bare imports of what it stands on."""

import os
import socket
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from benchmark_report import Report, seconds

ROOT = Path(__file__).resolve().parent.parent
IMPORTS = "import gradio, torch, transformers; from transformers import AutoModelForCausalLM"
GIVEN_UP_AFTER = 120  # seconds


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def bare_imports() -> float:
    return seconds(lambda: subprocess.run([sys.executable, "-c", IMPORTS], cwd=ROOT, check=True))


def first_answer() -> float:
    """Seconds from the start of app.py until GET / answers 200."""
    port = free_port()
    start = time.perf_counter()
    app = subprocess.Popen(
        [sys.executable, "app.py", "--port", str(port)], cwd=ROOT, stdout=subprocess.DEVNULL,
        env=os.environ | {"GRADIO_ANALYTICS_ENABLED": "False"},
    )  # fmt: skip
    try:
        while time.perf_counter() - start < GIVEN_UP_AFTER and app.poll() is None:
            if _answers(f"http://127.0.0.1:{port}/"):
                return time.perf_counter() - start
            time.sleep(0.02)
        raise RuntimeError(f"app.py did not answer within {GIVEN_UP_AFTER} s, or ended")
    finally:
        app.terminate()
        app.wait()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=10) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def measure(report: Report) -> None:
    report.section("Start-up: `python app.py` until GET / answers, against the bare imports")
    if not report.is_smoke:
        bare_imports()  # the files are in the page cache for all that follow
    imports, answers = [], []
    for _ in range(1 if report.is_smoke else 3):
        imports.append(bare_imports())
        answers.append(first_answer())
    ours, theirs = statistics.median(answers), statistics.median(imports)
    note = f"{ours:.1f} s : {theirs:.1f} s; page " + ", ".join(f"{s:.1f}" for s in answers)
    report.at_most("page answers / bare imports", ours / theirs, 1.3, "×", note)
