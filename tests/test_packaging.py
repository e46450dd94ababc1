"""The wheel: it holds everything that the page needs, asks for what requirements.txt does, and starts on its own."""

import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from importlib.metadata import PathDistribution
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from playground import settings

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ("playground", "assets", "pyproject.toml", "setup.py", "requirements.txt", "LICENSE")
LEFT_OUT = {"pictures", "curve.png"}  # what README and the cards of the models show


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built by the hook that pip calls, from a copy: it leaves folders behind."""
    copy, target = tmp_path_factory.mktemp("checkout"), tmp_path_factory.mktemp("wheel")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, copy / name)
    (copy / "playground" / "components" / "knob.pyi").write_text("# as Gradio writes it\n")
    script = f"from setuptools import build_meta; build_meta.build_wheel({str(target)!r})"
    done = subprocess.run([sys.executable, "-c", script], cwd=copy, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    (built,) = target.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that stands in for site-packages."""
    folder = tmp_path_factory.mktemp("site-packages")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def files(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if path.is_file() and path.suffix != ".pyi" and not {"__pycache__", *LEFT_OUT} & set(parts):
            yield path.relative_to(folder).as_posix(), path.read_bytes()


def test_the_wheel_holds_the_package_and_the_assets_and_nothing_else(installed: Path) -> None:
    program = {f"playground/{name}": content for name, content in files(ROOT / "playground")}
    assets = {f"playground/assets/{name}": content for name, content in files(ROOT / "assets")}
    assert len(program) > 150 and "playground/assets/models/storyteller/config.json" in assets
    held = dict(one for one in files(installed) if ".dist-info/" not in one[0])
    assert set(held) == set(program) | set(assets)
    assert held == program | assets


def test_it_asks_for_what_requirements_txt_does_and_brings_the_command(installed: Path) -> None:
    (info,) = installed.glob("*.dist-info")
    distribution = PathDistribution(info)
    lines = (re.sub(r"\s+#.*", "", line) for line in (ROOT / "requirements.txt").read_text().splitlines())
    asked = [Requirement(line) for line in distribution.requires or []]
    needed = {one for one in asked if one.marker is None or one.marker.evaluate({"extra": ""})}
    assert needed == {Requirement(line) for line in lines if line}
    assert {one.name for one in asked if one not in needed} == {"gguf", "accelerate", "gradio"}  # [gguf], [mcp]
    (command,) = distribution.entry_points.select(group="console_scripts")
    assert (command.name, command.value) == ("decoding-playground", "playground.__main__:main")
    assert distribution.metadata["License-Expression"] == "Apache-2.0"


def surroundings(installed: Path) -> dict[str, str]:
    """An environment in which the package is the installed one, whatever folder a program is started in."""
    return {**os.environ, "PYTHONPATH": str(installed), "PYTHONSAFEPATH": "1", "HF_HUB_OFFLINE": "1"}


def test_help_says_what_the_command_is_called(installed: Path, tmp_path: Path) -> None:
    script = "from playground.__main__ import main; main()"
    for start, name in ((("-m", "playground"), "python -m playground"), (("-c", script), "decoding-playground")):
        done = subprocess.run(
            [sys.executable, *start, "--help"], cwd=tmp_path, env=surroundings(installed), capture_output=True,
            text=True, timeout=200,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith(f"usage: {name} ") and "--public" in done.stdout


def test_it_starts_from_the_wheel_alone(installed: Path, tmp_path: Path) -> None:
    """In an empty folder, with the storyteller that the wheel brought, until the page and its files are answered."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url, log = f"http://127.0.0.1:{port}", tmp_path / "log"
    with log.open("w") as told:
        server = subprocess.Popen(
            [sys.executable, "-m", "playground", "--port", str(port)], cwd=tmp_path, env=surroundings(installed),
            stdout=told, stderr=told,
        )  # fmt: skip
    try:
        page = answered(url, server, log)
        served = re.findall(r"(?:src|href)=\"([^\"]*live[^\"]*\.js|[^\"]*style[^\"]*\.css)[^\"]*\"", page)
        assert {name.rsplit("/", 1)[-1].split("-")[0] for name in served} >= {"live", "style"}, served
        for name in served:
            with urllib.request.urlopen(f"{url}/{name.lstrip('/')}", timeout=200) as answer:
                assert len(answer.read()) > 10_000
        read = called(url, "tokenize", ["The king", "default"])  # waits for the model
        assert [token["token"] for token in read["tokens"]] == ["The", "␣king"]
        model = next(one for one in called(url, "models", []) if one["state"] == "ready")
        assert (model["name"], model["parameters"]) == ("storyteller", 6_967_296)
    finally:
        server.kill()
        server.wait()
    assert "Traceback" not in log.read_text()


def called(url: str, name: str, data: list[Any]) -> Any:
    """The answer of an endpoint."""
    asked = urllib.request.Request(
        f"{url}/gradio_api/call/{name}", json.dumps({"data": data}).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(asked, timeout=200) as answer:
        event = json.load(answer)["event_id"]
    with urllib.request.urlopen(f"{url}/gradio_api/call/{name}/{event}", timeout=200) as answer:
        lines = answer.read().decode().splitlines()
    return json.loads(next(line for line in lines if line.startswith("data: ")).removeprefix("data: "))[0]


def answered(url: str, server: "subprocess.Popen[bytes]", log: Path) -> str:
    """The page, once it is served. Fails when the server has ended."""
    while server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=200) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError:
            raise
        except (OSError, http.client.HTTPException):  # nobody there yet, or whoever had the port before is just leaving
            time.sleep(0.1)
    raise AssertionError(log.read_text())


def test_a_model_that_lies_in_site_packages_is_named_so_that_a_script_finds_it(installed: Path, tmp_path: Path) -> None:
    script = (
        "from playground.settings import Settings\n"
        "print(Settings().public_model, Settings(public=True).public_model, Settings('gpt2').public_model)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=surroundings(installed), capture_output=True, text=True,
        timeout=200, check=True,
    )  # fmt: skip
    at_home, in_public, another = done.stdout.split()
    assert Path(at_home).is_dir() and Path(at_home).resolve().is_relative_to(installed.resolve())
    assert (in_public, another) == ("assets/models/storyteller", "gpt2")
    assert not settings.IS_INSTALLED  # but here, in a checkout
