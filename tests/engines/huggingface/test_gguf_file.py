"""A .gguf file is given to transformers as its folder and its name; what is none, or can't be read here, is refused."""

import importlib.util
from dataclasses import replace
from pathlib import Path

import pytest

from playground.engines.huggingface import gguf_file
from playground.engines.huggingface.backend import Backend, load
from playground.errors import ModelUnavailableError
from playground.i18n import languages, translator
from playground.panels.wording import model_line
from playground.views.code import pretrained

t = translator()


def refusal(name: Path) -> str:
    with pytest.raises(ModelUnavailableError) as caught:
        load(str(name))
    return str(caught.value)


def test_transformers_is_given_the_folder_and_the_file() -> None:
    assert gguf_file.source("/models/One.Q4_K_M.gguf") == ("/models", {"gguf_file": "One.Q4_K_M.gguf"})
    assert gguf_file.source("one.GGUF") == (".", {"gguf_file": "one.GGUF"})
    assert gguf_file.source("openai-community/gpt2") == ("openai-community/gpt2", {})


def test_a_script_names_them_too() -> None:
    assert pretrained("/models/One.gguf") == "'/models', gguf_file='One.gguf'"
    assert pretrained("One.gguf") == "'.', gguf_file='One.gguf'"
    assert pretrained("openai-community/gpt2@main") == "'openai-community/gpt2', revision='main'"
    assert pretrained("/models/one@home/two") == "'/models/one@home/two'"


def test_a_file_that_is_not_there_or_no_model_is_refused(tmp_path: Path) -> None:
    assert t("unfit.no_file") in refusal(tmp_path / "nothing.gguf")
    page = tmp_path / "page.gguf"
    page.write_text("<html>not found</html>")
    assert t("unfit.no_gguf") in refusal(page)


def test_what_is_missing_to_read_one_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == "gguf" else found(name, *more))
    file = tmp_path / "model.gguf"
    file.write_bytes(b"GGUF")
    said = refusal(file)
    assert t("unfit.gguf_extra", packages="gguf") in said and "[gguf]" in said


@pytest.mark.parametrize("language", [one for one in languages() if one in ("en", "zh")])
def test_the_line_about_the_model_says_what_its_weights_were(storyteller: Backend, language: str) -> None:
    words = translator(language)
    plain = model_line(storyteller.info, words)
    packed = model_line(replace(storyteller.info, packed="Q4_1, Q8_0"), words)
    assert "Q4_1, Q8_0" not in plain
    told = words("model.packed", name=storyteller.info.name, formats="Q4_1, Q8_0")
    assert packed == plain.replace(storyteller.info.name, told, 1)  # before what the header cuts off
