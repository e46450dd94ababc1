"""The licence of a model: what its card says, and nothing where there is none."""

import json
from pathlib import Path

import pytest
from huggingface_hub import constants

from playground.engines.huggingface.backend import Backend
from playground.engines.huggingface.card import licence
from playground.settings import ASSETS


def test_the_shipped_models(storyteller: Backend) -> None:
    assert storyteller.info.licence == "apache-2.0"
    assert {licence(str(folder)) for folder in (ASSETS / "models").iterdir()} == {"apache-2.0"}


@pytest.mark.parametrize(
    ("card", "expected"),
    [
        ("---\nlicense: mit\n---\n# A model\n", "mit"),
        ("---\nlicense: other\nlicense_name: qwen-research\n---\n", "qwen-research"),
        ("---\nlicense: other\n---\n", "other"),
        ("---\nlanguage: en\n---\n", None),
        ("---\nlicense: [mit, apache-2.0]\n---\n", None),
        ("---\nlicense: ''\n---\n", None),
        ("---\n- a list\n---\n", None),
        ("---\nlicense: {: broken\n---\n", None),
        ("license: mit, says the text\n", None),
        ("\ufeff---\r\nlicense: gpl-3.0\r\n---\r\n", "gpl-3.0"),
        ("", None),
    ],
)
def test_what_a_card_says(card: str, expected: str | None, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_bytes(card.encode())
    assert licence(str(tmp_path)) == expected


def test_no_card(tmp_path: Path) -> None:
    assert licence(str(tmp_path)) is None
    (tmp_path / "README.md").mkdir()
    assert licence(str(tmp_path)) is None
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "README.md").write_bytes(b"\xff\xfe---")
    assert licence(str(tmp_path / "other")) is None


def test_a_hub_id_is_looked_up_in_the_cache_and_nowhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    assert licence("somebody/model") is None and licence("no such id") is None
    repository = tmp_path / "models--somebody--model"
    (repository / "snapshots" / "abc").mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("abc")
    (repository / "snapshots" / "abc" / "config.json").write_text(json.dumps({}))
    assert licence("somebody/model") is None
    (repository / "snapshots" / "abc" / "README.md").write_text("---\nlicense: mit\n---\n")
    assert licence("somebody/model") == "mit"
