"""Same dice: a band a knob, its range cut into stretches at which the same noise takes the same token."""

from playground.i18n import Translator
from playground.panels.figures.theme import MONOSPACE, Figure, axis, colour, layout, literal, rounded
from playground.views.notation import shorter
from playground.views.same_dice import KnobBand, SameDice

_SHADES = ("accent", "green", "warm", "cool", "hot")  # by first appearance; the token that was taken has its own
_PER_CHARACTER = 1 / 52  # share of the band's width


def same_dice_figure(view: SameDice, t: Translator) -> Figure:
    """customdata is [name of the knob, value]."""
    shades = {view.taken_id: "chosen"}
    for band in view.bands:
        for stretch in band.stretches:
            if stretch.token_id is not None and stretch.token_id not in shades:
                shades[stretch.token_id] = _SHADES[(len(shades) - 1) % len(_SHADES)]
    colours, targets, marks = [], [], []
    for i, band in enumerate(view.bands):
        row = float(-i)
        colours.append(_stretches(band, row, shades))
        targets.append(_targets(band, row, t))
        marks.append(_words(band, row, shades))
    count = len(view.bands)
    names = [
        t("chart.same_dice.off", name=t(f"parameter.{b.name}.short"))
        if b.value == b.neutral
        else t("chart.same_dice.now", name=t(f"parameter.{b.name}.short"), value=shorter(b.value))
        for b in view.bands
    ]
    parts = [
        t("chart.same_dice.part", name=t(f"parameter.{b.name}.short"), tokens=len({s.token_id for s in b.stretches}))
        for b in view.bands
    ]
    return {
        "data": [*colours, *targets, *marks],
        "layout": layout(
            barmode="overlay",
            dragmode=False,
            margin={"l": 116, "r": 10, "t": 4, "b": 6},
            xaxis=axis(range=[0, 1], visible=False, fixedrange=True),
            yaxis=axis(
                range=[-count + 0.42, 0.55], fixedrange=True, showgrid=False,
                tickvals=[float(-i) for i in range(count)], ticktext=names,
                tickfont={"size": 13, "color": colour("ink")},
            ),
        ),
        "label": t("chart.same_dice.label", token=view.taken_label, parts="; ".join(parts)),
    }  # fmt: skip


def _stretches(band: KnobBand, row: float, shades: dict[int, str]) -> Figure:
    lengths = [len(s.values) for s in band.stretches]
    total = sum(lengths)
    names = [shades[s.token_id] if s.token_id is not None else "raised" for s in band.stretches]
    return {
        "type": "bar", "orientation": "h", "y": [row] * len(lengths),
        "base": rounded(sum(lengths[:i]) / total for i in range(len(lengths))),
        "x": rounded(n / total for n in lengths), "width": 0.56, "hoverinfo": "skip",
        "marker": {
            "color": [colour(name) for name in names], "opacity": [1 if n == "chosen" else 0.55 for n in names],
            "line": {"width": 1, "color": colour("panel")},
        },
    }  # fmt: skip


def _targets(band: KnobBand, row: float, t: Translator) -> Figure:
    """What the pointer meets: a cell a value, seen through to the stretches."""
    values = [(v, s) for s in band.stretches for v in s.values]
    width = 1 / len(values)
    name = t(f"parameter.{band.name}.short")
    return {
        "type": "bar", "orientation": "h", "y": [row] * len(values), "base": [i * width for i in range(len(values))],
        "x": [width] * len(values), "width": 0.9, "marker": {"color": colour("clear")},
        "customdata": [[band.name, v] for v, _ in values],
        "hovertext": [
            t("chart.same_dice.nothing", name=name, value=shorter(v)) if s.token_id is None
            else t("chart.same_dice.hover", name=name, value=shorter(v), token=literal(s.label))
            for v, s in values
        ],
        "hoverinfo": "text",
    }  # fmt: skip


def _words(band: KnobBand, row: float, shades: dict[int, str]) -> Figure:
    """The token of every stretch that is wide enough for it, and the values at both ends of the band."""
    total = sum(len(s.values) for s in band.stretches)
    x, text, inks, done = [], [], [], 0
    for stretch in band.stretches:
        width = len(stretch.values) / total
        room = int(width / _PER_CHARACTER)
        if room >= min(3, len(stretch.label)) and stretch.label:
            x.append((done + len(stretch.values) / 2) / total)
            text.append(literal(stretch.label, room))
            is_taken = stretch.token_id is not None and shades[stretch.token_id] == "chosen"
            inks.append(colour("on-chosen" if is_taken else "ink"))
        done += len(stretch.values)
    first, last = band.stretches[0].values[0], band.stretches[-1].values[-1]
    at = _position(band, band.value)
    x, y, marks = [*x, 0, 1], [*[row] * len(x), row - 0.4, row - 0.4], len(x)
    text += [shorter(first), shorter(last)]
    if at is not None:  # where the knob stands
        x, y, text = [*x, at], [*y, row + 0.4], [*text, "▼"]
    return {
        "type": "scatter", "mode": "text", "hoverinfo": "skip", "cliponaxis": False, "x": x, "y": y, "text": text,
        "textposition": [*["middle center"] * marks, "middle right", "middle left", "middle center"][: len(x)],
        "textfont": {
            "family": MONOSPACE, "size": [*[13] * marks, 12, 12, 13][: len(x)],
            "color": [*inks, colour("muted"), colour("muted"), colour("ink")][: len(x)],
        },
    }  # fmt: skip


def _position(band: KnobBand, value: float) -> float | None:
    """Where a value stands on its band, 0 to 1; None if it is off the band."""
    values = [v for s in band.stretches for v in s.values]
    if not values[0] <= value <= values[-1]:
        return None
    after = next(i for i, v in enumerate(values) if v >= value)
    place = float(after)
    if values[after] != value:
        before = values[after - 1]
        place = after - 1 + (value - before) / (values[after] - before)
    return (place + 0.5) / len(values)
