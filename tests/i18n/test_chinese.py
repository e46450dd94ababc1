"""The Chinese texts: all there, filled in as the English ones, and no Latin word but what the glossary leaves."""

import re
from fnmatch import fnmatch
from pathlib import Path

import pytest

import playground
from playground.i18n import Blank, blanks, catalogue, parse

ROOT = Path(playground.__file__).parents[1]
GLOSSARY = ROOT / "docs" / "glossary.md"
LEFT = "## What stays in Latin letters"

# Texts that a model or a parser reads, and the words that a processor is found by, which nobody sees.
EXAMPLES = (
    "tokenizer.example.*.text", "tokenizer.*.example", "tokenizer.side.placeholder", "written.*.placeholder",
    "beam.phrases.start", "parameter.*.words",
)  # fmt: skip
HAN = "一-鿿"
TOKEN_TEXT = re.compile(f'“[^”{HAN}]*”|"[^"{HAN}]*"')
CALL = re.compile(r"[A-Za-z][\w.]*\((?:[^()]|\([^()]*\))*\)", re.ASCII)
MARKUP = re.compile(r"%\{[^}]*\}|<[^<>]*>")


def kept_words() -> list[str]:
    """The words that the glossary leaves in Latin letters, the longest first."""
    rest = GLOSSARY.read_text(encoding="utf-8").split(LEFT)[1]
    listed = "\n".join(line for line in rest.split("\n## ")[0].splitlines() if line.startswith(("* ", "  ")))
    return sorted(re.findall(r"`([^`]+)`", listed), key=len, reverse=True)


def is_example(key: str) -> bool:
    return any(fnmatch(key, pattern) for pattern in EXAMPLES)


def plain(text: str) -> str:
    """A text without the values that are put into it; of a choice or plural form all branches."""
    return _plain(parse(text))


def _plain(parts: "tuple[str | Blank, ...]") -> str:
    return "".join(
        part if isinstance(part, str) else "".join(map(_plain, (part.branches or {}).values())) for part in parts
    )


def without_kept(text: str) -> str:
    """What is left of a text without token text, calls, markup and the words that the glossary leaves."""
    for pattern in (TOKEN_TEXT, CALL, MARKUP):
        text = pattern.sub(" ", text)
    for word in kept_words():
        text = re.sub(rf"(?<![A-Za-z0-9_]){re.escape(word)}(?![A-Za-z0-9_])", " ", text)
    return text


def latin_words(text: str) -> list[str]:
    return re.findall(r"[A-Za-z]+", without_kept(text))


def test_every_text_is_there_in_chinese_and_none_is_left_over() -> None:
    assert set(catalogue("zh")) == set(catalogue("en"))


def test_texts_stand_in_the_same_order() -> None:
    """So that a new one is found beside its neighbours."""
    assert list(catalogue("zh")) == list(catalogue("en"))


@pytest.mark.parametrize("key", catalogue("en"))
def test_a_chinese_text_is_filled_in_like_the_english_one(key: str) -> None:
    assert blanks(catalogue("zh")[key]) == blanks(catalogue("en")[key])
    chinese, english = (MARKUP.findall(plain(catalogue(language)[key])) for language in ("zh", "en"))
    assert sorted(chinese) == sorted(english)


def test_no_latin_word_but_what_the_glossary_leaves() -> None:
    found = {key: latin_words(plain(text)) for key, text in catalogue("zh").items() if not is_example(key)}
    assert {key: words for key, words in found.items() if words} == {}


def test_a_latin_word_would_be_found() -> None:
    assert latin_words("取 top-k 个 tokens，编号 id") == ["tokens", "id"]
    assert latin_words("logitsx 与 “␣Wolf” 和 generate(num_beams=…)") == ["logitsx"]
    assert latin_words("“the 词元” %{text}<br>") == ["the"]


def test_every_word_that_the_glossary_leaves_is_used() -> None:
    texts = " ".join(plain(text) for key, text in catalogue("zh").items() if not is_example(key))
    assert len(kept_words()) > 50
    assert [word for word in kept_words() if word not in texts] == []


def test_punctuation_beside_chinese_is_full_width() -> None:
    half = re.compile(rf"[,;!?:](?=[{HAN}])|(?<=[{HAN}])[,;!?:.]")
    found = {key: text for key, text in catalogue("zh").items() if half.search(plain(text))}
    assert set(found) == {"beam.phrases.help"}  # typed as it stands there


def test_chinese_and_latin_are_parted_by_a_space() -> None:
    close = re.compile(rf"[{HAN}][A-Za-z0-9]|[A-Za-z0-9][{HAN}]")
    found = {key: close.findall(plain(text)) for key, text in catalogue("zh").items() if not is_example(key)}
    assert {key: pairs for key, pairs in found.items() if pairs} == {}


def test_texts_that_are_set_as_html_hold_none() -> None:
    html = ("page.", "panel.", "parameter", "strip.", "shading.", "chart.", "seed.", "beam.panel.", "beam.strategy.")
    for key, text in catalogue("zh").items():
        if key.startswith(html) and "hover" not in key:
            assert not re.search(r"[<>&`]|\$\{|\{\{", text), key


def test_the_chinese_readme_has_the_pictures_and_endpoints_of_the_english_one() -> None:
    english, chinese = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.zh-CN.md"))
    for pattern in (r"\(assets/pictures/[\w-]+\.png\)", r"(?m)^\| `(/\w+)`"):
        assert sorted(re.findall(pattern, chinese)) == sorted(re.findall(pattern, english)) != []
    assert "(README.zh-CN.md)" in english and "(README.md)" in chinese
