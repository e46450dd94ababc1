"""Turns in Compare's lanes: each model reads them by its own chat template, or their plain text where it has none."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import torch

from playground import engine
from playground.decoding.trace import GenerationRequest
from playground.engines import dialogues, prompts
from playground.engines.huggingface.backend import Backend, load
from playground.engines.huggingface.hub import Hub
from playground.engines.known import known
from playground.engines.loading import ModelSlot
from playground.engines.shelf import Entry, Shelf, shipped
from playground.i18n import translator
from playground.runs.scoring import text_lane
from playground.runs.setup import Setup
from playground.tabs.brought import MOST, TALES, VERSE, of_any
from playground.tabs.compare.examples import INSTRUCT
from playground.tabs.compare.linked import LinkedCompare
from playground.tabs.compare.session import OwnText
from tests.tabs.compare.test_compare import Comparer
from tests.tabs.compare.test_linked import Guest
from tests.tabs.compare.test_taking_over import search_controls, text_controls
from tests.talkers import TEMPLATES, turns_for, write_talker

Talker = Callable[..., Backend]


@pytest.fixture(scope="module")
def mute(tmp_path_factory: pytest.TempPathFactory) -> Backend:
    """The base of the model that talks: the same tokens, no chat template."""
    folder = write_talker(tmp_path_factory.mktemp("mute"))
    (folder / "chat_template.jinja").unlink()
    return load(str(folder), "base")


GREEDY = Setup("greedy", {}, None, 6)
BEAMS = Setup("beam", {"num_beams": 3}, None, 6)
DRAWN = Setup("sample", {"temperature": 1.3}, 5, 6)
HELLO = [{"role": "system", "content": "You tell tales."}, {"role": "user", "content": "A fox 狼 <b>"}]


def written(messages: list[dict[str, str]], **more: bool) -> str:
    return json.dumps({"messages": messages, **more})


def shelf_of(**backends: Backend) -> Shelf:
    """The first is the page's."""
    shelf = Shelf([Entry(name, name) for name in backends], lambda: None)
    shelf._slots |= {name: ModelSlot.filled(one, name) for name, one in backends.items()}
    return shelf


def tab_of(**backends: Backend) -> LinkedCompare:
    shelf = shelf_of(**backends)
    return LinkedCompare(shelf.slot(), translator(), shelf=shelf)


def comparer_of(**backends: Backend) -> Comparer:
    return Comparer(tab_of(**backends))


def theirs(backend: Backend, turns: list[dict[str, str]], **more: bool) -> list[int]:
    """As transformers reads them."""
    tokenizer: Any = backend.tokenizer.tokenizer
    more = more or {"add_generation_prompt": True}
    found: list[int] = tokenizer.apply_chat_template(turns, return_dict=True, **more)["input_ids"]
    return found


def of(model: str, setup: Setup = GREEDY) -> Setup:
    return Setup(setup.strategy, setup.settings, setup.seed, setup.max_new_tokens, model=model)


def read(comparer: Comparer) -> list[list[int]]:
    assert comparer.session.comparison is not None
    return [list(lane.request.prompt_ids) for lane in comparer.session.comparison.lanes]


def badges(comparer: Comparer) -> list[str]:
    for update in comparer.tab.verify(comparer.session):
        comparer.take(update)
    return [lane["badge"]["kind"] for lane in comparer.page["compare.lanes"]["lanes"]]


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_lane_reads_turns_as_transformers_does(name: str, talker: Talker) -> None:
    backend, turns = talker(name), turns_for(name)
    comparer = comparer_of(talker=backend).lanes(GREEDY, DRAWN, BEAMS)
    comparer.values = ("", False, "fast", written(turns))
    comparer.do("run")
    assert read(comparer) == [theirs(backend, turns)] * 3
    ids, rendered = prompts.turns(dialogues.checked(turns), backend)
    for place, setup in enumerate((GREEDY, DRAWN)):
        request = GenerationRequest(ids, setup.build(backend), 6, rendered=rendered)
        *_, alone = engine.generate(backend.model, request)
        assert comparer.session.comparison is not None
        assert comparer.session.comparison.lanes[place].token_ids == alone.token_ids
    assert badges(comparer) == ["good"] * 3
    parts = comparer.page["compare.lead"]["parts"]
    assert parts[0]["text"] == comparer.tab.t("turns.legend")
    assert any(part["kind"] == "own" and "in the sea" in part["text"] for part in parts)
    assert any(part["kind"] in ("added", "special") for part in parts)
    assert comparer.page["compare.turns"] == {"offered": True}
    comparer.values = ("A fox", False, "fast", "")
    comparer.do("run")
    assert comparer.page["compare.lead"] == {"parts": []} and read(comparer)[0] == list(
        prompts.prompt("A fox", backend)
    )


@pytest.mark.parametrize("page", ["talker", "base"])
def test_a_model_without_a_template_reads_what_the_user_said_last(page: str, talker: Talker, mute: Backend) -> None:
    both = {"talker": talker(), "base": mute}
    comparer = comparer_of(**dict(sorted(both.items(), key=lambda pair: pair[0] != page)))
    comparer.lanes(of("talker"), of("base")).values = ("", True, "fast", written(HELLO))
    comparer.do("run")
    assert read(comparer) == [theirs(both["talker"], HELLO), list(mute.tokenizer.encode("A fox 狼 <b>"))]
    said = comparer.said("compare.lead")
    assert said.endswith(comparer.tab.t("compare.turns.plain", names="base")) and "<|im_start|>" in said
    assert badges(comparer) == ["good", "good"]
    assert "part at token" in comparer.said("compare.parting")  # they begin behind different prompts
    assert comparer.page["compare.turns"] == {"offered": True}
    comparer.edit(do="remove", key=comparer.session.lanes[0].key)  # two are the fewest
    comparer.lanes(of("base"), of("base"))
    assert comparer.tab.offer(comparer.session) == {"offered": page == "talker"}


def test_what_of_turns_is_plain() -> None:
    def plain(*turns: str, continues: bool = False) -> str:
        pairs = [turn.split(":") for turn in turns]
        return dialogues.checked([{"role": role, "content": text} for role, text in pairs], continues).plain

    assert plain("system:S", "user:1", "assistant:2", "user:3") == "3"
    assert plain("user:1", "assistant:2", continues=True) == "1\n2"
    assert plain("system:S") == "S" and plain("system:S", "assistant:A") == "A"


def test_the_end_of_a_turn_ends_a_lane(talker: Talker) -> None:
    backend = talker()
    tokenizer: Any = backend.tokenizer.tokenizer
    end = tokenizer.convert_tokens_to_ids("<|im_end|>")
    sure = Setup("greedy", {"sequence_bias": [[[end], 80.0]]}, None, 6)
    comparer = comparer_of(talker=backend).lanes(sure, BEAMS)
    comparer.values = ("", True, "fast", written(HELLO))
    comparer.do("run")
    assert comparer.session.comparison is not None
    assert comparer.session.comparison.lanes[0].token_ids == (end,) and badges(comparer)[0] == "good"
    comparer.do("draw", 3)
    clouds = comparer.session.clouds
    key = comparer.session.lanes[0].key
    assert [one.token_ids for one in clouds.drawn[key].samples] == [(end,)] * 3
    for update in comparer.tab.verify_clouds(comparer.session):
        comparer.take(update)
    badge = clouds.badge(key)
    assert badge is not None and badge["kind"] == "good"
    comparer.values = ("A fox", True, "fast", "")
    comparer.do("run")
    assert len(comparer.session.comparison.lanes[0].token_ids) == 6  # in a plain text it is one token of many


@pytest.mark.parametrize("continues", [False, True])
def test_a_text_is_read_behind_the_template(continues: bool, talker: Talker) -> None:
    backend = talker()
    turns = [*HELLO, {"role": "assistant", "content": "Once"}] if continues else HELLO
    dialogue, text = dialogues.checked(turns, continues), " a wolf came."
    lane = text_lane(dialogue, text, backend)
    how = {"continue_final_message": True} if continues else {"add_generation_prompt": True}
    assert list(lane.request.prompt_ids) == theirs(backend, turns, **how)
    ids = lane.request.prompt_ids + lane.token_ids
    assert backend.vocabulary.text(lane.token_ids) == text
    rows = torch.log_softmax(backend.model.logits(ids).double(), -1)
    for place, logprob in enumerate(lane.logprobs, len(lane.request.prompt_ids)):
        assert float(rows[place - 1, ids[place]]) == pytest.approx(logprob, abs=1e-4)
    comparer = comparer_of(talker=backend)
    comparer.session.fill([("text", OwnText(text)), ("greedy", GREEDY)], "")
    comparer.values = ("", True, "fast", written(turns, **({"continue_final_message": True} if continues else {})))
    comparer.do("run")
    assert comparer.session.comparison is not None
    assert comparer.session.comparison.lanes[0].token_ids == lane.token_ids
    assert badges(comparer) == ["good", "good"]
    assert comparer.page["compare.lanes.0"]["lead"] == ("Once" if continues else "")


def test_turns_pass_on_in_a_link_and_in_a_file(talker: Talker, storyteller: Backend) -> None:
    tab = tab_of(talker=talker(), base=storyteller)
    one = Guest(tab)
    turns = written([*HELLO, {"role": "assistant", "content": "No & yes\n="}], continue_final_message=True)
    one.values = ("", True, "fast", turns)
    one.session.fill([("talks", of("talker")), ("goes on", of("base"))], "")
    one.do("run")
    assert "continue_final_message=1" in one.link
    other = Guest(tab)
    other.opens(one.link)
    assert (json.loads(other.values[3]), other.ids, other.rows) == (json.loads(turns), one.ids, one.rows)
    assert other.link == one.link
    other.do("save", "everything")
    saved = json.loads(other.page["compare.save"]["text"])
    assert saved["messages"] == json.loads(turns)["messages"] and "prompt" not in saved
    wrong = Guest(tab)
    wrong.opens("tab=compare&prompt=The+fox&messages=[&autorun=0")
    assert wrong.values[0] == "The fox" and wrong.values[3] == ""
    assert "messages" in "".join(wrong.page["compare.link"]["parts"])


@pytest.mark.parametrize("name", ["from_generate", "from_search"])
def test_turns_are_taken_over_with_the_prompt(name: str, talker: Talker) -> None:
    comparer, turns = comparer_of(talker=talker()), written(HELLO)
    controls = (*(text_controls()[:-1] if name == "from_generate" else search_controls()[:-1]), turns)
    here = ("A wolf", True, "fast", "")
    take = getattr(comparer.tab, name)
    text, taken, made = take(comparer.session, True, *controls, *here)
    assert text == "A fox 狼 <b>" and json.loads(taken) == json.loads(turns)
    assert made.channels["compare.turns"] == {"offered": True}
    assert comparer.session.now == (dialogues.checked(HELLO), True)
    setup = comparer.session.lanes[-1].setup
    assert isinstance(setup, Setup) and (setup.prompt, setup.dialogue) == (None, None)
    comparer.lanes(setup, GREEDY).values = (text, True, "fast", taken)
    comparer.do("run")
    assert read(comparer) == [theirs(talker(), HELLO)] * 2


def test_other_turns_are_another_comparison_and_the_line_says_so(talker: Talker, storyteller: Backend) -> None:
    """Even where the page's model reads the same of both."""
    comparer = comparer_of(base=storyteller, talker=talker()).lanes(of("talker"), of("base"))
    comparer.values = ("", True, "fast", written(HELLO[1:]))
    comparer.do("step").do("step")
    assert comparer.session.comparison is not None and comparer.session.comparison.steps == 2
    comparer.values = ("", True, "fast", written(HELLO))
    comparer.do("step")
    assert comparer.session.comparison.steps == 1
    comparer.values = ("A fox 狼 <b>", True, "fast", "")
    comparer.do("resync")
    assert comparer.page["compare.made"]["kind"] == "changed"
    comparer.do("step")
    assert comparer.session.comparison.steps == 1
    comparer.values = ("", True, "fast", "[")
    assert "messages" in comparer.do("run").said("compare.notice")


def test_clouds_of_other_turns_are_drawn_anew(talker: Talker, storyteller: Backend) -> None:
    comparer = comparer_of(base=storyteller, talker=talker()).lanes(of("talker", DRAWN), of("base", DRAWN))
    comparer.values = ("", False, "fast", written(HELLO[1:]))
    comparer.do("draw", 2)
    key = comparer.session.lanes[0].key
    before = comparer.session.clouds.drawn[key].request.prompt_ids
    comparer.values = ("", False, "fast", written(HELLO))
    comparer.do("draw", 2)
    assert comparer.session.clouds.drawn[key].request.prompt_ids != before
    assert "A fox 狼" in comparer.said("compare.clouds.made")


def test_turns_are_offered_once_the_model_is_there(talker: Talker, storyteller: Backend) -> None:
    for backend, offered in ((talker(), True), (storyteller, False)):
        comparer = comparer_of(page=backend)
        comparer.do("welcome")
        assert comparer.page["compare.turns"] == {"offered": offered}
        comparer.page = {}
        comparer.do("arrive")
        assert comparer.page["compare.turns"] == {"offered": offered}


def test_instruct_against_base_is_offered_where_both_are_on_the_shelf(talker: Talker, storyteller: Backend) -> None:
    with_both = Shelf([*shipped(), *known(Hub())], lambda: None)
    for brought in (TALES, of_any("en")):
        assert brought.beside(with_both).comparisons[-1] == INSTRUCT
        for shelf in (Shelf(shipped(), lambda: None), shelf_of(**{"SmolLM2-135M-Instruct": talker()})):
            assert INSTRUCT not in brought.beside(shelf).comparisons
    assert all(len(one.comparisons) <= MOST for one in (TALES, VERSE, of_any("en")))


def test_the_example_is_read_as_turns_and_as_a_text(talker: Talker, mute: Backend, storyteller: Backend) -> None:
    models = {"SmolLM2-135M-Instruct": talker(), "SmolLM2-135M": mute}
    comparer = comparer_of(storyteller=storyteller, **models)
    place = comparer.tab.brought.comparisons.index(INSTRUCT)
    prompt, turns, same, update = comparer.tab.nth_example(place, comparer.session)
    assert comparer.take(update)["compare.turns"] == {"offered": True}
    comparer.values = (prompt, same, "fast", turns)
    comparer.do("run_example")
    question = "What is the capital of France?"
    assert prompt == question and read(comparer) == [
        theirs(talker(), [{"role": "user", "content": question}]), list(mute.tokenizer.encode(question))
    ]  # fmt: skip
    assert comparer.tab.t("compare.turns.plain", names="SmolLM2-135M") in comparer.said("compare.lead")
    assert badges(comparer) == ["good", "good"]


def test_an_example_fetches_nothing_before_run_is_pressed(talker: Talker, mute: Backend, storyteller: Backend) -> None:
    loaded = []

    def entry(name: str, backend: Backend) -> Entry:
        def load() -> Backend:
            loaded.append(name)
            return backend

        return Entry(name, name, load=load, is_kept=lambda: False, note="269 MB")

    entries = [entry("SmolLM2-135M-Instruct", talker()), entry("SmolLM2-135M", mute)]
    shelf = Shelf([Entry("storyteller", "storyteller"), *entries], lambda: None)
    shelf._slots["storyteller"] = ModelSlot.filled(storyteller, "storyteller")
    comparer = Comparer(LinkedCompare(shelf.slot(), translator(), shelf=shelf))
    prompt, turns, same, update = comparer.tab.load_example(INSTRUCT, comparer.session)
    assert comparer.take(update)["compare.turns"] == {"offered": True}  # a model that is not here yet may take them
    comparer.values = (prompt, same, "fast", turns)
    comparer.do("run_example")
    assert loaded == [] and comparer.session.comparison is None
    said = comparer.said("compare.notice")
    assert "SmolLM2-135M-Instruct (269 MB)" in said and "SmolLM2-135M (269 MB)" in said
    comparer.do("run")
    assert sorted(loaded) == ["SmolLM2-135M", "SmolLM2-135M-Instruct"] and len(read(comparer)) == 2
