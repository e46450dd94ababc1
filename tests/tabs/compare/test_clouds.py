"""The clouds of the Compare tab by a visitor without a browser."""

from collections import Counter
from dataclasses import replace
from typing import Any

import gradio as gr
import plotly.graph_objects as go
import pytest

from playground import engine
from playground.components.gaze import looked
from playground.decoding import clouds as drawing
from playground.decoding.clouds import CLOUD_BYTES, sample_bytes
from playground.decoding.distribution import Distribution
from playground.decoding.lanes import lane_bytes, longest_comparison
from playground.decoding.rows import DESK_BYTES
from playground.decoding.trace import TRACE_BYTES, GenerationRequest
from playground.engines import prompts
from playground.engines.huggingface.backend import Backend
from playground.panels.figures.theme import resolve
from playground.runs.setup import Setup
from playground.tabs.compare.handlers import CompareTab
from playground.tabs.compare.session import TEXT_LANE_BYTES, OwnText
from playground.tabs.state_line import stated
from tests.tabs.compare.test_compare import PROMPT, Comparer, compare_tab, comparer

__all__ = ["compare_tab", "comparer"]

GREEDY = Setup("greedy", {}, None, 6)
COOL = Setup("sample", {"temperature": 0.6}, 36, 6)
HOT = Setup("sample", {"temperature": 1.4}, 36, 6)
FIGURES = ("plane", "histogram", "trap")


def draw(visitor: Comparer, count: Any, *sweep: Any) -> Comparer:
    handler = stated(visitor.tab, visitor.tab.sweep if sweep else visitor.tab.draw, 3)
    for update in handler(visitor.session, count, *sweep, *visitor.values):
        visitor.take(update)
    return visitor


def act(visitor: Comparer, **picked: Any) -> Comparer:
    return visitor.do("cloud_act", gr.EventData(None, {"picked": picked}))


def rows(visitor: Comparer) -> list[list[str]]:
    found: list[list[str]] = visitor.page["compare.clouds.table"]["table"]["rows"]
    return found


def test_every_sample_is_its_setup_alone_with_a_seed_of_its_own(comparer: Comparer, storyteller: Backend) -> None:
    draw(comparer.lanes(GREEDY, COOL, HOT), 5)
    ids = prompts.prompt(PROMPT, storyteller)
    drawn = list(comparer.session.clouds.drawn.values())
    assert [one.setup.seed for one in drawn] == [36] * 3  # the same dice, those of the first lane that names a seed
    for one in drawn[1:]:
        assert [sample.seed for sample in one.samples] == [36, 37, 38, 39, 40]
        for sample in one.samples:
            strategy: Any = one.setup.build(storyteller).reseeded(sample.seed)
            *_, alone = engine.generate(storyteller.model, GenerationRequest(ids, strategy, 6))
            assert sample.token_ids == alone.token_ids
    assert rows(comparer)[0][:3] == ["L0", "5", "20.0 %"]  # five texts, all the same one
    assert comparer.page["compare.clouds.progress"]["share"] is None


def test_more_texts_are_drawn_beside_those_that_are_there(comparer: Comparer) -> None:
    draw(comparer.lanes(COOL, HOT), 3)
    before = [one.samples for one in comparer.session.clouds.drawn.values()]
    draw(comparer, 7)
    after = [one.samples for one in comparer.session.clouds.drawn.values()]
    assert [one[:3] for one in after] == before and [len(one) for one in after] == [7, 7]
    assert [sample.seed for sample in after[0]] == list(range(36, 43))  # each has dice of its own
    assert all(old is new for old, new in zip(before[0], after[0], strict=False))  # not drawn again
    key = comparer.session.lanes[1].key
    comparer.edit(do="change", key=key, name="L1", setup=HOT.to_json() | {"temperature": 2.0})
    assert "L1" in comparer.said("compare.clouds.made")
    draw(comparer, 3)
    sizes = [len(one.samples) for one in comparer.session.clouds.drawn.values()]
    assert sizes == [7, 3] and "L1" not in comparer.said("compare.clouds.made")


def test_stop_keeps_the_texts_that_are_whole(comparer: Comparer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "AT_ONCE", 2)
    comparer.lanes(COOL, HOT)
    handler = stated(comparer.tab, comparer.tab.draw, 4)(comparer.session, 40, *comparer.values)
    for update in handler:
        page = comparer.take(update)
        if page.get("compare.clouds.progress", {}).get("text", "").startswith("L1: 4 of 40"):
            break
    assert 0 < comparer.page["compare.clouds.progress"]["share"] < 1
    comparer.do("stop_clouds")
    for update in handler:
        comparer.take(update)
    sizes = [len(one.samples) for one in comparer.session.clouds.drawn.values()]
    assert sizes == [4, 4] and not comparer.session.clouds.is_running
    assert [row[1] for row in rows(comparer)] == ["4", "4"]
    assert comparer.page["compare.clouds.progress"]["share"] is None
    draw(comparer, 6)
    assert [row[1] for row in rows(comparer)] == ["6", "6"]


def test_a_sweep_is_a_cloud_a_value_beside_the_lanes(comparer: Comparer) -> None:
    draw(comparer.lanes(GREEDY, COOL), 3)
    draw(comparer, 3, "temperature", 0.5, 1.5, 3)
    assert [row[0] for row in rows(comparer)] == ["L0", "L1", "temperature 0.5", "temperature 1", "temperature 1.5"]
    swept = [one for key, one in comparer.session.clouds.drawn.items() if key < 0]
    assert [one.setup for one in swept] == [
        replace(COOL, settings={} if value == 1 else {"temperature": value}) for value in (0.5, 1, 1.5)
    ]
    draw(comparer, 3, "top_k", 1, 100, 2)  # instead of the first
    assert [row[0] for row in rows(comparer)] == ["L0", "L1", "top-k 1", "top-k 100"]


def verified(visitor: Comparer) -> Comparer:
    for update in visitor.tab.verify_clouds(visitor.session):
        visitor.take(update)
    return visitor


def test_a_cloud_has_a_badge_of_some_texts_beside_generate_with_their_own_seeds(comparer: Comparer) -> None:
    first, second = verified(draw(comparer.lanes(GREEDY, COOL), 5)).said("compare.clouds.badges").splitlines()
    assert first == (
        "L0 ✓ 1 of 1 texts compared (of 5) are those of their own seeds run alone, and these runs pass their "
        "comparison with transformers (largest difference 0.0 nats)"
    )
    assert second.startswith("L1 ✓ 3 of 3 texts compared (of 5)")
    before = dict(comparer.session.clouds.badges)
    verified(comparer)
    assert comparer.session.clouds.badges == before  # nothing is compared twice
    key = comparer.session.lanes[1].key
    drawn = comparer.session.clouds.drawn[key]
    other = replace(drawn.samples[0], token_ids=(*drawn.samples[0].token_ids[:-1], 7))
    comparer.session.clouds.drawn[key] = replace(drawn, samples=(other, *drawn.samples[1:]))
    assert comparer.session.clouds.badge(key) is None  # it spoke of other texts
    verified(comparer)
    assert "L1 ✗ of 3 texts compared (of 5), 2 are those of their own seeds" in comparer.said("compare.clouds.badges")
    kinds = [part["kind"] for part in comparer.page["compare.clouds.badges"]["parts"]]
    assert kinds[1] == "badge-good" and kinds[3] == "badge-bad"


def test_values_of_a_sweep_have_colours_in_their_order(comparer: Comparer) -> None:
    draw(comparer.lanes(COOL), 2)
    draw(comparer, 2, "temperature", 0.5, 1.5, 3)
    dots = comparer.page["compare.clouds.table"]["table"]["dots"]
    assert dots[1:] == ["sweep-a", "sweep-g", "sweep-l"] and len(set(dots)) == 4
    symbols = {trace["marker"]["symbol"] for trace in comparer.page["compare.clouds.plane"]["data"][:4]}
    assert symbols == {"circle", "diamond"}


def test_the_histogram_counts_tokens_beside_their_exact_probabilities(comparer: Comparer, storyteller: Backend) -> None:
    draw(comparer.lanes(GREEDY, COOL), 60)
    act(comparer, do="lane", key=comparer.session.lanes[1].key)
    drawn = list(comparer.session.clouds.drawn.values())[1]
    counts = Counter(sample.token_ids[0] for sample in drawn.samples)
    vocabulary = storyteller.vocabulary
    bars, exact = comparer.page["compare.clouds.histogram"]["data"]
    labels = comparer.page["compare.clouds.histogram"]["layout"]["yaxis"]["ticktext"]
    by_label = {vocabulary.label(i): count for i, count in counts.items()}
    assert bars["x"] == pytest.approx([by_label.get(label, 0) / 60 for label in labels], rel=1e-4)
    ids = prompts.prompt(PROMPT, storyteller)
    logits = storyteller.model.prefill(ids).logits[0] / 0.6
    law = Distribution.of(logits).probabilities
    ordered = sorted(range(len(law)), key=lambda i: -law[i])[: len(labels)]
    assert exact["x"][:5] == pytest.approx([law[i] for i in ordered[:5]], rel=1e-3)
    assert "χ² =" in comparer.said("compare.clouds.chi")
    act(comparer, do="place", by=1)
    first = drawn.samples[0].token_ids[0]
    assert f"{counts[first]} of 60 texts begin" in comparer.said("compare.clouds.chi")
    act(comparer, do="lane", key=comparer.session.lanes[0].key)
    assert "does not draw" in comparer.said("compare.clouds.chi")


def test_a_text_is_read_rated_blindly_and_then_told(comparer: Comparer) -> None:
    draw(comparer.lanes(COOL, HOT), 6)
    key = comparer.session.lanes[1].key
    comparer.do("read", [key, 2])
    assert "L1" in comparer.said("compare.clouds.rate") and "seed 38" in comparer.said("compare.clouds.rate")
    text = comparer.tab.slot.get().vocabulary.text(comparer.session.clouds.drawn[key].samples[2].token_ids)
    assert comparer.said("compare.clouds.text").endswith(text)
    act(comparer, do="next")
    assert "L0" not in comparer.said("compare.clouds.rate") and "L1" not in comparer.said("compare.clouds.rate")
    assert {part["kind"] for part in comparer.page["compare.clouds.text"]["parts"]} == {"lead", "shade-0"}
    act(comparer, do="rate", up=True)
    assert "seed" in comparer.said("compare.clouds.rate")
    act(comparer, do="next")
    act(comparer, do="rate", up=False)
    act(comparer, do="rate", up=False)
    rated = comparer.session.clouds.rated()
    assert [(one.votes.up, one.votes.down) for one in sorted(rated, key=lambda one: -one.votes.up)] == [(1, 0), (0, 2)]
    texts = comparer.page["compare.clouds.trap"]["data"][0]
    assert sorted(zip(texts["x"], texts["y"], strict=True)) == sorted(
        (float(f"{one.mean_logprob:.5g}"), one.votes.share) for one in rated
    )


def test_every_figure_is_one_that_plotly_takes(comparer: Comparer) -> None:
    draw(comparer.lanes(GREEDY, COOL), 12)
    draw(comparer, 4, "temperature", 0.5, 1.5, 3)
    act(comparer, do="next")
    act(comparer, do="rate", up=True)
    for axis in ("edit_distance", "distinct_2", "self_bleu"):
        act(comparer, do="axis", axis=axis)
        for name in FIGURES:
            figure = comparer.page[f"compare.clouds.{name}"]
            go.Figure(data=resolve(figure["data"]), layout=resolve(figure["layout"]))
            assert figure["label"]
        plane = comparer.page["compare.clouds.plane"]
        assert plane["layout"]["yaxis"]["title"]["text"] == comparer.tab.t(f"compare.plane.axis.{axis}")


def test_a_text_of_ones_own_is_a_line_at_its_probability(comparer: Comparer) -> None:
    comparer.session.fill([("mine", OwnText(" son that he was old.")), ("cool", COOL)], "human")
    comparer.do("run")
    draw(comparer, 4)
    lane = comparer.session.lane_of(comparer.session.lanes[0].key)
    assert lane is not None
    (line,) = comparer.page["compare.clouds.plane"]["layout"]["shapes"]
    assert line["x0"] == pytest.approx(sum(lane.logprobs) / len(lane.logprobs))


@pytest.mark.parametrize("count", [0, 257, 2.5, None, "many", True])
def test_a_number_of_texts_out_of_range_is_one_line(comparer: Comparer, count: Any) -> None:
    draw(comparer.lanes(COOL, HOT), count)
    assert "texts of each" in comparer.said("compare.notice") and "256" in comparer.said("compare.notice")
    assert not comparer.session.clouds.drawn


def test_what_does_not_fit_into_the_memory_is_one_line(comparer: Comparer) -> None:
    long = replace(COOL, max_new_tokens=400)
    most = CLOUD_BYTES // (6 * sample_bytes(400))
    assert most < 256
    draw(comparer.lanes(*[long] * 6), 256)
    assert f"{most}" in comparer.said("compare.notice") and not comparer.session.clouds.drawn


def test_lanes_texts_and_clouds_share_one_bound(comparer: Comparer, storyteller: Backend) -> None:
    draw(comparer.lanes(*[replace(COOL, max_new_tokens=8)] * 5), 2)
    model, one = storyteller.model, next(iter(comparer.session.clouds.drawn.values()))
    comparer.session.fill([(str(i), OwnText(" son")) for i in range(5)] + [("L", COOL)], "human")
    comparer.session.clouds.drawn = {one.key: replace(one, wanted=CLOUD_BYTES // sample_bytes(8))}
    held = comparer.session.clouds.bytes + 5 * TEXT_LANE_BYTES
    request = GenerationRequest(prompts.prompt(PROMPT, storyteller), COOL.build(storyteller), 1)
    most = longest_comparison([(model, request)], held)
    total = held + DESK_BYTES + lane_bytes(model, request, most)
    assert total <= TRACE_BYTES < total + lane_bytes(model, request, 1)
    comparer.do("run")
    assert (
        comparer.session.lanes_bytes(lambda source: model)
        == DESK_BYTES + lane_bytes(model, request, 6) + 5 * TEXT_LANE_BYTES
    )


def test_clouds_of_lanes_that_are_gone_are_forgotten(comparer: Comparer) -> None:
    draw(comparer.lanes(GREEDY, COOL, HOT), 2)
    comparer.edit(do="remove", key=comparer.session.lanes[1].key)
    assert [row[0] for row in rows(comparer)] == ["L0", "L2"]
    assert len(comparer.session.clouds.drawn) == 2


@pytest.mark.parametrize(
    "picked", [None, 7, {}, {"do": "axis", "axis": "evil"}, {"do": "lane", "key": [1]}, {"do": "place", "by": 9},
               {"do": "rate", "up": "yes"}, {"do": "rate", "up": True}]
)  # fmt: skip
def test_what_no_page_sends_does_no_harm(comparer: Comparer, picked: Any) -> None:
    draw(comparer.lanes(COOL, HOT), 2)
    before = comparer.session.clouds.axis, comparer.session.clouds.lane, dict(comparer.session.clouds.votes)
    comparer.do("cloud_act", gr.EventData(None, {"picked": picked}))
    comparer.do("read", [99, 99]).do("read", "x")
    assert (comparer.session.clouds.axis, comparer.session.clouds.lane, comparer.session.clouds.votes) == before
    assert not comparer.page.get("compare.notice", {}).get("kind")


def test_the_picture_is_looked_at_through_a_gaze(compare_tab: CompareTab, comparer: Comparer) -> None:
    draw(comparer.lanes(COOL, HOT), 2)
    key = comparer.session.lanes[0].key
    update = looked("compare.read", compare_tab.read)(
        comparer.session, f'{{"at": 5, "picked": [{key}, 1]}}', *comparer.values
    )
    assert update.channels["gaze.compare.read"] == 5 and comparer.session.clouds.reading == (key, 1)
