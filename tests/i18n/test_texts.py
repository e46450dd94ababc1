"""How a text is read and filled in: numbers, plural forms, lists and choices by the rules of its language."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from playground import i18n
from playground.i18n import blanks, catalogue, languages, parse, said, say, translator

TEXTS = {
    "plain": "{x} and {y:.1f}, {{braces}} and {z!r}",
    "tokens": "{n, plural, =0 {no token} one {# token} other {# tokens}} of {all, number}",
    "nested": "{side, select, left {{n, plural, one {one on the left} other {# on the left}}} other {elsewhere}}",
    "names": "{names, list} are on",
    "hover": "%{{x:,}} of {size:,}",
    "name": "top-k",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A further place for catalogues: Polish (three plural forms, other separators) and a language of no people."""
    for code in ("pl", "x-made"):
        (tmp_path / f"{code}.json").write_text(json.dumps(TEXTS), encoding="utf-8")
    polish = {**TEXTS, "tokens": "{n, plural, one {# żeton} few {# żetony} many {# żetonów} other {# żetonu}}"}
    (tmp_path / "pl.json").write_text(json.dumps(polish), encoding="utf-8")
    monkeypatch.setattr(i18n, "FOLDERS", [*i18n.FOLDERS, tmp_path])
    yield tmp_path
    catalogue.cache_clear()
    translator.cache_clear()


@pytest.mark.parametrize(
    ("key", "values", "text"),
    [
        ("plain", {"x": "{y}", "y": 2.25, "z": "a\nb"}, "{y} and 2.2, {braces} and 'a\\nb'"),
        ("tokens", {"n": 0, "all": 7}, "no token of 7"),
        ("tokens", {"n": 1, "all": 1000}, "1 token of 1,000"),
        ("tokens", {"n": 50_257, "all": 0.12345}, "50,257 tokens of 0.123"),
        ("tokens", {"n": 2, "all": 1234.0}, "2 tokens of 1,234"),
        ("nested", {"side": "left", "n": 1}, "one on the left"),
        ("nested", {"side": "left", "n": 1200}, "1,200 on the left"),
        ("nested", {"side": "<b>", "n": 1}, "elsewhere"),
        ("names", {"names": ["a"]}, "a are on"),
        ("names", {"names": ["a", say("name"), "c"]}, "a, top-k, and c are on"),
        ("hover", {"size": 1234}, "%{x:,} of 1,234"),
        ("plain", {"x": say("name"), "y": 1, "z": 1}, "top-k and 1.0, {braces} and 1"),
    ],
)
def test_a_text_is_filled_in(folder: Path, key: str, values: dict[str, object], text: str) -> None:
    assert translator("x-made")(key, **values) == text


def test_each_language_has_its_own_forms_and_separators(folder: Path) -> None:
    t = translator("pl")
    found = [t("tokens", n=n) for n in (1, 3, 5, 22, 1_234_567)]
    assert found == ["1 żeton", "3 żetony", "5 żetonów", "22 żetony", "1\u00a0234\u00a0567 żetonów"]
    assert t("names", names=["a", "b", "c"]) == "a, b i c are on"
    assert t.number(1234.5) == "1\u00a0234,5" and t("hover", size=9876) == "%{x:,} of 9\u00a0876"


def test_what_is_said_later_is_worded_by_whoever_reads_it(folder: Path) -> None:
    asked = say("tokens", n=3, all=3)
    assert asked == say("tokens", n=3, all=3) != say("tokens", n=4, all=3)
    assert (asked.words(translator("pl")), asked.words(translator("x-made"))) == ("3 żetony", "3 tokens of 3")
    assert said("as it is {n}", translator()) == "as it is {n}"


@pytest.mark.parametrize(
    "text",
    ["{", "}", "a {b", "{n, plural, one {x}}", "{n, plural, other {x}", "{n, plural}", "{n, number, x}", "{n, date}",
     "{a b}", "{n, plural, other {x}}}"],
)  # fmt: skip
def test_a_text_that_can_not_be_read_is_an_error(text: str) -> None:
    with pytest.raises(ValueError):
        parse(text)


def test_the_blanks_within_branches_count(folder: Path) -> None:
    assert blanks(TEXTS["nested"]) == {"side", "n"}
    with pytest.raises(KeyError):
        translator("x-made")("tokens", n=1)


def test_english_comes_first_of_all_languages(folder: Path) -> None:
    assert languages()[0] == "en" and {"pl", "x-made"} < set(languages())
    assert all(catalogue(code) for code in languages())
