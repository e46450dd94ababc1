"""An engine from a table: what it reads, and that the page's tabs run on it without transformers' models."""

import subprocess
import sys
from collections.abc import Callable
from math import log

import pytest

from playground.engines.loading import ModelSlot
from playground.engines.protocol import Engine
from playground.engines.table import TableEngine, from_table
from playground.errors import NothingToInspectError, PromptTooLongError
from playground.runs import late, scoring
from tests.tabs.beam.test_handlers import BeamVisitor, build_tab
from tests.visitors import Visitor, recorded_tab, visitor_of

__all__ = ["build_tab", "recorded_tab", "visitor_of"]
STORY = {
    "the": {" fox": 0.7, " wolf": 0.3},
    " fox": {" ran": 0.6, " slept": 0.4},
    " wolf": {" slept": 1.0},
    " ran": {".": 0.9, " fox": 0.1},
    " slept": {".": 1.0},
    ".": {"<end>": 1.0},
}


@pytest.fixture
def story() -> TableEngine:
    return from_table(STORY, ends=("<end>",), name="a story")


def words(channel: dict[str, object]) -> str:
    parts = channel["parts"]
    assert isinstance(parts, list)
    return "".join(part if isinstance(part, str) else part["text"] for part in parts)


def test_it_is_an_engine(story: TableEngine) -> None:
    engine: Engine = story
    assert (engine.info.vocab_size, engine.can.generates, engine.can.told) == (7, False, None)


def test_a_text_is_read_by_its_longest_tokens_and_the_rest_is_left_out(story: TableEngine) -> None:
    ids = story.tokenizer.encode("the fox ran?!?.")
    assert story.vocabulary.labels(ids) == ["the", "␣fox", "␣ran", "."]
    assert story.tokenizer.dropped("the fox ran?!?.") == "?!"
    assert story.tokenizer.decode((*ids, *story.model.eos_ids)) == "the fox ran."


def test_a_row_must_be_one_in_all() -> None:
    with pytest.raises(ValueError, match="after 'a' are not 1"):
        from_table({"a": {"b": 0.5}})


def test_a_text_of_ones_own_is_scored_by_hand(story: TableEngine) -> None:
    scored = scoring.score_text("the", " fox ran.", story)
    assert [t.logprob for t in scored.tokens] == pytest.approx([log(0.7), log(0.6), log(0.9)], abs=1e-6)


def test_more_than_its_context_is_refused() -> None:
    model = from_table({"a": {"b": 1.0}, "b": {"a": 1.0}}, context_length=3).model
    state = model.prefill([0, 1, 0])
    for refused in (lambda: state.advance([0], [1]), lambda: model.prefill([0, 1], [0, 1])):
        with pytest.raises(PromptTooLongError):
            refused()


def test_the_generate_tab_runs_on_it(story: TableEngine, visitor_of: Callable[[TableEngine], Visitor]) -> None:
    visitor = visitor_of(story)
    visitor.do("run", prompt="the", mode="greedy", length=10)
    assert story.vocabulary.text(visitor.ids) == " fox ran."
    assert visitor.session.trace.finish_reason == "stop"
    bars = visitor.do("inspect", 0)[0]["next_token"]
    assert [(row["name"], row["text"]) for row in bars["rows"][:2]] == [("␣fox", "70.0 %"), ("␣wolf", "30.0 %")]
    (badge,) = visitor.verify()
    assert words(badge["badge"]) == "no reference: a story does not run in transformers"
    assert words(badge["code"]) == "No script: a story does not run in transformers."
    visitor.do("branch", 2)  # the id of " wolf"
    assert story.vocabulary.text(visitor.ids).startswith(" wolf")


def test_the_beam_tab_runs_on_it(story: TableEngine, build_tab: Callable[[ModelSlot], object]) -> None:
    visitor = BeamVisitor(build_tab(ModelSlot.filled(story, "a table")))  # type: ignore[arg-type]
    visitor.ended(prompt="the", num_beams=2, length=6, length_penalty=0.0)
    best = visitor.session.trace.best
    assert best is not None
    assert story.vocabulary.text(best.token_ids) == " fox ran."
    assert best.score == pytest.approx(log(0.7 * 0.6 * 0.9), abs=1e-6)
    assert story.vocabulary.text(visitor.session.trace.steps[-1].finished[1].token_ids) == " wolf slept."
    (sent,) = visitor.tab.verify(visitor.session)
    assert "no reference" in sent


def test_its_inside_can_not_be_opened(story: TableEngine) -> None:
    with pytest.raises(NothingToInspectError, match="a story"):
        late.inspection_of(ModelSlot.filled(story, "a table"))


def test_it_needs_no_transformers() -> None:
    """A run, in a process of its own."""
    script = """
import sys
from playground import engine
from playground.decoding.sampling import Sampling
from playground.decoding.trace import GenerationRequest
from playground.engines.table import from_table
story = from_table({"a": {"b": 1.0}, "b": {"a": 1.0}})
*_, trace = engine.generate(story.model, GenerationRequest((0,), Sampling(), 3))
print(trace.token_ids, "transformers" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "(1, 0, 1) False"


@pytest.fixture
def partial() -> TableEngine:
    """A hundred words, of which 20 are told at each step; the less probable, the later."""
    names = [f" w{i}" for i in range(100)]
    weights = [1 / (i + 3) for i in range(100)]
    row = {name: weight / sum(weights) for name, weight in zip(names, weights, strict=True)}
    return from_table(dict.fromkeys(names, row), name="twenty", told=20)


def test_a_run_of_what_is_told_says_what_it_can_not_show(
    partial: TableEngine, visitor_of: Callable[[TableEngine], Visitor]
) -> None:
    visitor, shown = visitor_of(partial), {}
    for channels in visitor.do("run", prompt=" w0", mode="sample", seed=3, length=5, top_p=0.3):
        shown |= channels
    assert len(visitor.ids) == 5
    assert "twenty tells its 20 most probable tokens" in words(shown["notice"])
    rows = shown["next_token"]["rows"]
    chances = {f"␣w{i}": 1 / (i + 3) / sum(1 / (n + 3) for n in range(100)) for i in range(100)}
    named = [row["name"] for row in rows[:-1]]
    rest = 1 - sum(chances[name] for name in named)
    assert rows[-1]["text"] == f"{100 - len(named)} tokens share {100 * rest:.1f} % → 0 %; 80 not told"
    assert "told to rank 20" in shown["cutoffs"]["label"]
    assert "keeps at least" not in shown["cutoffs"]["label"]
    assert "needs the probability of every token" in shown["temperature"]["label"]
    assert shown["stages"]["table"]["rows"][0][-1].startswith("≤ ")
    assert "Entropy ≤ " in words(shown["headline"])
    for channels in visitor.do("redraw", top_p=0.99):
        shown |= channels
    assert "keeps at least 20" in shown["cutoffs"]["label"]
    assert shown["stages"]["table"]["rows"][1][1] == "≥ 20"


def test_settings_and_tabs_that_need_a_whole_row_say_so(
    partial: TableEngine, visitor_of: Callable[[TableEngine], Visitor], build_tab: Callable[[ModelSlot], object]
) -> None:
    visitor = visitor_of(partial)
    (refused,) = visitor.do("run", prompt=" w0", typical_p=0.5)
    assert words(refused["notice"]).startswith("typical")
    assert "needs the probability of every token" in words(refused["notice"])
    beams = BeamVisitor(build_tab(ModelSlot.filled(partial, "twenty")))  # type: ignore[arg-type]
    (refused,) = beams.do("run", prompt=" w0")
    assert words(refused["beam.notice"]).startswith("Beam search: this needs the probability of every token")
