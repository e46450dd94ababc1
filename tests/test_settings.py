"""Command line before environment before defaults; what can't be is refused with a message."""

import importlib.util
import os
from pathlib import Path

import pytest

from playground.settings import DEFAULT_MODEL, Settings, machine_memory, read

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "config.json").write_text("{}")
    return tmp_path


def refused(capsys: pytest.CaptureFixture[str], arguments: list[str], environment: dict[str, str] | None = None) -> str:
    """What is printed as the program exits with status 2."""
    with pytest.raises(SystemExit) as exit_:
        read(arguments, environment or {})
    assert exit_.value.code == 2
    return capsys.readouterr().err


def test_without_anything_the_default_model_is_served_to_this_machine_only() -> None:
    settings = read([], {})
    assert settings == Settings(str(DEFAULT_MODEL), "127.0.0.1", 7860, share=False, on_space=False)
    assert settings == Settings()
    assert settings.is_default_model
    assert settings.model_name == "storyteller"


def test_the_default_model_lies_in_the_repository() -> None:
    assert DEFAULT_MODEL == ROOT / "assets" / "models" / "storyteller"
    assert (DEFAULT_MODEL / "config.json").is_file()


def test_the_default_model_is_named_to_readers_by_its_place_in_the_repository() -> None:
    assert Settings().public_model == "assets/models/storyteller"
    assert Settings("openai-community/gpt2").public_model == "openai-community/gpt2"


def test_the_command_line_says_what_to_serve_and_where() -> None:
    settings = read(["--model", "gpt2", "--host", "0.0.0.0", "--port", "8080", "--share"], {})
    assert settings == Settings("gpt2", "0.0.0.0", 8080, share=True)
    assert settings.model_name is None


def test_the_environment_comes_before_the_defaults(folder: Path) -> None:
    settings = read([], {"PLAYGROUND_MODEL": str(folder), "GRADIO_SERVER_PORT": "9000"})
    assert (settings.model, settings.port) == (str(folder), 9000)
    assert not settings.is_default_model


def test_the_command_line_comes_before_the_environment() -> None:
    environment = {"PLAYGROUND_MODEL": "gpt2-medium", "GRADIO_SERVER_PORT": "9000"}
    settings = read(["--model", "gpt2", "--port", "1"], environment)
    assert (settings.model, settings.port) == ("gpt2", 1)


def test_an_empty_variable_counts_as_unset() -> None:
    assert read([], {"PLAYGROUND_MODEL": "", "GRADIO_SERVER_PORT": "", "SPACE_ID": ""}) == Settings()


@pytest.mark.parametrize(
    ("arguments", "environment", "is_public"),
    [
        ([], {}, False),
        (["--host", "0.0.0.0"], {}, False),  # a classroom: whoever is in the network of the house
        (["--public"], {}, True),
        (["--share"], {}, True),
        ([], {"SPACE_ID": "somebody/playground"}, True),
        (["--host", "127.0.0.1"], {"SPACE_ID": "somebody/playground"}, True),
    ],
)
def test_strangers_visit_where_it_is_said_on_a_space_and_through_a_public_address(
    arguments: list[str], environment: dict[str, str], is_public: bool
) -> None:
    assert read(arguments, environment).is_public == is_public


def test_a_space_listens_to_the_world_unless_told_otherwise() -> None:
    on_space = {"SPACE_ID": "somebody/playground"}
    assert (read([], on_space).host, read([], on_space).on_space) == ("0.0.0.0", True)
    assert read(["--host", "127.0.0.1"], on_space).host == "127.0.0.1"


@pytest.mark.parametrize("spelling", ["{model}", "{model}/", "{model}/../storyteller", "{relative}"])
def test_the_default_model_is_known_however_it_is_spelled(spelling: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    name = spelling.format(model=DEFAULT_MODEL, relative=os.path.join(".", "assets", "models", "storyteller"))
    assert read(["--model", name], {}).is_default_model
    assert read(["--model", name], {}).model_name == "storyteller"


def test_a_home_folder_is_found(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder.parent))
    assert read(["--model", f"~/{folder.name}"], {}).model == str(folder)


@pytest.mark.parametrize("name", ["gpt2", "openai-community/gpt2", "uer/gpt2-chinese-cluecorpussmall"])
def test_a_hub_id_is_left_to_the_hub(name: str) -> None:
    assert read(["--model", name], {}).model == name


@pytest.mark.parametrize("name", ["./nowhere", "/nowhere/at/all", "~/nowhere-at-all", "a/b/c", ".."])
def test_a_path_to_nothing_is_refused_by_name(
    name: str, capsys: pytest.CaptureFixture[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "inside").mkdir()
    (folder / "config.json").unlink()
    monkeypatch.chdir(folder / "inside")
    message = refused(capsys, ["--model", name])
    assert f"--model {name}" in message
    assert "no such folder" in message or "no config.json" in message


def test_a_folder_without_a_model_is_refused_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    message = refused(capsys, ["--model", str(tmp_path)])
    assert f"{tmp_path}: the folder has no config.json" in message
    assert refused(capsys, [], {"PLAYGROUND_MODEL": str(tmp_path)}) == message


@pytest.mark.parametrize("port", ["0", "65536", "-1", "http", "80.5", ""])
def test_a_port_that_is_none_is_refused(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "--port" in refused(capsys, [f"--port={port}"])


@pytest.mark.parametrize("port", ["0", "65536", "http"])
def test_a_port_in_the_environment_that_is_none_is_refused_with_a_message(
    port: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "port" in refused(capsys, [], {"GRADIO_SERVER_PORT": port})


def test_the_home_of_nobody_is_refused_with_a_message(capsys: pytest.CaptureFixture[str]) -> None:
    assert "~no-such-user/model" in refused(capsys, ["--model", "~no-such-user/model"])


@pytest.mark.parametrize("device", ["auto", "cpu", "cuda", "cuda:1", "mps"])
def test_a_device_is_said_on_the_command_line_or_in_the_environment(device: str) -> None:
    assert read(["--device", device], {}).device == read([], {"PLAYGROUND_DEVICE": device}).device == device


@pytest.mark.parametrize("device", ["gpu", "cuda:", "cuda:x", "CUDA", "meta", ""])
def test_what_is_no_device_is_refused(device: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "a device is auto, cpu, mps, cuda or cuda:1" in refused(capsys, [f"--device={device}"])


def test_help_names_every_option_and_the_environment(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        read(["--help"], {})
    assert exit_.value.code == 0
    text = capsys.readouterr().out
    assert all(word in text for word in ("--model", "--host", "--port", "--share", "--public", "PLAYGROUND_MODEL"))


@pytest.mark.parametrize(("text", "size"), [("6GB", 6 * 10**9), ("800 mb", 8 * 10**8), ("1.5GiB", 3 * 2**29)])
def test_the_memory_for_models_is_a_size(text: str, size: int) -> None:
    assert read(["--memory", text], {}).memory_budget == size


@pytest.mark.parametrize("text", ["much", "6", "0GB", "-1GB"])
def test_what_is_no_size_is_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "6GB" in refused(capsys, [f"--memory={text}"])


def test_half_of_the_machine_is_for_models_unless_something_is_said() -> None:
    assert Settings().memory_budget == machine_memory() // 2 > 2**20


def test_tools_need_the_extra_and_a_page_without_them_does_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert not read([], {}).mcp
    assert "[mcp]" in refused(capsys, ["--mcp"])
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    assert read(["--mcp"], {}).mcp


def test_a_gguf_file_is_taken_as_a_folder_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "Model.Q4_1.gguf"
    file.write_bytes(b"GGUF")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    assert read(["--model", str(file)], {}).model == str(file)
    monkeypatch.chdir(tmp_path)
    assert read(["--model", file.name], {}).model == file.name
    assert "there is no such file" in refused(capsys, ["--model", "nothing.gguf"])
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert "[gguf]" in refused(capsys, ["--model", file.name])


def test_an_adapter_is_a_folder_that_peft_has_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shipped = DEFAULT_MODEL.parent / "detective"
    assert read(["--adapter", str(shipped)], {}).adapter == str(shipped) and read([], {}).adapter == ""
    assert "there is no such folder" in refused(capsys, ["--adapter", str(tmp_path / "none")])
    assert "no adapter_config.json" in refused(capsys, ["--adapter", str(DEFAULT_MODEL)])
    (tmp_path / "adapter_config.json").write_text("{")
    assert "can't be read" in refused(capsys, ["--adapter", str(tmp_path)])
    (tmp_path / "adapter_config.json").write_text('{"peft_type": "IA3"}')
    assert "IA3, not LORA" in refused(capsys, ["--adapter", str(tmp_path)])
    (tmp_path / "adapter_config.json").write_text('{"peft_type": "LORA"}')
    assert "no adapter_model.safetensors" in refused(capsys, ["--adapter", str(tmp_path)])
    assert "float32" in refused(capsys, ["--adapter", str(shipped), "--dtype", "int8"])
