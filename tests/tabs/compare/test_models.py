"""Lanes of several models in one comparison: who writes what, what stands beside what, and what is compared."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from playground import engine
from playground.api.compare_endpoints import CompareEndpoints
from playground.decoding.trace import GenerationRequest
from playground.engines.huggingface.backend import Backend, from_parts
from playground.engines.loading import ModelSlot
from playground.engines.shelf import Entry, Shelf, shipped
from playground.errors import UnknownModelError
from playground.i18n import translator
from playground.runs.setup import Setup
from playground.tabs.compare.handlers import CompareTab
from playground.tabs.compare.session import OwnText
from playground.views.lane_parting import first_difference
from tests.tabs.compare.test_compare import PROMPT, Comparer

GREEDY = Setup("greedy", {}, None, 8)


def spelling() -> Backend:
    """A model whose tokens are single characters."""
    letters = sorted(set(pre_tokenizers.ByteLevel.alphabet()))
    tokenizer = Tokenizer(models.BPE({letter: i for i, letter in enumerate(letters)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    config = GPT2Config(
        vocab_size=256, n_positions=96, n_embd=16, n_layer=1, n_head=2, bos_token_id=None, eos_token_id=None
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        module = GPT2LMHeadModel(config)
    module.generation_config.eos_token_id = None
    return from_parts(module, PreTrainedTokenizerFast(tokenizer_object=tokenizer), "spelling")


@pytest.fixture(scope="module")
def shelf(storyteller: Backend) -> Shelf:
    own = Entry("spelling", "spelling", load=spelling)
    made = Shelf([*shipped(), own], lambda: None)
    made._slots["storyteller"] = ModelSlot.filled(storyteller, "assets/models/storyteller")
    return made


@pytest.fixture
def comparer(shelf: Shelf) -> Comparer:
    return Comparer(CompareTab(shelf.slot("storyteller"), translator(), shelf=shelf))


def lanes(comparer: Comparer) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = comparer.page["compare.lanes"]["lanes"]
    return found


def verified(comparer: Comparer) -> list[str]:
    for update in comparer.tab.verify(comparer.session):
        comparer.take(update)
    return [lane["badge"]["kind"] for lane in lanes(comparer)]


def of(model: str, setup: Setup = GREEDY) -> Setup:
    return Setup(setup.strategy, setup.settings, setup.seed, setup.max_new_tokens, model=model)


def test_each_lane_is_written_by_its_own_model_and_compared_with_that(comparer: Comparer, shelf: Shelf) -> None:
    comparer.lanes(GREEDY, of("detective"), of("spelling"), of("storyteller")).do("run")
    session = comparer.session
    assert session.comparison is not None
    for lane, name in zip(
        session.comparison.lanes, ("storyteller", "detective", "spelling", "storyteller"), strict=True
    ):
        backend: Any = shelf.slot(name).get()
        request = GenerationRequest(backend.tokenizer.encode(PROMPT), GREEDY.build(backend), 8)
        *_, alone = engine.generate(backend.model, request)
        assert lane.token_ids == alone.token_ids and lane.request.prompt_ids == request.prompt_ids
    assert comparer.text(0) == comparer.text(3) != comparer.text(1)
    assert verified(comparer) == ["good"] * 4
    assert [lane["chips"][0] for lane in lanes(comparer)] == [
        "Greedy", "storyteller + detective", "spelling", "storyteller"
    ]  # fmt: skip


def test_lanes_of_one_model_share_its_batch(comparer: Comparer, shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    rows: dict[str, set[int]] = {}
    for name in ("storyteller", "detective"):
        model: Any = shelf.slot(name).get().model

        def forward(ids: Any, *rest: Any, name: str = name, pass_: Callable[..., Any] = model.forward) -> Any:
            rows.setdefault(name, set()).add(len(ids))
            return pass_(ids, *rest)

        monkeypatch.setattr(model, "forward", forward)
    drawn = Setup("sample", {}, 3, 8)
    comparer.lanes(GREEDY, of("detective"), of("storyteller", drawn), of("detective", drawn)).do("run")
    assert max(rows["storyteller"]) == max(rows["detective"]) == 2


def test_other_tokens_stand_beside_each_other_by_their_characters(comparer: Comparer) -> None:
    comparer.lanes(GREEDY, of("spelling")).do("run")
    page = comparer.page["compare.lanes"]
    assert page["by_text"] and all(lane["parts_at"] == 0 for lane in lanes(comparer))
    assert "part at character 1" in comparer.said("compare.parting")
    assert all(lane["numbers"][0][1] == "nats a character" for lane in lanes(comparer))
    comparer.do("inspect", [1, 4])  # the fifth character of the letters' text
    text = comparer.text(0)
    starts = [sum(len(token["text"]) for token in comparer.texts[0][:i]) for i in range(9)]
    wanted = next(i for i, (start, end) in enumerate(pairwise(starts)) if start <= 4 < end)
    assert (lanes(comparer)[0]["at"], lanes(comparer)[1]["at"]) == (wanted, 4) and len(text) > 5
    step = comparer.page["compare.step"]
    assert "holds character 5" in step["label"]
    for row in step["rows"]:  # letters are tokens of both; of longer tokens the speller has no bar
        is_letter = len(row["name"]) == 1
        assert (row["cells"][1]["text"] == "–") is not is_letter
    assert any(len(row["name"]) > 1 for row in step["rows"])
    figure = comparer.page["compare.surprisal"]
    assert figure["data"][0]["x"] == [start + 1 for start in starts[:8]]
    assert figure["data"][1]["x"] == list(range(1, 9))


def test_one_text_is_read_by_two_models(comparer: Comparer, shelf: Shelf) -> None:
    text = " daughter, “Take it, Holmes.”"
    comparer.lanes(GREEDY, GREEDY)
    session = comparer.session
    session.fill([("base", OwnText(text)), ("adapter", OwnText(text, "detective"))], "strategies")
    comparer.do("run")
    assert session.comparison is not None and verified(comparer) == ["good", "good"]
    first, second = (lane.logprobs for lane in session.comparison.lanes)
    assert len(first) == len(second) and sum(second) > sum(first)  # the detective's words are likelier to it


def test_a_lane_names_a_model_of_the_shelf_and_links_and_files_carry_it(comparer: Comparer) -> None:
    comparer.lanes(GREEDY, GREEDY)
    key = comparer.session.lanes[1].key
    comparer.edit(do="change", key=key, name="L1", setup={**GREEDY.to_json(), "model": "detective"})
    assert lanes(comparer)[1]["setup"]["model"] == lanes(comparer)[1]["model"] == "detective"
    comparer.do("run")
    comparer.do("save", "everything")
    assert '"model": "detective"' in comparer.page["compare.save"]["text"]
    assert ["detective", "storyteller + detective", "detective"] in comparer.page["compare.models"]["models"]
    comparer.edit(do="change", key=key, name="L1", setup={**GREEDY.to_json(), "model": "/etc"})
    comparer.do("run")
    assert "/etc" in comparer.said("compare.notice")
    with pytest.raises(UnknownModelError):
        comparer.tab.shelf.slot("/etc")


def test_clouds_are_drawn_by_each_lanes_model(comparer: Comparer, shelf: Shelf) -> None:
    drawn = Setup("sample", {}, 3, 5)
    comparer.lanes(drawn, of("detective", drawn), of("spelling", drawn)).do("run")
    comparer.do("draw", 4)
    clouds = list(comparer.session.clouds.drawn.values())
    for cloud, name in zip(clouds, ("storyteller", "detective", "spelling"), strict=True):
        backend: Any = shelf.slot(name).get()
        request = GenerationRequest(backend.tokenizer.encode(PROMPT), drawn.build(backend), 5)
        *_, alone = engine.generate(backend.model, request)
        assert len(cloud.samples) == 4 and cloud.samples[0].token_ids == alone.token_ids
    comparer.do("save", "texts")
    assert comparer.page["compare.save"]["text"].count("\n") == 13


def test_models_that_are_named_are_loaded_once_and_not_dropped_meanwhile(storyteller: Backend) -> None:
    shelf = Shelf(shipped(), lambda: None, budget=1)
    shelf._slots["storyteller"] = ModelSlot.filled(storyteller, "assets/models/storyteller")
    comparer = Comparer(CompareTab(shelf.slot("storyteller"), translator(), shelf=shelf)).lanes(GREEDY, of("poet"))
    notices = [
        frame["compare.notice"] for frame in map(comparer.take, comparer.tab.run(comparer.session, "春", True, "fast"))
        if "compare.notice" in frame
    ]  # fmt: skip
    assert "poet" in str(notices[0]) and comparer.session.comparison is not None
    assert not shelf.slot("poet").is_in_use and comparer.text(1)


def test_setups_of_the_endpoint_name_their_models(shelf: Shelf) -> None:
    compare = CompareEndpoints(shelf.slot("storyteller"), shelf).compare
    setups = [{"strategy": "greedy", "max_new_tokens": 6, "model": name} for name in ("", "detective", "spelling")]
    *_, last = compare(PROMPT, setups[:2], num_samples=2)
    texts = [lane["text"] for lane in last["lanes"]]
    assert last["parts_at"] == first_difference([lane["token_ids"] for lane in last["lanes"]])
    for name, text in zip(("storyteller", "detective"), texts, strict=True):
        backend: Any = shelf.slot(name).get()
        request = GenerationRequest(backend.tokenizer.encode(PROMPT), GREEDY.build(backend), 6)
        *_, alone = engine.generate(backend.model, request)
        assert text == backend.vocabulary.text(alone.token_ids)
    *_, other = compare(PROMPT, setups)
    assert other["parts_at"] == [0, 0, 0] and len(other["lanes"][2]["text"]) == 6
