"""The catalogue and the sources agree: every text asked for exists, none is left over, every blank is filled."""

import ast
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

import playground
from playground import errors
from playground.catalog import ORDERS, PARAMETERS
from playground.decoding.beam_steps import Fate, StopReason
from playground.decoding.orders import TRANSFORMERS_ORDER
from playground.decoding.partial import OnlyTold
from playground.decoding.selection import Choice
from playground.engines.dialogues import ROLES
from playground.engines.huggingface.tokenizers_at_hand import SHIPPED
from playground.i18n import blanks, catalogue, languages, translator
from playground.lists import LISTS
from playground.panels.compare.clouds import MEASURES as CLOUD_MEASURES
from playground.panels.compare.frames import SHOWN as COMPARE_MEASURES
from playground.panels.generate.tour import SCENES
from playground.panels.inside.frames import MEASURES
from playground.runs.run import State
from playground.tabs.attention.layout import MASKS
from playground.tabs.beam.layout import FATES, POOL_KEYS
from playground.tabs.brought import TALES, VERSE, of_any
from playground.tabs.compare.cloud_session import AXES
from playground.tabs.compare.handlers import SAVED as COMPARE_SAVED
from playground.tabs.compare.layout import EDITOR as COMPARE_EDITOR
from playground.tabs.generate.controls import ORDER_WORDS, SPEEDS, TURN_WORDS
from playground.tabs.generate.dice import SHOWN
from playground.tabs.generate.dice_handlers import PANELS as DICE_PANELS
from playground.tabs.generate.layout import SHADINGS
from playground.tabs.header_tools import KEYS, VIEWS
from playground.tabs.inside.handlers import ROUNDED
from playground.tabs.tokenizer.handlers import EXAMPLES as TOKENIZER_EXAMPLES
from playground.tabs.tokenizer.handlers import SECTIONS
from playground.tokenization.model import Algorithm
from playground.views.anatomy import PARTS

ALL = (TALES, VERSE, of_any("en"))  # what models bring
SOURCES = sorted(Path(playground.__file__).parent.rglob("*.py"))
CHARTS = ("next_token", "cutoffs", "temperature", "trajectory")
BEAM_PANELS = ("tree", "running", "pool", "best", "path", "alpha", "logs", "ban", "code")
BEAM_TREE = [
    "place", "logprob", "cum", "score", "spoken", "step", "help", "scrub", "show", "pause", "first", "back", "play",
    "next", "last", "closer", "farther", "fit", "follow", "show.all", "show.kept", "show.surviving",
]  # fmt: skip
PANELS = [*CHARTS, "stages", "code", *DICE_PANELS, *(f"tokenizer_{section}" for section in SECTIONS)]
PARAMETER_NAMES = [*(p.name for p in PARAMETERS), *LISTS]
ATTENTION = ["masks", "lab", "heads", "entropy", "sink", "distance", "cache", *MASKS]
INSIDE = ["walk", "lens", "rounding", "anatomy", "family"]
STATIONS = [
    "token_embedding", "position_embedding", "embedding", "norm_attention", "query", "key", "value", "query_rotated",
    "key_rotated", "scores", "masked", "weights", "heads", "projection", "residual_attention", "norm_mlp", "mlp_hidden",
    "mlp_gated", "mlp", "residual_mlp", "final_norm", "logits", "probabilities",
]  # fmt: skip

# The keys that sources put together, by pattern (* is the part put in): what they can become.
COMPARE_PANELS = ["step", "surprisal", "measures", "clouds", "histogram", "trap"]
LOCKSTEP = ["text", "next", "chart", "apart", "words", "lora"]
TERMS = ("surprisal", "entropy", "rank", "nats", "bits", "logits", "mass", "space")
FOLDS = [
    "dice", "same-dice", "map", "flow", "stages", "script", "penalty", "logs", "ban", "surprisal", "measures",
    "texts", "counts", "trap", "masks", "padding", "entropy", "sink", "distance", "cache", "lens", "rounding",
    "anatomy", "family",
]  # fmt: skip
FAMILIES = {
    "compare.panel.*": COMPARE_PANELS,
    "compare.panel.*.hint": COMPARE_PANELS,
    "compare.cloud.*": CLOUD_MEASURES,
    "compare.cloud.help.*": CLOUD_MEASURES,
    "compare.plane.by.*": AXES,
    "compare.plane.axis.*": AXES,
    "compare.sweep.*": ["from", "to"],
    "compare.save.*": COMPARE_SAVED,
    "compare.measure.*": COMPARE_MEASURES,
    "compare.help.*": COMPARE_MEASURES,
    "compare.editor.*": COMPARE_EDITOR,
    "compare.take.*": ["generate", "search"],
    "compare.example.*.name": [e.key for one in ALL for e in one.comparisons],
    "compare.example.*.notice": [e.key for one in ALL for e in one.comparisons],
    **{f"attention.cache.formula{kind}*": ("", "_state") for kind in ("", "_apart", "_sum")},
    "parameter.*.label": [*PARAMETER_NAMES, OnlyTold.name],
    "parameter.*.short": [*PARAMETER_NAMES, OnlyTold.name],
    "parameter.*.help": PARAMETER_NAMES,
    "parameter.*.words": PARAMETER_NAMES,
    "parameter.*.formula": TRANSFORMERS_ORDER,
    "page.skip_*": ["run", "results"],
    "state.*": get_args(State),
    "turns.*": TURN_WORDS,
    "turns.role.*": ROLES,
    "tour.*": [scene.key for scene in SCENES],
    "example.*.name": [e.key for one in ALL for e in one.examples],
    "example.*.notice": [e.key for one in ALL for e in one.examples],
    "headline.*": get_args(get_type_hints(Choice)["by"]),
    "shading.*": [f"{name}{end}" for name in SHADINGS for end in ("", ".pale", ".strong")],
    "speed.*": list(SPEEDS),
    "chart.*.description": [*CHARTS, *DICE_PANELS],
    "attention.*.title": ATTENTION,
    "attention.*.hint": ATTENTION,
    "attention.mask.*": ["future", "padding", "window"],
    "attention.lab.*": ["truth", "kept", "changed"],
    "attention.*.cell": ["entropy", "sink"],
    "attention.cache.*_words": ["new", "kept", "none"],
    "attention.chart.*": ["cached", "recomputed"],
    "attention.chart.*_hover": ["cached", "recomputed"],
    "inside.*.title": INSIDE,
    "inside.*.hint": INSIDE,
    "lockstep.*.title": LOCKSTEP,
    "lockstep.*.hint": LOCKSTEP,
    "lockstep.side.*": ["first", "second"],
    "lockstep.headline.*": ["up", "down", "piece_up", "piece_down"],
    "lockstep.whole.*": [f"{one}{end}" for one in ("first", "second", "either") for end in ("", "_pieces")],
    "lockstep.chart.*": ["kl", "own"],
    "lockstep.chart.hover_*": ["kl", "own"],
    "inside.station.*": STATIONS,
    "inside.formula.*": STATIONS,
    "inside.measure.*": MEASURES,
    "inside.part.*": PARTS,
    "inside.family.*": ["name", "layers", "heads", "width", "head_size", "context", "vocabulary", "parameters"],
    "chart.trajectory.entropy*": ["", "_at_most"],
    "inside.rounding.what.*": ROUNDED,
    "inside.rounding.*": ["token", "before", "after", "divergence", "first"],
    "badge.*": ["packed", *ROUNDED],
    "model.*": ROUNDED,
    "beam.speed.*": list(SPEEDS),
    "beam.example.*.name": [e.key for one in ALL for e in one.searches],
    "beam.example.*.notice": [e.key for one in ALL for e in one.searches],
    "beam.panel.*": list(BEAM_PANELS),
    "beam.panel.*.hint": list(BEAM_PANELS),
    "beam.tree.*": [*BEAM_TREE, *(f"fate.{name}" for name in FATES)],
    "beam.pool.key_*": list(POOL_KEYS),
    "beam.pool.stop_*": list(get_args(StopReason)),
    "share.*": ("link", "code"),
    "share.view.*": VIEWS,
    "keys.*": tuple(KEYS),
    "picture.*": ("png", "svg", "json", "csv", "text", "stage", "enlarge", "before", "after", "close"),
    "panel.*": PANELS,
    "panel.*.hint": PANELS,
    "tokenizer.algorithm.*": get_args(Algorithm),
    "tokenizer.batch.*": ["left", "right"],
    "tokenizer.example.*.name": TOKENIZER_EXAMPLES,
    "tokenizer.example.*.text": TOKENIZER_EXAMPLES,
    "tokenizer.example.*.notice": TOKENIZER_EXAMPLES,
    "tokenizer.section.*": SECTIONS,
    "tokenizer.shipped.*": SHIPPED,
    "tokenizer.side.*": ["name", "algorithm", "vocabulary", "tokens", "each", "own"],
    "tokenizer.step.*": ["first", "back", "play", "forward", "last", "pause", "slider"],
    "written.*.placeholder": list(LISTS),
    "dice.race.*": get_args(get_type_hints(Choice)["by"])[::2],
    "term.*": TERMS,
    "term.*.words": TERMS,
    "fold.*": FOLDS,
    "dice.map.*": ("here", "there"),
    "dice.map.shown.*": SHOWN,
    "dice.order.*": [*(key.replace(".", "_") for key in ORDERS), *ORDER_WORDS],
}
LOOKS_LIKE_A_KEY = re.compile(r"[a-z_]+(\.[a-z_]+)+")


def asked() -> Iterator[tuple[ast.expr, ast.Call]]:
    """The key of every t(key, …) in the sources: each branch of a choice by itself."""
    for source in SOURCES:
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            function = node.func
            name = function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")
            if name in ("t", "say", "refuse"):
                key = node.args[0]
                for branch in (key.body, key.orelse) if isinstance(key, ast.IfExp) else (key,):
                    yield branch, node


def pattern(key: ast.JoinedStr) -> str:
    parts = [str(part.value) if isinstance(part, ast.Constant) else "*" for part in key.values]
    return re.sub(r"\*+", "*", "".join(parts))


def families() -> set[str]:
    return {pattern(key) for key, _ in asked() if isinstance(key, ast.JoinedStr)}


def literals() -> set[str]:
    """Every string constant of the sources that could be a key: keys may pass through a variable."""
    found = set()
    for source in SOURCES:
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Constant)
                and isinstance(node.value, str)
                and LOOKS_LIKE_A_KEY.fullmatch(node.value)
            ):
                found.add(node.value)
    return found


def expanded() -> set[str]:
    return {family.replace("*", name) for family in families() for name in FAMILIES[family]}


def test_the_sources_ask_for_texts_at_all() -> None:
    """So that a renamed translator does not make the tests below empty."""
    assert sum(isinstance(key, ast.Constant) for key, _ in asked()) > 50
    assert len(families()) > 5


def test_every_family_of_keys_is_known_here() -> None:
    assert families() <= set(FAMILIES)


def test_every_text_that_is_asked_for_exists() -> None:
    keys = {key.value for key, _ in asked() if isinstance(key, ast.Constant)}
    assert keys - set(catalogue("en")) == set()
    assert expanded() - set(catalogue("en")) == set()


def test_every_fate_of_a_candidate_has_its_text() -> None:
    assert set(FATES) == set(get_args(Fate))


def test_every_error_has_its_text() -> None:
    kinds = errors.PlaygroundError.__subclasses__()
    assert len(kinds) >= 6
    for kind in kinds:
        assert kind.key in catalogue("en")


def test_no_text_is_left_over() -> None:
    assert set(catalogue("en")) - literals() - expanded() == set()


@pytest.mark.parametrize("key", catalogue("en"))
def test_a_text_is_formatted_with_its_blanks_filled(key: str) -> None:
    text = catalogue("en")[key]
    assert all(name.isidentifier() for name in blanks(text))
    filled = translator()(key, **dict.fromkeys(blanks(text), 7))
    assert "{" not in filled.replace("%{", "")  # %{…} is Plotly's
    assert filled.strip(" ") or not text.strip()


def test_every_blank_of_a_text_is_filled_where_it_is_asked_for() -> None:
    missing = []
    for key, call in asked():
        given = {keyword.arg for keyword in call.keywords}
        if None in given:  # **values
            continue
        if isinstance(key, ast.Constant):
            keys = [str(key.value)]
        elif isinstance(key, ast.JoinedStr):
            keys = [pattern(key).replace("*", name) for name in FAMILIES[pattern(key)]]
        else:
            continue
        missing += [(k, blanks(catalogue("en")[k]) - given) for k in keys if blanks(catalogue("en")[k]) - given]
    assert missing == []


def test_an_unknown_key_or_a_missing_value_is_an_error() -> None:
    with pytest.raises(KeyError):
        translator()("no.such.key")
    with pytest.raises(KeyError):
        translator()("notice.ended")
    with pytest.raises(FileNotFoundError):
        translator("tlh")


def test_a_value_is_put_in_as_it_is() -> None:
    assert "{x} <b>" in translator()("notice.ended", token="{x} <b>")


def test_texts_that_are_set_as_html_hold_none() -> None:
    """Titles and hints of the page and the panels go into HTML."""
    for key, text in catalogue("en").items():
        if (
            key.startswith(
                (
                    "page.",
                    "panel.",
                    "parameter",
                    "strip.",
                    "shading.",
                    "chart.",
                    "seed.",
                    "beam.panel.",
                    "beam.strategy.",
                )
            )
            and "hover" not in key
        ):
            assert not re.search(r"[<>&`]|\$\{|\{\{", text), key


def faults(theirs: dict[str, str], english: dict[str, str]) -> list[str]:
    """What a catalogue lacks, has too much, or fills in otherwise than English."""
    found = [f"{key}: missing" for key in english.keys() - theirs.keys()]
    found += [f"{key}: not in English" for key in theirs.keys() - english.keys()]
    return found + [
        f"{key}: {sorted(blanks(theirs[key]) ^ blanks(english[key]))}"
        for key in english.keys() & theirs.keys()
        if blanks(theirs[key]) != blanks(english[key])
    ]


def test_every_language_has_every_text_with_the_same_blanks() -> None:
    for code in languages():
        assert faults(catalogue(code), catalogue("en")) == []
    broken = {"a": "{x}", "b": "{n, plural, other {# of {x}}}", "d": ""}
    assert sorted(faults(broken, {"a": "{y}", "b": "{n} of {x}", "c": ""})) == [
        "a: ['x', 'y']", "c: missing", "d: not in English",
    ]  # fmt: skip


def test_no_text_stands_twice() -> None:
    """Of two texts under one key the first would never be seen, and nobody would be told."""
    keys: list[str] = []
    with (Path(playground.__file__).parent / "i18n" / "en.json").open(encoding="utf-8") as file:
        json.load(file, object_pairs_hook=lambda pairs: keys.extend(key for key, _ in pairs))
    assert [key for key, times in Counter(keys).items() if times > 1] == []
