"""Models of the Hub, fetched by the real client from a small Hub on this machine: progress, breaks, refusals."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants
from safetensors.torch import load, save

from playground import settings
from playground.engines.huggingface import hub as hubs
from playground.engines.huggingface.hub import Hub, size
from playground.engines.loading import CalledOffError, ModelSlot, Progress
from playground.errors import ModelUnavailableError
from tests.engines.hub_server import FakeHub, Repository, served

NAME = "somebody/tales"
WEIGHTS = "model.safetensors"


def _in_one_file() -> dict[str, bytes]:
    """The storyteller as most models lie there: its weights in one file."""
    files = {path.name: path.read_bytes() for path in settings.DEFAULT_MODEL.iterdir() if path.is_file()}
    parts = [load(files.pop(name)) for name in list(files) if name.endswith(".safetensors")]
    files.pop(hubs.INDEX)
    return {**files, WEIGHTS: save({key: tensor for part in parts for key, tensor in part.items()}, {"format": "pt"})}


FILES = _in_one_file()


@pytest.fixture
def there() -> Iterator[FakeHub]:
    """The Hub, with the storyteller on it as it is fetched by everybody else."""
    with served() as hub:
        hub.repositories[NAME] = Repository()
        hub.repositories[NAME].commit(FILES)
        yield hub


@pytest.fixture
def here(there: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)  # as all other tests are
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)  # as playground.__main__ has it
    return Hub(endpoint=there.url, cache=str(tmp_path / "cache"))


class Told(Progress):
    """Keeps what it was told on the way."""

    def __init__(self) -> None:
        self.heard: list[int] = []
        super().__init__()

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name == "done":
            self.heard.append(value)


def why(hub: Hub, name: str = NAME, revision: str | None = None) -> str:
    with pytest.raises(ModelUnavailableError) as raised:
        hub.fetch(name, revision, Progress())
    return str(raised.value)


def test_a_model_comes_whole_with_its_bytes_counted_and_loads(there: FakeHub, here: Hub) -> None:
    progress = Told()
    folder = here.fetch(NAME, None, progress)
    assert (folder / WEIGHTS).read_bytes() == FILES[WEIGHTS]
    wanted = sum(len(FILES[name]) for name in FILES if (folder / name).exists())
    assert progress.done == progress.total == wanted and progress.heard == sorted(progress.heard)
    assert len(progress.heard) > 4 and progress.takes
    slot = ModelSlot(NAME, "tales", prepare=lambda: None, fetch=lambda progress: here.fetch(NAME, None, progress))
    backend = slot.get()
    assert backend.info.name == "tales" and backend.info.licence == "apache-2.0"
    assert len(there.of("GET", WEIGHTS)) == 1  # the second time nothing was fetched


def test_a_line_that_breaks_in_the_middle_is_taken_up_where_it_broke(there: FakeHub, here: Hub) -> None:
    assert len(FILES[WEIGHTS]) > 12 * 2**20
    there.breaks = [12 * 2**20]  # the client takes ten megabytes at a time
    progress = Told()
    folder = here.fetch(NAME, None, progress)
    assert (folder / WEIGHTS).read_bytes() == FILES[WEIGHTS] and progress.done == progress.total
    first, second = there.of("GET", WEIGHTS)
    assert f"bytes={constants.DOWNLOAD_CHUNK_SIZE}-" in second and "bytes=" not in first


def test_a_slow_line_tells_how_far_it_is_and_is_left_when_it_is_called_off(
    there: FakeHub, here: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 256 * 1024)  # of ten megabytes
    there.rate = 3e6
    slot = ModelSlot(NAME, "tales", prepare=lambda: None, fetch=lambda progress: here.fetch(NAME, None, progress))
    progress = slot.start().progress
    deadline = time.monotonic() + 60
    while not (0.05 < progress.done / max(1, progress.total) < 0.9):
        assert time.monotonic() < deadline and slot.state == "loading", slot.failure
        time.sleep(0.02)
    slot.call_off()
    done = progress.done
    with pytest.raises(CalledOffError):
        progress.go_on()
    assert slot.state == "absent"
    time.sleep(0.5)
    assert progress.done - done <= 2 * 256 * 1024 and progress.done < progress.total
    assert here.kept(NAME) is None
    there.rate = 0
    assert slot.get().info.name == "tales"


def test_a_revision_is_the_one_that_is_named(there: FakeHub, here: Hub) -> None:
    repository = there.repositories[NAME]
    old = repository.refs["main"]
    repository.refs["v1"] = old
    new = repository.commit({**FILES, "README.md": b"---\nlicense: mit\n---\n"})
    assert here.fetch(NAME, None, Progress()).name == new
    assert [here.fetch(NAME, named, Progress()).name for named in ("v1", old, old[:7])] == [old, old, old]
    assert "revision v2" in why(here, revision="v2")


def test_what_is_here_is_taken_without_a_network(there: FakeHub, here: Hub) -> None:
    folder = here.fetch(NAME, None, Progress())
    nowhere = Hub(endpoint="http://127.0.0.1:9", cache=here.cache)
    assert nowhere.fetch(NAME, None, Progress()) == nowhere.fetch(NAME, folder.name, Progress()) == folder
    assert "http://127.0.0.1:9 can't be reached" in why(nowhere, "somebody/else")
    assert "can't be reached" in why(nowhere, revision="v1")
    (folder / WEIGHTS).unlink()
    assert "can't be reached" in why(nowhere)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"status": 404, "error": "RepoNotFound"}, "no such repository"),
        ({"status": 401, "error": "GatedRepo"}, "agreed to their terms"),
        ({"file_status": 403, "error": "GatedRepo"}, "agreed to their terms"),
        ({"status": 403}, "does not let this machine's token in"),
        ({"status": 500}, "status 500"),
    ],
)
def test_what_the_hub_refuses_is_said_and_nothing_is_fetched(
    there: FakeHub, here: Hub, changes: dict[str, Any], words: str
) -> None:
    for name, value in changes.items():
        setattr(there.repositories[NAME], name, value)
    assert words in why(here)
    assert there.of("GET", WEIGHTS) == []


def test_a_name_that_nobody_has_and_one_that_is_none(here: Hub) -> None:
    assert "no such repository" in why(here, "somebody/nothing")
    assert "neither a folder nor an id" in why(here, "a b/c d")


def test_pickled_weights_alone_are_refused_and_why(there: FakeHub, here: Hub) -> None:
    files = {name: content for name, content in FILES.items() if name != WEIGHTS}
    there.repositories[NAME].commit({**files, "pytorch_model.bin": b"\x80\x02}q\x00."})
    words = why(here)
    assert "pytorch_model.bin" in words and "program" in words and "safetensors" in words
    assert there.of("GET", ".bin") == []
    index = {"weight_map": {"a": "pytorch_model.bin"}}
    there.repositories[NAME].commit(
        {**files, "pytorch_model.bin": b"", "model.safetensors.index.json": json.dumps(index).encode()}
    )
    assert "pickle" in why(here) and there.of("GET", ".bin") == []  # an index of safetensors that names none


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"config.json": b"{}"}, "no weights"),
        ({"model.gguf": b""}, "GGUF"),
        ({"adapter_config.json": b"{}"}, "adapter"),
        ({"README.md": b""}, "no config.json"),
        ({"config.json": b'{"is_encoder_decoder": true, "architectures": ["T5"]}', WEIGHTS: b""}, "(T5)"),
        ({"config.json": b"<html>", WEIGHTS: b""}, "did not come whole"),
    ],
)
def test_what_is_no_model_is_refused(there: FakeHub, here: Hub, files: dict[str, bytes], words: str) -> None:
    there.repositories[NAME].commit(files)
    assert words in why(here)
    assert there.of("GET", WEIGHTS) == []


def test_one_that_is_too_large_is_refused_before_its_weights_are_fetched(
    there: FakeHub, here: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = Hub(most=10**7, endpoint=here.endpoint, cache=here.cache)
    assert "10 MB" in why(small) and "--memory" in why(small)
    there.repositories[NAME].tells_parameters = 10**9  # as the Hub counts them
    assert "4 GB" in why(small)
    assert there.of("GET", WEIGHTS) == []
    monkeypatch.setattr(hubs.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 1000}))
    assert "1 kB are free" in why(here)


def test_what_the_weights_take_in_float32_is_read_off_their_size(there: FakeHub, here: Hub) -> None:
    """Two bytes a number in the file, four in memory."""
    config = {**json.loads(FILES["config.json"]), "dtype": "bfloat16"}
    config.pop("torch_dtype", None)
    there.repositories[NAME].commit({**FILES, "config.json": json.dumps(config).encode()})
    progress = Progress()
    here.fetch(NAME, None, progress)
    assert progress.takes == 2 * len(FILES[WEIGHTS])


def test_weights_in_several_files_come_all_and_are_whole_only_then(there: FakeHub, here: Hub) -> None:
    parts = {f"model-0000{i}-of-00002.safetensors": bytes([i]) * 1000 for i in (1, 2)}
    index = {"metadata": {"total_size": 2000}, "weight_map": {"a": min(parts), "b": max(parts)}}
    files = {name: content for name, content in FILES.items() if name != WEIGHTS}
    there.repositories[NAME].commit({**files, **parts, hubs.INDEX: json.dumps(index).encode()})
    folder = here.fetch(NAME, None, Progress())
    assert all((folder / name).read_bytes() == content for name, content in parts.items())
    assert here.kept(NAME) == folder
    (folder / min(parts)).unlink()
    assert here.kept(NAME) is None


def test_the_models_that_are_here_are_the_decoders_that_are_whole(there: FakeHub, here: Hub) -> None:
    assert list(here.models()) == []
    there.repositories["google/encoder"] = Repository()
    there.repositories["google/encoder"].commit({"config.json": b'{"architectures": ["BertModel"]}', WEIGHTS: b"w"})
    for name in (NAME, "google/encoder"):
        here.fetch(name, None, Progress())
    ((name, bytes_),) = here.models()
    assert name == NAME and bytes_ >= len(FILES[WEIGHTS])


def test_two_who_ask_at_once_get_one_model_fetched_once(there: FakeHub, here: Hub) -> None:
    slot = ModelSlot(NAME, "tales", prepare=lambda: None, fetch=lambda progress: here.fetch(NAME, None, progress))
    threads = [threading.Thread(target=slot.get) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert slot.is_ready and len(there.of("GET", WEIGHTS)) == 1


def test_the_address_in_the_environment_is_the_one_that_is_asked(there: FakeHub, tmp_path: Path) -> None:
    """HF_ENDPOINT is read when huggingface_hub is imported: a process of its own."""
    script = (
        "from playground.engines.huggingface.hub import Hub\n"
        "from playground.engines.loading import Progress\n"
        f"print(Hub().fetch({NAME!r}, None, Progress()))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120,
        env={**os.environ, "HF_ENDPOINT": there.url, "HF_HUB_OFFLINE": "0", "HF_HOME": str(tmp_path),
             "HF_HUB_DISABLE_XET": "1", "PYTHONPATH": str(Path(settings.__file__).parents[1])},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip(), WEIGHTS).read_bytes() == FILES[WEIGHTS]
    assert str(tmp_path) in done.stdout


def test_sizes_are_said_shortly() -> None:
    assert [size(n) for n in (12, 4100, 548_105_171, 999_600_000, 1_519_983_870)] == [
        "12 B", "4.1 kB", "548 MB", "1,000 MB", "1.52 GB"
    ]  # fmt: skip
