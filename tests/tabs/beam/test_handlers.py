"""The Beam search tab without a browser: what its handlers put on the page, and when."""

import copy
import dataclasses
import json
from collections.abc import Callable, Iterator
from itertools import pairwise
from math import log
from typing import Any

import pytest
import torch

from playground import engine, settings
from playground.catalog import FOR_BEAMS
from playground.decoding.beam_search import BeamSearch
from playground.engines.huggingface.backend import Backend
from playground.engines.loading import ModelSlot
from playground.i18n import translator
from playground.runs import beam_recording
from playground.tabs.beam.examples import BEAM_EXAMPLES
from playground.tabs.beam.handlers import BeamTab
from playground.tabs.beam.session import BeamSession
from playground.tabs.delivery import lossless
from playground.vocabulary import from_tokenizer_json

Channels = dict[str, Any]
t = translator()


class BeamVisitor:
    """One session and the values of its controls; what a handler yields comes back as channels."""

    def __init__(self, tab: BeamTab) -> None:
        self.tab = tab
        self.session: BeamSession = copy.deepcopy(tab.new_session())
        self.settings: dict[str, Any] = {
            "prompt": "The fox went out to", "mode": "beam", "length": 6, "seed": 1, "speed": "fast",
            "num_beams": 3, "groups": 3, "diversity_penalty": 0.5, "phrases": "tree", "length_penalty": 1.0,
            "early": "heuristic", "stop_text": "", **{p.name: p.neutral for p in FOR_BEAMS},
        }  # fmt: skip

    def set(self, **changes: Any) -> "BeamVisitor":
        assert set(changes) <= set(self.settings)
        self.settings |= changes
        return self

    def begin(self, handler: str) -> Iterator[Channels]:
        for update in getattr(self.tab, handler)(self.session, *self.settings.values()):
            yield json.loads(update)["channels"]

    def do(self, handler: str, **changes: Any) -> list[Channels]:
        """All frames of a handler that reads the controls."""
        return list(self.set(**changes).begin(handler))

    def ended(self, **changes: Any) -> Channels:
        """Run to the end; everything that the page then shows."""
        found: Channels = {}
        for channels in self.do("run", **changes):
            found |= channels
        for update in self.tab.conclude(self.session):
            found |= json.loads(update[0])["channels"]
        return found

    def look(self, handler: str, picked: Any) -> Channels:
        answer = getattr(self.tab, handler)(self.session, picked)
        channels: Channels = json.loads(answer)["channels"]
        return channels


@pytest.fixture(scope="session")
def build_tab() -> Callable[[ModelSlot], BeamTab]:
    tokenizer = json.loads((settings.DEFAULT_MODEL / "tokenizer.json").read_text(encoding="utf-8"))
    vocabulary = from_tokenizer_json(tokenizer, 8192)
    first = beam_recording.load(settings.FIRST_BEAM, vocabulary.pieces)
    return lambda slot: BeamTab(slot, first, vocabulary, t)


@pytest.fixture
def visitor(storyteller: Backend, build_tab: Callable[[ModelSlot], BeamTab]) -> BeamVisitor:
    return BeamVisitor(build_tab(ModelSlot.filled(storyteller, "assets/models/storyteller")))


def layers(frames: list[Channels]) -> list[Any]:
    """The layers of the tree, put together as the page does it."""
    grown: list[Any] = []
    for channels in frames:
        if "beam.tree" in channels:
            payload = channels["beam.tree"]
            assert payload["start"] <= len(grown)
            grown = grown[: payload["start"]] + payload["tokens"]
    return grown


def test_the_first_frame_has_every_panel_before_a_model_is_loaded(build_tab):
    channels = build_tab(ModelSlot("nowhere")).first_frame()  # never started: whoever asks it for a model hangs
    assert len(channels["beam.tree"]["tokens"]) == 14
    assert channels["beam.tree"]["is_final"]
    for name in ("running", "best", "path", "alpha_rank"):
        assert channels[f"beam.{name}"]["table"]["rows"], name
    for name in ("pool", "alpha", "logs"):
        assert channels[f"beam.{name}"]["data"], name
    assert "8.10 nats" in "".join(p if isinstance(p, str) else p["text"] for p in channels["beam.headline"]["parts"])


def test_a_run_sends_every_layer_once_and_ends_with_the_winner(visitor, storyteller):
    frames = visitor.do("run", num_beams=3, length=6)
    ids = storyteller.tokenizer.encode("The fox went out to")
    steps = list(engine.search(storyteller.model, BeamSearch(3), ids, 6))
    rows = layers(frames)
    assert [[row[1] for row in layer] for layer in rows] == [
        storyteller.vocabulary.labels(c.token_id for c in step.candidates) for step in steps
    ]
    assert rows[2][0][3] == round(steps[2].candidates[0].cum_logprob, 4)
    sent = sum(len(channels["beam.tree"]["tokens"]) for channels in frames if "beam.tree" in channels)
    assert sent == 6  # not one layer twice
    assert visitor.session.trace.steps[-1].finished == steps[-1].finished
    last = [channels["beam.tree"] for channels in frames if "beam.tree" in channels][-1]
    assert last["is_final"] and len(last["ends"]) == 3


def test_a_page_that_skips_frames_misses_no_layer(visitor):
    updates = lossless(visitor.tab.run)(visitor.session, *visitor.set(length=12, speed="lively").settings.values())
    sent = [json.loads(update)["channels"] for update in updates]
    assert len(sent) > 8
    for taken in (sent[2::3], sent[5::7]):
        seen = [*taken, sent[-1]]
        assert len(layers(seen)) == 12
        assert layers(seen) == layers(sent)


@pytest.mark.parametrize("mode", ["beam", "beam_sample", "diverse", "constrained", "stochastic"])
def test_every_strategy_runs_to_its_end(visitor, mode):
    channels = visitor.ended(mode=mode, num_beams=6, length=5)
    assert visitor.session.trace.is_finished
    assert channels["beam.best"]["table"]["rows"]
    assert channels["beam.headline"]["parts"]
    assert channels["beam.code"]


def test_the_sentence_beside_greedy_is_that_of_two_separate_searches(visitor, storyteller):
    """The example that beam search loses: the numbers of the sentence against generate's own."""
    example = next(e for e in BEAM_EXAMPLES if e.key == "loses")
    channels = visitor.ended(prompt=example.prompt, num_beams=example.num_beams, length=example.length)
    ids = torch.tensor([storyteller.tokenizer.encode(example.prompt)])
    sums = []
    for beams in (example.num_beams, 1):
        output = storyteller.model.module.generate(
            ids, attention_mask=torch.ones_like(ids), num_beams=beams, do_sample=False, max_new_tokens=example.length,
            pad_token_id=0,
        )  # fmt: skip
        with torch.inference_mode():
            logprobs = storyteller.model.module(output).logits[0].log_softmax(-1)
        sums.append(sum(float(logprobs[i - 1, int(output[0, i])]) for i in range(ids.shape[1], output.shape[1])))
    assert sums[0] < sums[1]
    words = "".join(p if isinstance(p, str) else p["text"] for p in channels["beam.headline"]["parts"])
    assert f"{sums[1] - sums[0]:.2f} nats" in words
    assert "greedy does better" in words


def test_the_examples_show_what_their_texts_claim(visitor, storyteller):
    text = storyteller.vocabulary.text
    for example in BEAM_EXAMPLES[:4]:
        changes = dict(zip(
            ("prompt", "mode", "length", "num_beams", "length_penalty", "early", "stop_text"),
            visitor.tab.load_example(example, visitor.session)[:7], strict=True,
        ))  # fmt: skip
        visitor.ended(**changes)
        best, greedy = visitor.session.trace.best, visitor.session.greedy
        assert best is not None and greedy is not None
        if example.key == "pays_off":
            assert best.cum_logprob > greedy.cum_logprob + 3
            assert text(greedy.token_ids).startswith(" go") and text(best.token_ids).startswith(" see")
            given_up = greedy.logprobs[0] - best.logprobs[0]
            assert 0.4 < given_up < 0.6
            ahead = [sum(best.logprobs[:n]) > sum(greedy.logprobs[:n]) for n in range(1, len(best.token_ids) + 1)]
            assert not ahead[5] and all(ahead[6:])
            assert len(best.token_ids) == 12
            assert best.cum_logprob > sum(greedy.logprobs[:12]) + 5  # in as many tokens, too
            longer_ones = [h for h in visitor.session.trace.steps[-1].finished if len(h.token_ids) > 12]
            flips = [log(h.cum_logprob / best.cum_logprob) / log(len(h.token_ids) / 12) for h in longer_ones]
            assert f"above {min(flips):.2f} a longer text wins" in t(f"beam.example.{example.key}.notice")
            visitor.ended(length_penalty=2.0)
            longer = visitor.session.trace.best
            assert longer is not None and len(longer.token_ids) > len(best.token_ids)
        if example.key == "loses":
            assert best.cum_logprob < greedy.cum_logprob - 1
            visitor.ended(num_beams=4)
            wider = visitor.session.trace.best
            assert wider is not None and wider.cum_logprob > greedy.cum_logprob
        if example.key == "short_wins":
            assert len(best.token_ids) == 2
        if example.key == "repeats":
            assert text(best.token_ids).count("who had a son") >= 3


def test_step_takes_one_step_and_goes_on_where_the_last_one_was(visitor, forwards):
    for count in (1, 2, 3):
        before = forwards.count
        visitor.do("step")
        assert len(visitor.session.trace.steps) == count
        assert forwards.count <= before + 1  # nothing is searched twice


def test_a_pause_keeps_the_search_and_resume_ends_it_like_a_straight_one(visitor, storyteller):
    frames = visitor.set(speed="lively", length=8).begin("run")
    while len(visitor.session.trace.steps) < 3 or visitor.session.is_recorded:
        next(frames)
    visitor.do("pause")
    list(frames)
    held = len(visitor.session.trace.steps)
    assert 3 <= held < 8
    visitor.do("pause", speed="fast")
    ids = storyteller.tokenizer.encode("The fox went out to")
    *_, last = engine.search(storyteller.model, BeamSearch(3), ids, 8)
    assert visitor.session.trace.steps[-1].finished == last.finished
    assert [step.index for step in visitor.session.trace.steps] == list(range(8))


def test_other_settings_begin_a_new_search(visitor):
    visitor.do("step")
    visitor.do("step", num_beams=2)
    assert len(visitor.session.trace.steps) == 1
    assert visitor.session.trace.strategy.num_beams == 2


def test_a_search_that_was_replaced_or_whose_visitor_left_hands_its_cache_back(visitor):
    visitor.do("step")
    old = visitor.session.search
    visitor.do("run")
    assert old is not None and old._is_closed
    visitor.do("step", length=9)
    visitor.session.close()
    assert visitor.session.search._is_closed


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"num_beams": 17}, "num_beams must be between 1 and 16"),
        ({"length": 65}, "max_new_tokens must be between 1 and 64"),
        ({"mode": "diverse", "num_beams": 4, "groups": 3}, "num_beam_groups must be a divisor of num_beams (4)"),
        ({"mode": "constrained", "phrases": " ; "}, "force_words must be at least one phrase"),
        ({"length_penalty": None}, "length_penalty must be between"),
    ],
)
def test_a_bad_value_is_said_and_the_last_picture_stays(visitor, changes, words):
    before = visitor.session.trace
    last = visitor.do("run", **changes)[-1]
    assert words in last["beam.notice"]["parts"][0]
    assert last["beam.notice"]["kind"] == "bad"
    assert visitor.session.trace is before


def test_looking_makes_no_forward_pass(visitor, forwards):
    visitor.ended(length=6, stop_text=".")
    before = forwards.count
    scrubbed = visitor.look("scrub", 2)
    assert "Step 2:" in scrubbed["beam.headline"]["parts"][0]
    assert len(scrubbed["beam.running"]["table"]["rows"]) == 3
    picked = visitor.look("pick", [1, 0])
    assert len(picked["beam.path"]["table"]["rows"]) == 2
    alpha = json.loads(visitor.tab.change_alpha(visitor.session, 2.0))["channels"]
    assert alpha["beam.alpha_rank"]["table"]["rows"]
    json.loads(visitor.tab.resync(visitor.session))
    assert forwards.count == before


def test_where_the_last_step_ended_all_beams_those_before_it_are_shown(visitor):
    channels = visitor.ended(length=5)
    assert channels["beam.running"]["table"]["head"][0] == t("beam.column.text_before")
    rows = channels["beam.running"]["table"]["rows"]
    running = sorted(visitor.session.trace.running(3), key=lambda beam: -beam.cum_logprob)
    assert [row[1] for row in rows] == [f"{beam.cum_logprob:.2f}".replace("-", "−") for beam in running]


def test_a_node_that_is_not_there_is_let_go(visitor):
    visitor.ended()
    assert visitor.look("pick", [99, 0])["beam.path"]["table"]["rows"]
    assert visitor.session.picked is None


def test_the_ban_is_a_search_of_its_own(visitor, storyteller):
    visitor.ended(prompt="She looked at the mirror and", num_beams=4, length=24)
    winner = visitor.session.trace.best
    frames = [json.loads(sent)["channels"] for sent in visitor.tab.ban(visitor.session)]
    rows = frames[-1]["beam.ban"]["table"]["rows"]
    ids = torch.tensor([storyteller.tokenizer.encode("She looked at the mirror and")])
    output = storyteller.model.module.generate(
        ids, attention_mask=torch.ones_like(ids), num_beams=4, do_sample=False, max_new_tokens=24, pad_token_id=0,
        no_repeat_ngram_size=2, return_dict_in_generate=True, output_scores=True,
    )  # fmt: skip
    banned = float(output.sequences_scores[0]) * 24
    assert rows[1][2] == f"{banned:.2f}".replace("-", "−")
    assert f"{winner.cum_logprob - banned:.2f} nats" in frames[-1]["beam.ban_words"]["parts"][0]


def test_an_end_of_context_cuts_the_steps_and_says_so(visitor, storyteller):
    long = "the " * (storyteller.model.context_length - 8)
    frames = visitor.do("run", prompt=long.strip(), length=20)
    notices = [f["beam.notice"]["parts"] for f in frames if "beam.notice" in f]
    assert any("tokens fit" in parts[0] for parts in notices if parts)


def verified(visitor: BeamVisitor) -> Channels:
    return [json.loads(sent)["channels"] for sent in visitor.tab.verify(visitor.session)][-1]["beam.badge"]


def test_the_badge_says_what_was_compared(visitor):
    visitor.ended(num_beams=4, length=8, stop_text=".")
    badge = verified(visitor)
    assert badge["kind"] == "good"
    assert "equals generate(num_beams=4): 4/4 sequences" in badge["parts"][0]
    visitor.ended(mode="diverse", num_beams=4, groups=2, length=6)
    badge = verified(visitor)
    assert badge["kind"] == "good"
    assert "rescored" in badge["parts"][0]


def test_a_search_that_is_not_generate_s_gets_a_bad_badge(visitor):
    """A candidate's log-probability is changed after the fact: the badge must notice."""
    visitor.ended(num_beams=3, length=6)
    trace = visitor.session.trace
    last = trace.steps[-1]
    first, second, *rest = last.finished
    swapped = dataclasses.replace(last, finished=(second, first, *rest))
    visitor.session.trace = dataclasses.replace(trace, steps=(*trace.steps[:-1], swapped))
    badge = verified(visitor)
    assert badge["kind"] == "bad"
    assert "differs from generate" in badge["parts"][0]


def test_stop_strings_that_transformers_cannot_read_are_not_compared(build_tab, tiny_backend):
    visitor = BeamVisitor(build_tab(ModelSlot.filled(tiny_backend(eos=7), "tiny")))
    visitor.ended(prompt="a b", stop_text="c", length=5)
    assert "not compared" in verified(visitor)["parts"][0]


def test_a_sequence_has_one_colour_in_tree_tables_pool_and_length_penalty(visitor):
    """At every moment of a search in which the lead changes, and after it."""
    rows: list[Any] = []
    seen: dict[str, set[str]] = {}

    def note(text: str, colour: str) -> None:
        seen.setdefault(text, set()).add(colour)

    def name(number: int) -> str:
        return "muted" if number < 0 else f"seq-{chr(97 + number)}"

    changes = {"num_beams": 4, "length": 9, "stop_text": "."}
    everything = [*visitor.do("run", speed="lively", **changes), visitor.ended(speed="fast", **changes)]
    for channels in everything:
        payload = channels.get("beam.tree")
        if payload:
            rows = rows[: payload["start"]] + payload["tokens"]
        for panel in ("running", "best", "alpha_rank"):
            table = channels.get(f"beam.{panel}", {}).get("table", {"rows": []})
            for row, dot in zip(table["rows"], table.get("dots", []), strict=True):
                note(row[0], dot)
    for step, layer in enumerate(rows):
        for node in layer:
            text, at, above = "", step, node
            while True:
                text = above[1].replace("␣", " ") + text
                if at == 0:
                    break
                at, above = at - 1, rows[at - 1][above[0]]
            if node[5] in ("kept", "finished"):
                note(text.strip(), name(node[9]))
    assert len(seen) > 15
    assert {text: colours for text, colours in seen.items() if len(colours) > 1} == {}
    last = everything[-1]
    pool = last["beam.pool"]["data"][0]["marker"]["color"]
    assert pool == [f"var(--plot-{dot})" for dot in last["beam.best"]["table"]["dots"]]
    drawn = {line["name"]: line["line"]["color"] for line in last["beam.alpha"]["data"]}
    dots = last["beam.alpha_rank"]["table"]["dots"]
    assert drawn
    assert set(drawn.values()) <= {f"var(--plot-{dot})" for dot in dots}


def test_the_card_of_the_ban_says_what_it_would_forbid_before_it_is_asked(visitor):
    before = visitor.ended(num_beams=2, length=30, prompt="The dog and the cat and the dog and")["beam.ban_before"]
    ids = (*visitor.session.trace.prompt_ids, *visitor.session.trace.best.token_ids)
    pairs = list(pairwise(ids))
    count = sum(pair in pairs[:i] for i, pair in enumerate(pairs) if i >= len(visitor.session.trace.prompt_ids) - 1)
    assert count > 0
    assert str(count) in before["parts"][0]


def test_step_after_the_end_leaves_the_tree_as_it_is(visitor):
    """The recorded search too, which nobody has run: Step means one step more, and there is none."""
    first = BEAM_EXAMPLES[0]
    recorded = {
        "prompt": first.prompt, "num_beams": first.num_beams, "length": first.length, "stop_text": first.stop,
        "length_penalty": first.length_penalty, "early": first.early_stopping, "seed": 0,
    }  # fmt: skip
    trace = visitor.session.trace
    frames = visitor.do("step", **recorded)
    assert visitor.session.trace is trace
    assert not any("beam.tree" in channels for channels in frames)
    assert any("ended" in str(channels.get("beam.notice")) for channels in frames)
    visitor.ended(num_beams=2, length=4)
    trace = visitor.session.trace
    assert not any("beam.tree" in channels for channels in visitor.do("step"))
    assert visitor.session.trace is trace
