"""BeamTreeView: its template is fixed, its words are escaped, and what comes back from the page is declared."""

import re
from pathlib import Path

from playground.components.beam_tree import SHOWN, BeamTreeView
from playground.i18n import translator
from playground.tabs.beam.layout import tree_texts

ASSETS = Path(__file__).resolve().parents[2] / "assets"


def test_every_word_that_the_page_side_asks_for_is_there() -> None:
    source = (ASSETS / "live_beam_tree.js").read_text(encoding="utf-8")
    texts = tree_texts(translator())
    asked = set(re.findall(r"texts\.(\w+)", source)) | {"place", "logprob", "cum", "score"}
    assert asked and asked <= set(texts)
    assert {f"fate.{name}" for name in ("kept", "finished", "pruned")} <= set(texts)


def test_the_blanks_stay_for_the_page_to_fill() -> None:
    texts = tree_texts(translator())
    assert "{cum} / {power} = {score}" in texts["score"]
    source = (ASSETS / "live_beam_tree.js").read_text(encoding="utf-8")
    filled = set(re.findall(r"(\w+):", source[source.index("const said") : source.index("const show =")]))
    blanks = {blank for key in ("place", "logprob", "cum", "score") for blank in re.findall(r"\{(\w+)\}", texts[key])}
    assert blanks <= filled


def test_the_words_are_escaped_and_the_template_holds_no_expression() -> None:
    texts = {name: f'"><b>{text}${{1}}' for name, text in tree_texts(translator()).items()}
    tree = BeamTreeView(channel="c", node="n", step="s", texts=texts)
    assert "<b>" not in tree.html_template
    for name in SHOWN:
        assert f'value="{name}"' in tree.html_template
