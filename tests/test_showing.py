"""playground.show: the page on a model in memory, in a notebook's cell or from a script; the model is left alone."""

import asyncio
import gc
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import RemoteDisconnected
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from gradio_client import Client
from peft import PeftModel, PrefixTuningConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer

import playground
from playground import showing
from playground.errors import InvalidArgumentError, ModelUnavailableError
from playground.settings import ASSETS, DEFAULT_MODEL

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOK = ROOT / "docs" / "from_python.ipynb"
PROMPT = "The old king said to his"
SETTINGS: dict[str, Any] = {"seed": 3, "temperature": 0.8, "top_p": 0.9, "max_new_tokens": 8}

pytestmark = [
    # gradio counts its events with pandas, in a way that pandas has deprecated
    pytest.mark.filterwarnings("ignore:'future.no_silent_downcasting'"),
    pytest.mark.filterwarnings("ignore:The copy keyword is deprecated"),
    pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning"),  # peft asks transformers so
]


@pytest.fixture(scope="module")
def model() -> Any:
    return AutoModelForCausalLM.from_pretrained(DEFAULT_MODEL, dtype=torch.float32)


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return AutoTokenizer.from_pretrained(DEFAULT_MODEL)


@contextmanager
def shown(model: Any, tokenizer: Any, **arguments: Any) -> Iterator[playground.Shown]:
    with warnings.catch_warnings():  # gradio makes event loops for its locks and forgets them
        warnings.simplefilter("ignore", ResourceWarning)
        page = playground.show(model, tokenizer, browser=False, wait=False, **arguments)
        try:
            yield page
        finally:
            page.close()
            asyncio.set_event_loop(None)
            gc.collect()


def generated(page: playground.Shown) -> list[int]:
    """The ids that the page's own endpoint answers."""
    *_, last = Client(page.url, verbose=False).submit(PROMPT, **SETTINGS, api_name="/generate")
    return list(last["token_ids"])


def test_the_page_runs_the_model_in_memory_and_follows_its_weights(model: Any, tokenizer: Any) -> None:
    own = AutoModelForCausalLM.from_pretrained(DEFAULT_MODEL, dtype=torch.float32).train()
    own.transformer.h[0].eval()
    modes, kind = [part.training for part in own.modules()], type(own)
    with shown(own, tokenizer, name="mine", height=321) as page:
        (info,) = Client(page.url, verbose=False).predict(api_name="/models")
        assert (info["name"], info["state"], info["parameters"]) == ("mine", "ready", own.num_parameters())
        before = generated(page)
        assert before == list(playground.trace(model, tokenizer, PROMPT, **SETTINGS).token_ids)
        with torch.no_grad():
            own.transformer.h[2].mlp.c_proj.weight.mul_(-1)
        after = list(playground.trace(own, tokenizer, PROMPT, **SETTINGS).token_ids)
        assert generated(page) == after != before
        assert [part.training for part in own.modules()] == modes and type(own) is kind
        frame = page._repr_html_()
        assert f'src="{page.url}"' in frame and 'height="321"' in frame
        url = page.url
    with pytest.raises(OSError):
        urllib.request.urlopen(url, timeout=5)


def test_with_an_adapter_of_peft_it_writes_what_peft_writes(tokenizer: Any) -> None:
    base = AutoModelForCausalLM.from_pretrained(DEFAULT_MODEL, dtype=torch.float32)
    adapted = PeftModel.from_pretrained(base, str(ASSETS / "models" / "detective")).eval()
    ids = tokenizer(PROMPT, return_tensors="pt")
    theirs = adapted.generate(**ids, do_sample=False, max_new_tokens=8)[0, ids.input_ids.shape[1] :].tolist()
    run = playground.trace(adapted, tokenizer, PROMPT, strategy="greedy", max_new_tokens=8)
    assert list(run.token_ids) == theirs and run.verify().passed
    with adapted.disable_adapter():
        assert (
            list(playground.trace(adapted, tokenizer, PROMPT, strategy="greedy", max_new_tokens=8).token_ids) != theirs
        )
    with shown(adapted, tokenizer) as page:
        assert generated(page) == list(playground.trace(adapted, tokenizer, PROMPT, **SETTINGS).token_ids)


def test_what_does_not_fit_is_said(model: Any, tokenizer: Any) -> None:
    for wrong in ("gpt2", torch.nn.Linear(2, 2)):
        with pytest.raises(InvalidArgumentError, match="causal language model"):
            playground.show(wrong, tokenizer)
    with pytest.raises(InvalidArgumentError, match="height"):
        playground.show(model, tokenizer, height=0)
    virtual = get_peft_model(
        AutoModelForCausalLM.from_pretrained(DEFAULT_MODEL, dtype=torch.float32),
        PrefixTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=2),
    )
    with pytest.raises(InvalidArgumentError, match="virtual tokens"):
        playground.show(virtual, tokenizer)


def test_a_model_that_sees_ahead_is_refused(tokenizer: Any) -> None:
    own = AutoModelForCausalLM.from_pretrained(DEFAULT_MODEL, dtype=torch.float32)
    plain = own.forward

    def ahead(input_ids: Any, **arguments: Any) -> Any:
        output = plain(input_ids=input_ids, **arguments)
        output.logits = output.logits + input_ids[:, -1:, None]
        return output

    own.forward = ahead
    with pytest.raises(ModelUnavailableError):
        playground.show(own, tokenizer, browser=False, wait=False)


@pytest.mark.parametrize(
    ("kernel", "typed", "browser", "opened", "waited"),
    [
        (True, True, None, False, False),  # a notebook: the cell shows it
        (False, True, None, True, False),  # at a prompt
        (False, False, None, True, True),  # in a script
        (False, False, False, False, True),
        (True, True, True, True, False),
    ],
)
def test_where_it_opens(
    kernel: bool, typed: bool, browser: bool | None, opened: bool, waited: bool, model: Any, tokenizer: Any,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    found: list[str] = []
    monkeypatch.setattr(showing.page, "build", lambda slot: SimpleNamespace(local_url="http://here/"))
    monkeypatch.setattr(showing.page, "launch", lambda *arguments, **more: None)
    monkeypatch.setattr(showing, "_is_notebook", lambda: kernel)
    monkeypatch.setattr(showing, "_is_by_hand", lambda: typed)
    monkeypatch.setattr(showing.webbrowser, "open", found.append)
    monkeypatch.setattr(showing.Shown, "wait", lambda self: found.append("waited"))
    playground.show(model, tokenizer, browser=browser)
    assert found == ["http://here/"] * opened + ["waited"] * waited
    assert capsys.readouterr().out == "http://here/\n" * opened


@contextmanager
def ended(process: Any) -> Iterator[None]:
    """Whatever fails: it does not go on, and nobody waits for it."""
    try:
        yield
    finally:
        process.kill()


def fetched(url: str) -> str:
    """What is there; asked once more, as a browser does, where a busy machine dropped the first connection."""
    for _ in range(2):
        with suppress(RemoteDisconnected), urllib.request.urlopen(url, timeout=60) as answer:
            return str(answer.read().decode())
        time.sleep(1)
    with urllib.request.urlopen(url, timeout=60) as answer:
        return str(answer.read().decode())


def free_port() -> int:
    """One that nobody has: several pages that look for the first free one at once may find the same."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


def test_a_script_serves_until_it_is_interrupted(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import playground\nfrom transformers import AutoModelForCausalLM, AutoTokenizer\n"
        f"folder = {str(DEFAULT_MODEL)!r}\n"
        "model = AutoModelForCausalLM.from_pretrained(folder, dtype='float32')\n"
        f"page = {{'port': {free_port()}}}\nplayground.show(model, AutoTokenizer.from_pretrained(folder), **page)\n"
        "print('after', flush=True)\n"
    )
    opener = tmp_path / "opener.py"
    opener.write_text("import pathlib, sys\npathlib.Path(sys.argv[1]).write_text(sys.argv[2])\n")
    browser = f"{sys.executable} {opener} {tmp_path / 'asked'} %s"
    environment = os.environ | {"PYTHONPATH": str(ROOT), "BROWSER": browser}
    with (
        subprocess.Popen(
            [sys.executable, str(script)], stdout=subprocess.PIPE, text=True, env=environment, cwd=tmp_path
        ) as process,
        ended(process),
    ):
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", url)
        assert "data-languages" in fetched(url)
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
        assert process.wait(60) == 0 and "after" in rest
    assert (tmp_path / "asked").read_text() == url


def test_the_notebook_runs() -> None:
    kept = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in kept)  # nothing stale in it
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    command = [sys.executable, str(ROOT / "tests" / "run_notebook.py"), str(NOTEBOOK)]
    done = subprocess.run(
        command, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    text, page = found["html"]
    assert text.count("<span") == 41 and "The old king said to his" in text
    assert "<iframe" in page and found["answered"]
    assert "40 of 40 tokens equal, largest difference 0.0" in found["printed"]
