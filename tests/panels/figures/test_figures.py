"""What holds of every figure: Plotly takes it, JSON carries it, its colours exist, and a token in it stays a text."""

import itertools
import json
import re
from collections.abc import Callable, Iterator
from html import unescape
from typing import Any

import plotly.graph_objects as go
import pytest

from playground.decoding.processors import MinP, NoRepeatNGram, Processor, Temperature, TopK, TopP, TypicalP
from playground.panels.figures import theme
from playground.views.notation import BITS

Figures = dict[str, dict[str, Any]]
NAMES = ("cutoffs", "temperature", "trajectory")
P = (0.05, 0.40, 0.20, 0.10, 0.15, 0.04, 0.03, 0.03)
SETTINGS: dict[str, tuple[Processor, ...]] = {
    "nothing": (),
    "temperature": (Temperature(0.3),),
    "all cuts": (NoRepeatNGram(1), Temperature(1.4), TopK(6), TopP(0.9), MinP(0.05), TypicalP(0.9)),
    "one token left": (TopK(1),),
    "typical": (TypicalP(0.2),),
}
HOSTILE = (
    "<b>x</b>", "<img src=x onerror=1>", "${x}", "{{x}}", '<a href="javascript:1">x</a>', "`x`", "שלום", "\u202eabc",
    "@", "var(--plot-ink)", "<br>", "&lt;b&gt;", "%{y}", "$x^2$", "<sub>x</sub>", "x\x00y", '"', "'", "\\",
)  # fmt: skip

each_figure = pytest.mark.parametrize("name", NAMES)


def leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from leaves(item)
    else:
        yield value


# ---- every figure is one that Plotly takes


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("settings", SETTINGS)
@each_figure
def test_plotly_takes_it_in_both_themes(figures: Callable[..., Figures], name: str, settings: str, dark: bool) -> None:
    figure = figures(P, SETTINGS[settings], chosen=1)[name]
    assert set(figure) - {"narrow"} == {"data", "layout", "label"}
    narrow = figure.get("narrow", {}).get("layout", {})
    for layout in (figure["layout"], figure["layout"] | narrow):  # as it is, and where there is little room
        resolved = theme.resolve({"data": figure["data"], "layout": layout}, dark)
        # raises ValueError for anything it can't draw
        drawn = go.Figure(data=resolved["data"], layout=resolved["layout"])
        assert len(drawn.data) == len(figure["data"])


@each_figure
def test_every_colour_is_one_of_the_palette(figures: Callable[..., Figures], name: str) -> None:
    for settings in SETTINGS.values():
        figure = figures(P, settings)[name]
        named = {v for v in leaves(figure) if isinstance(v, str) and v.startswith("var(")}
        assert named
        for dark in (False, True):
            left = [v for v in leaves(theme.resolve(figure, dark)) if isinstance(v, str) and "var(--" in v]
            assert left == []


@pytest.mark.parametrize(
    "probabilities",
    [(1.0, 0.0, 0.0), (0.5, 0.5, 0.0, 0.0), (1e-38, 1.0), (1.0,), (0.25,) * 4, (0.0, 0.0, 1e-30, 1.0), P],
)
@each_figure
def test_no_number_is_lost_on_the_way_to_the_page(
    figures: Callable[..., Figures], name: str, probabilities: tuple[float, ...]
) -> None:
    """A JSON without NaN and infinities, even where tokens are impossible or certain."""
    certain = probabilities.index(max(probabilities))
    for settings in ((), (Temperature(0.02),), (TopK(1),), (TopP(0.5), MinP(0.3)), (TypicalP(0.5),)):
        figure = figures(probabilities, settings, chosen=certain, temperature=0.02)[name]
        again = json.loads(json.dumps(figure, allow_nan=False))
        assert again["label"] == figure["label"]
        drawn = theme.resolve({"data": again["data"], "layout": again["layout"]})
        go.Figure(data=drawn["data"], layout=drawn["layout"])


@each_figure
def test_zoom_is_kept_and_nothing_moves_by_itself(figures: Callable[..., Figures], name: str) -> None:
    layout = figures(P)[name]["layout"]
    assert layout["uirevision"] == "keep"
    assert "transition" not in layout
    assert "template" not in layout  # the default one weighs 7 kB a frame


# ---- a token is a text


@pytest.mark.parametrize("hostile", HOSTILE)
@each_figure
def test_a_hostile_token_is_shown_as_it_is(figures: Callable[..., Figures], name: str, hostile: str) -> None:
    harmless = figures(P, (TopK(3),), ["harmless"] * 8, chosen=1)[name]
    figure = figures(P, (TopK(3),), [hostile] * 8, chosen=1)[name]
    before, after = (list(leaves([made["data"], made["layout"]])) for made in (harmless, figure))
    assert len(before) == len(after)
    for plain, text in zip(before, after, strict=True):
        if not isinstance(text, str) or plain == text or "harmless" not in plain:
            continue
        # our own tags are those that the harmless figure has too; whatever else is there must be escaped
        ours = re.findall(r"<[^>]*>", plain)
        assert re.findall(r"<[^>]*>", text) == ours, text
        assert re.sub(r"&(amp|lt|gt|#\d+);", "", text).count("&") == 0, text


@pytest.mark.parametrize("hostile", ["var(--plot-ink)", "var(--plot-x)", "var(--plot-)", "var(--plot-a)"])
@each_figure
def test_a_token_that_looks_like_a_colour_stays_a_token(
    figures: Callable[..., Figures], name: str, hostile: str
) -> None:
    """The page fills in var(--plot-…) where a figure names a colour: not where a token says it."""
    layout = figures(P, (), [hostile] * 8, chosen=1)[name]["layout"]
    for axis in ("xaxis", "yaxis"):
        assert theme.resolve(layout)[axis].get("ticktext") == layout[axis].get("ticktext")


def test_literal_escapes_and_cuts_in_that_order_of_care() -> None:
    assert theme.literal("<b>&amp;") == "&lt;b&gt;&amp;amp;"
    assert theme.literal("abcdef", 4) == "abc…"
    assert theme.literal("<<<<<<", 4) == "&lt;&lt;&lt;…"  # never half an entity
    assert all(unescape(theme.literal(text, 5))[:4] == text[:4] for text in HOSTILE)


# ---- what is read out


def test_the_label_of_the_next_token_names_it_and_what_is_left(figures: Callable[..., Figures]) -> None:
    label = figures(P, (TopK(3),))["next_token"]["label"]
    assert "␣w1" in label
    assert "40.0 %" in label
    assert re.search(r"\b3\b.*\b8\b", label)


def test_the_label_of_the_cutoffs_names_every_cut(figures: Callable[..., Figures]) -> None:
    label = figures(P, (TopK(4), TopP(0.6)))["cutoffs"]["label"]
    assert re.search(r"4\b.*\b4\b.*0\.6\b.*\b2\b", label)
    assert re.search(r"\b8\b", figures(P)["cutoffs"]["label"])


@pytest.mark.parametrize("temperature", [0.5, 0.8, 3.0])
def test_the_label_of_the_temperature_names_the_current_one_and_its_entropy(
    figures: Callable[..., Figures], temperature: float
) -> None:
    label = figures((0.25,) * 4, temperature=temperature)["temperature"]["label"]
    assert f"{temperature:g}" in label
    assert "1.39 nats" in label  # ln 4 at any temperature
    assert "2.00 bits" in figures((0.25,) * 4, temperature=temperature, unit=BITS)["temperature"]["label"]


def test_the_label_of_the_trajectory_names_its_length_and_mean(figures: Callable[..., Figures]) -> None:
    label = figures((0.25,) * 4, steps=5)["trajectory"]["label"]
    assert re.search(r"\b5\b.*\b1\.39 nats", label)


# ---- the palette


def test_the_style_sheet_gives_every_colour_to_both_themes() -> None:
    sheet = theme.style_sheet()
    light, dark = re.findall(r"\{(.*?)\}", sheet)
    for column, rules in enumerate((light, dark)):
        for name, values in theme.PALETTE.items():
            assert f"--plot-{name}:{values[column]};" in rules


def test_a_colour_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(KeyError):
        theme.colour("chartreuse")


def luminance(colour: str) -> float:
    """Relative luminance of "#rrggbb" (WCAG 2.2)."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


@pytest.mark.parametrize(
    ("ink", "paper"),
    [
        *itertools.product(("ink", "muted", "good", "bad", "accent"), ("panel", "page")),
        *itertools.product(("ink",), ("raised", "accent-soft", "accent-deep")),  # the cells of the survival map
    ],
)
@pytest.mark.parametrize("dark", [0, 1], ids=["light", "dark"])
def test_text_can_be_read_on_its_ground(ink: str, paper: str, dark: int) -> None:
    """A contrast of 4.5 to 1, as WCAG AA asks of text."""
    high, low = sorted((luminance(theme.PALETTE[n][dark]) for n in (ink, paper)), reverse=True)
    assert (high + 0.05) / (low + 0.05) >= 4.5
