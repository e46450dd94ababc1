"""The figures below the charts: valid Plotly, the numbers of their views, no token that works as a tag."""

import json
from typing import Any

import plotly.graph_objects as go
import pytest
import torch

from playground import catalog
from playground.catalog import PARAMETERS
from playground.decoding import pipeline
from playground.decoding.rows import Row
from playground.decoding.sampling import Sampling
from playground.decoding.selection import Choice, Multinomial
from playground.decoding.trace import GenerationRequest, Step, Trace
from playground.i18n import translator
from playground.panels.figures.mass_flow import mass_flow_figure
from playground.panels.figures.race import race_figure
from playground.panels.figures.same_dice import same_dice_figure
from playground.panels.figures.survival_map import compact, survival_map_figure
from playground.panels.figures.theme import resolve
from playground.views.mass_flow import mass_flow
from playground.views.notation import NATS
from playground.views.race import noise, race
from playground.views.same_dice import same_dice
from playground.views.survival_map import survival_map
from playground.vocabulary import Vocabulary

t = translator()
HOSTILE = ("<b>bold</b>", "<script>", "var(--plot-ink)", "%{x}", " a&b", "<br>")
WORDS = Vocabulary(tuple((HOSTILE[i] if i < len(HOSTILE) else f" w{i}").encode() for i in range(60)))
VALUES = {"temperature": 0.8, "top_p": 0.9}


def trace(seed: int = 3) -> Trace:
    logits = torch.randn(60, generator=torch.Generator().manual_seed(seed)) * 2
    logits[: len(HOSTILE)] += 3  # so that these are shown
    processors = catalog.processors(VALUES)
    step = Step(0, Row(logits), processors, Multinomial(seed), Choice(8, "multinomial"))
    return Trace(GenerationRequest((1, 2), Sampling(processors, Multinomial(seed)), 1), (step,))


def processed(one: Trace) -> torch.Tensor:
    return pipeline.processed_logits(one.stages_at(0), one.steps[0].logits[None])[0]


def figures() -> dict[str, dict[str, Any]]:
    one = trace()
    logits = one.steps[0].logits
    common = [p for p in PARAMETERS if p.is_common]
    grid = ((0.5, 1.0, 1.5), (0.3, 0.6, 0.9))
    return {
        "race": race_figure(race(one.steps[0], processed(one), WORDS), t),
        "same_dice": same_dice_figure(same_dice(one, 0, common, VALUES, catalog.processors, WORDS), t),
        "map": survival_map_figure(survival_map(logits, "top_p", *grid), (0.75, 0.9), "tokens", 60, t, NATS),
        "entropy_map": survival_map_figure(survival_map(logits, "top_p", *grid), (3, 0.9), "entropy", 60, t, NATS),
        "flow": mass_flow_figure(mass_flow(logits, one.stages_at(0), WORDS, 8), t, NATS),
    }


@pytest.mark.parametrize("name", ["race", "same_dice", "map", "entropy_map", "flow"])
def test_is_a_plotly_figure_with_a_label(name: str) -> None:
    figure = dict(figures()[name])
    assert figure.pop("label").strip()
    go.Figure(resolve(figure))
    json.dumps(figure, allow_nan=False)


@pytest.mark.parametrize("name", ["race", "same_dice", "map", "entropy_map", "flow"])
def test_a_token_is_text_and_nothing_else(name: str) -> None:
    text = json.dumps({"data": figures()[name]["data"], "layout": figures()[name]["layout"]})
    for hostile in ("<script>", "<b>bold", '"var(--plot-ink)"<'):
        assert hostile not in text


def test_the_longest_bar_is_the_winner_s() -> None:
    one = trace()
    view, figure = race(one.steps[0], processed(one), WORDS), figures()["race"]
    bars = figure["data"][1]
    assert bars["x"][0] == max(bars["x"]) == pytest.approx(view.winner.quotient, rel=1e-4)
    assert view.winner.quotient == pytest.approx(
        float(torch.softmax(processed(one), -1)[view.winner.token_id] / noise(3, 0, 60)[view.winner.token_id])
    )
    shares = [d for d in figure["data"] if d.get("base") and d["y"] == [1.55]]
    assert sum(d["x"][0] for d in shares) == pytest.approx(bars_span(figure), rel=1e-3)


def bars_span(figure: dict[str, Any]) -> float:
    return float(figure["layout"]["xaxis"]["range"][1])


def test_a_click_on_a_band_names_knob_and_value() -> None:
    data = figures()["same_dice"]["data"]
    picks = [pick for part in data if "customdata" in part for pick in part["customdata"]]
    assert ["top_p", 1.0] in picks
    assert {name for name, _ in picks} == {"temperature", "top_k", "top_p", "min_p"}
    for part in data:
        if "base" in part:  # no gap, no overlap
            ends = [b + x for b, x in zip(part["base"], part["x"], strict=True)]
            assert ends[-1] == pytest.approx(1, abs=1e-4)
            assert part["base"][1:] == pytest.approx(ends[:-1], abs=1e-4)


def test_a_cell_of_the_map_names_the_knobs_and_shows_its_number() -> None:
    figure = figures()["map"]
    heat, ring = figure["data"]
    view = survival_map(trace().steps[0].logits, "top_p", (0.5, 1.0, 1.5), (0.3, 0.6, 0.9))
    assert heat["customdata"][2][1] == [1.0, "top_p", 0.9]
    assert heat["text"] == [[compact(n) for n in row] for row in view.tokens]
    assert (ring["x"], ring["y"]) == ([0.5], [2.0])
    assert len(figures()["entropy_map"]["data"]) == 1  # off the map: no ring


def test_short_counts() -> None:
    assert [compact(n) for n in (1, 999, 1000, 8192, 9949, 9960, 50257)] == [
        "1",
        "999",
        "1.0K",
        "8.2K",
        "9.9K",
        "10K",
        "50K",
    ]


def test_bands_of_the_flow_meet_and_fill_every_column() -> None:
    figure = figures()["flow"]
    areas = [part for part in figure["data"] if part.get("fill") == "toself"]
    heights = [part["y"][0] - part["y"][-1] for part in areas]  # at the first column
    assert sum(heights) == pytest.approx(1, abs=1e-3)
    assert min(heights) >= 0


def test_the_heads_of_many_stages_are_names_alone_and_do_not_touch() -> None:
    logits = torch.randn(60, generator=torch.Generator().manual_seed(0)) * 3
    values = {
        "repetition_penalty": 1.2,
        "temperature": 0.8,
        "top_k": 30,
        "top_p": 0.95,
        "min_p": 0.01,
        "typical_p": 0.9,
    }
    many = catalog.processors(values)
    for processors in (many[:4], many):
        stages = pipeline.run(processors, torch.tensor([[0]]), logits[None])
        axis = mass_flow_figure(mass_flow(logits, stages, WORDS, 1), t, NATS)["layout"]["xaxis"]
        heads = axis["ticktext"]
        assert len(heads) == len(processors) + 1
        assert all(("<br>" in head) == (len(heads) <= 5) for head in heads)
        assert (axis["tickangle"] != 0) == (len(heads) > 5)
