"""The files of a comparison: read again they are what is on the page, and run again they are the same texts."""

import csv
import io
import json
import math
from typing import Any

import gradio as gr
import pytest

from playground import engine
from playground.decoding.clouds import Sample
from playground.decoding.trace import GenerationRequest, Trace
from playground.engines.huggingface.backend import Backend
from playground.panels.compare.clouds import CloudRow
from playground.panels.compare.saved import clouds_csv, everything
from playground.runs.setup import Setup
from playground.vocabulary import Vocabulary
from tests.tabs.compare.test_clouds import COOL, draw
from tests.tabs.compare.test_compare import Comparer, compare_tab, comparer

__all__ = ["compare_tab", "comparer"]
BEAMS = Setup("beam", {"num_beams": 3}, None, 6)


def saved(visitor: Comparer, what: str) -> str:
    visitor.do("save", what)
    text: str = visitor.page["compare.save"]["text"]
    return text


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_the_lanes_table_has_every_token_with_its_numbers(comparer: Comparer, storyteller: Backend) -> None:
    comparer.lanes(COOL, BEAMS).do("run")
    lines = table(saved(comparer, "lanes"))
    assert comparer.page["compare.save"]["name"] == "comparison-lanes.csv"
    assert comparer.session.comparison is not None
    for name, lane in zip(("L0", "L1"), comparer.session.comparison.lanes, strict=True):
        own = [line for line in lines if line["lane"] == name]
        assert [int(line["token_id"]) for line in own] == list(lane.token_ids)
        assert [float(line["logprob"]) for line in own] == list(lane.logprobs)  # every digit
        assert [line["token"] for line in own] == storyteller.vocabulary.labels(lane.token_ids)
        ranks = [str(step.reading.rank) for step in lane.trace.steps] if isinstance(lane.trace, Trace) else [""] * 6
        assert [line["rank"] for line in own] == ranks


def test_the_texts_table_has_every_text_with_its_numbers(comparer: Comparer, storyteller: Backend) -> None:
    draw(comparer.lanes(COOL, BEAMS), 4)
    key = comparer.session.lanes[0].key
    comparer.do("read", [key, 1]).do("cloud_act", gr.EventData(None, {"picked": {"do": "rate", "up": True}}))
    lines = table(saved(comparer, "texts"))
    samples = [one for drawn in comparer.session.clouds.drawn.values() for one in drawn.samples]
    assert len(lines) == len(samples) == 8
    for line, one in zip(lines, samples, strict=True):
        mean = sum(one.logprobs) / len(one.logprobs)
        assert line["text"] == storyteller.vocabulary.text(one.token_ids)
        assert tuple(map(int, line["token_ids"].split())) == one.token_ids and int(line["seed"]) == one.seed
        assert float(line["mean_logprob"]) == pytest.approx(mean)
        assert float(line["perplexity"]) == pytest.approx(math.exp(-mean))
    assert [line["copies"] for line in lines[4:]] == ["4"] * 4
    assert [line["thumbs_up"] for line in lines[:4]] == ["0", "1", "0", "0"]


def test_everything_is_enough_to_make_it_again(comparer: Comparer, storyteller: Backend) -> None:
    comparer.lanes(COOL, BEAMS).do("run")
    draw(comparer, 2)
    found = json.loads(saved(comparer, "everything"))
    lane = found["lanes"][0]
    setup, ids = Setup.from_json(lane["setup"]), tuple(found["prompt_ids"])
    strategy: Any = setup.build(storyteller)
    *_, trace = engine.generate(storyteller.model, GenerationRequest(ids, strategy, setup.max_new_tokens))
    assert lane["token_ids"] == list(trace.token_ids)
    assert lane["measures"]["mean_logprob"] == pytest.approx(sum(lane["logprobs"]) / 6)
    assert found["lanes"][1]["ranks"] == [] and found["model"] == storyteller.info.name
    cloud = found["clouds"][0]
    assert [one["seed"] for one in cloud["samples"]] == [36, 37] and cloud["measures"]["texts"] == 2
    assert cloud["samples"][0]["token_ids"] == lane["token_ids"]
    assert Setup.from_json(cloud["setup"]) == COOL


def test_before_anything_there_is_nothing_to_save(comparer: Comparer) -> None:
    comparer.lanes(COOL, BEAMS).do("save", "lanes")
    assert "Nothing to save" in comparer.said("compare.notice") and "compare.save" not in comparer.page


def test_a_text_is_no_formula_and_what_is_infinite_is_null() -> None:
    vocabulary = Vocabulary((b"=1+1", b'a,"b"\n', b"-"))
    rows = [
        CloudRow(1, "@lane", 0, [Sample(0, (i,), (-1.0,), (math.inf,), "length") for i in range(3)], None),
    ]
    lines = table(clouds_csv(rows, {}, vocabulary))
    assert [line["text"] for line in lines] == ["'=1+1", 'a,"b"\n', "'-"] and lines[0]["lane"] == "'@lane"
    found = json.loads(everything({}, [], [(rows[0], {})], {}, vocabulary))
    assert found["clouds"][0]["samples"][0]["entropies"] == [None]
    assert found["clouds"][0]["samples"][0]["text"] == "=1+1"
