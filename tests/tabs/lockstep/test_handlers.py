"""The Two models tab without a browser: its frames say what peft computes, for a base and its adapter at any scale."""

import json
import math
import shutil
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from playground import settings
from playground.engines.huggingface import backend, lora
from playground.engines.huggingface.backend import Backend, from_parts
from playground.engines.loading import ModelSlot, Progress
from playground.engines.shelf import Entry, Shelf, shipped
from playground.i18n import translator
from playground.runs import late
from playground.tabs.brought import TALES, VERSE
from playground.tabs.lockstep import handlers
from playground.tabs.lockstep.handlers import LockstepSession, LockstepTab
from playground.tabs.lockstep.sides import Sides, at_first, choices
from playground.views import lockstep as view_of
from playground.views.notation import percent, significant
from tests.conftest import build_llama

Channels = dict[str, Any]
t = translator()
EXAMPLE_TEXT = TALES.compared
DETECTIVE = str(settings.MODELS / "detective")
pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")  # peft asks transformers so


class Visitor:
    """One session of the tab; the frames of a handler come back as channels."""

    def __init__(self, tab: LockstepTab) -> None:
        self.tab, self.session = tab, LockstepSession()

    def do(self, handler: str, *values: Any) -> Channels:
        channels: Channels = {}
        for sent in getattr(self.tab, handler)(self.session, *values):
            channels |= json.loads(sent)["channels"]
        return channels


@pytest.fixture(scope="module")
def shared(storyteller: Backend) -> LockstepTab:
    slot = ModelSlot.filled(storyteller, "assets/models/storyteller")
    return LockstepTab(slot, t, shelf=Shelf.of(slot).beside(shipped(), late.load))


@pytest.fixture
def visitor(shared: LockstepTab) -> Visitor:
    return Visitor(shared)


@pytest.fixture(scope="module")
def reference(storyteller: Backend) -> Callable[[float], tuple[torch.Tensor, torch.Tensor]]:
    """The log-probabilities of the example under base and adapter, by peft itself."""
    module = AutoModelForCausalLM.from_pretrained(settings.DEFAULT_MODEL, dtype=torch.float32)
    with_it = PeftModel.from_pretrained(module, DETECTIVE).eval()
    ids = torch.tensor([storyteller.tokenizer.encode(EXAMPLE_TEXT)])

    @torch.inference_mode()
    def rows(scale: float) -> tuple[torch.Tensor, torch.Tensor]:
        for part in with_it.modules():
            if hasattr(part, "scale_layer"):
                part.set_scale("default", scale)
        with with_it.disable_adapter():
            first = with_it(input_ids=ids).logits[0]
        second = with_it(input_ids=ids).logits[0]
        return torch.log_softmax(first.double(), -1), torch.log_softmax(second.double(), -1)

    return rows


@pytest.mark.parametrize("scale", [1.0, 0.4, 2.0])
def test_the_page_says_what_peft_computes(
    visitor: Visitor, reference: Callable[..., Any], storyteller: Backend, scale: float
) -> None:
    channels = visitor.do("look", EXAMPLE_TEXT, "storyteller", "detective", scale)
    p, q = reference(scale)
    ids = storyteller.tokenizer.encode(EXAMPLE_TEXT)
    bars, line = channels["lockstep.chart"]["data"]
    kl = (q.exp() * (q - p)).sum(-1)[:-1]
    assert bars["y"] == pytest.approx(kl.tolist(), rel=1e-4, abs=1e-9)
    ratios = [float(q[i, own] - p[i, own]) for i, own in enumerate(ids[1:])]
    assert line["y"] == pytest.approx([sum(ratios[: i + 1]) for i in range(len(ratios))], rel=1e-4, abs=1e-6)
    (whole,) = channels["lockstep.whole"]["parts"]
    assert whole.startswith("storyteller + detective would rather") and significant(sum(ratios)) in whole
    at = visitor.session.token
    (headline,) = channels["lockstep.headline"]["parts"]
    for row in (p, q):
        assert percent(math.exp(row[at - 1, ids[at]])) in headline
    change = q.exp().mean(0) - p.exp().mean(0)
    best = storyteller.vocabulary.label(int(change.argmax()))
    assert channels["lockstep.words"]["table"]["rows"][0][0] == best
    lit = [row for row in channels["lockstep.next"]["rows"] if row.get("lit")]
    assert len(lit) <= 1 and len(channels["lockstep.next"]["rows"]) >= 6


def test_off_there_is_no_difference(visitor: Visitor) -> None:
    channels = visitor.do("look", EXAMPLE_TEXT, "storyteller", "detective", 0.0)
    bars, line = channels["lockstep.chart"]["data"]
    assert set(bars["y"]) == set(line["y"]) == {0.0} and channels["lockstep.words"]["table"]["rows"] == []
    assert {cell[0] for row in channels["lockstep.matrices"]["rows"] for cell in row["cells"]} == {percent(0.0)}


def test_what_lora_changes_in_real_counts(visitor: Visitor) -> None:
    channels = visitor.do("look", EXAMPLE_TEXT, "storyteller", "detective", 1.0)
    words, _, largest = channels["lockstep.changes"]["parts"]
    module = AutoModelForCausalLM.from_pretrained(settings.DEFAULT_MODEL, dtype=torch.float32)
    with_it = PeftModel.from_pretrained(module, DETECTIVE)
    trained = sum(p.numel() for name, p in with_it.named_parameters() if "lora_" in name)
    whole = sum(p.numel() for p in module.parameters()) - trained
    assert f"{trained:,} numbers trained beside {whole:,} parameters" in words and percent(trained / whole) in words
    grid = channels["lockstep.matrices"]
    assert len(grid["rows"]) == 6 and [column[0] for column in grid["columns"]] == [
        "attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj",
    ]  # fmt: skip
    layer = with_it.base_model.model.transformer.h[3].mlp.c_fc
    share = float(layer.get_delta_weight("default").norm() / layer.base_layer.weight.norm())
    assert grid["rows"][3]["cells"][2][0] == percent(share)
    twice = visitor.do("look", EXAMPLE_TEXT, "storyteller", "detective", 2.0)["lockstep.matrices"]["rows"][3]["cells"][
        2
    ]
    assert twice[0] == percent(2 * share) and f"{8 * (256 + 1024):,} numbers" in twice[1]
    assert max(cell[3] for row in grid["rows"] for cell in row["cells"]) == 1 and "block" in largest


def test_a_place_is_looked_at_and_the_list_goes_there(visitor: Visitor) -> None:
    channels = visitor.do("open", EXAMPLE_TEXT, "storyteller", "detective", 1.0)
    listed = channels["lockstep.apart"]["parts"]
    name, first = listed[0]["look"]
    assert (name, first, len(listed)) == ("lockstep.token", visitor.session.token, 8)
    assert channels["lockstep.text"]["from"] == first
    assert visitor.do("open", EXAMPLE_TEXT, "storyteller", "detective", 1.0) == {}  # it is filled
    moved = visitor.do("pick", 3)
    assert moved["lockstep.text"]["from"] == 3 and moved["lockstep.headline"]["parts"][0].startswith(
        moved["lockstep.text"]["tokens"][3]["title"].split(": ")[1].split(".")[0]
    )
    assert visitor.do("pick", 0)["lockstep.text"]["from"] == 1  # nothing is said of the first
    again = visitor.do("resync")
    assert again["lockstep.apart"] == channels["lockstep.apart"] and again["lockstep.text"]["from"] == 1


def test_a_smaller_model_with_the_same_tokens(visitor: Visitor, storyteller: Backend) -> None:
    channels = visitor.do("look", EXAMPLE_TEXT, "storyteller", "apprentice", 1.0)
    small = backend.load(str(settings.MODELS / "apprentice"), how=settings.How(exact=True))
    ids = storyteller.tokenizer.encode(EXAMPLE_TEXT)
    q, p = (torch.log_softmax(one.model.logits(ids).double(), -1) for one in (small, storyteller))
    ratio = sum(float(q[i, own] - p[i, own]) for i, own in enumerate(ids[1:]))
    assert channels["lockstep.chart"]["data"][1]["y"][-1] == pytest.approx(ratio, rel=1e-3)
    assert channels["lockstep.changes"]["parts"] == [t("lockstep.lora.none")]
    assert channels["lockstep.matrices"]["rows"] == []


@pytest.mark.parametrize("names", [("storyteller", "detective"), ("apprentice", "detective"), ("poet", "storyteller")])
def test_the_badge_is_a_direct_computation_that_can_fail(visitor: Visitor, names: tuple[str, str]) -> None:
    text = VERSE.compared if "poet" in names else EXAMPLE_TEXT
    badge = visitor.do("look", text, *names, 0.7)["lockstep.badge"]
    places = len(text) - 1 if "poet" in names else 24
    assert badge["kind"] == "good" and f"{places} of {places} places" in badge["parts"][0]
    assert (t("lockstep.badge.merged") in badge["parts"][0]) == ("detective" in names)


@pytest.mark.parametrize("broken", ["rank", "divergence", "js", "logits", "scale"])
def test_what_is_wrong_on_the_page_is_wrong_in_the_badge(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    if broken == "logits":
        monkeypatch.setattr(
            handlers, "lockstep", lambda ids, first, second, *rest: view_of.lockstep(ids, first, second * 1.001, *rest)
        )
    elif broken == "scale":
        weaker = lora.Delta.scaling
        monkeypatch.setattr(
            lora.Delta, "matrix", lambda delta, scale=1.0: delta.b @ delta.a * weaker(delta, scale) * 0.99
        )
    else:
        right: Any = getattr(view_of, broken)
        monkeypatch.setattr(view_of, broken, lambda *given: right(*given) + (1 if broken == "rank" else 0.002))
    badge = visitor.do("look", EXAMPLE_TEXT, "storyteller", "detective", 1.0)["lockstep.badge"]
    assert badge["kind"] == "bad" and "of 24 places" in badge["parts"][0]


def test_models_with_other_tokens_are_aligned_by_characters(visitor: Visitor, storyteller: Backend) -> None:
    text = VERSE.compared
    channels = visitor.do("look", text, "poet", "storyteller", 1.0)
    tokens = channels["lockstep.text"]["tokens"]
    assert [token["text"] for token in tokens] == list(text)
    poet = backend.load(str(settings.MODELS / "poet"), how=settings.How(exact=True))
    sums = []
    for one in (poet, storyteller):  # of the text after its first character, by transformers' own tokenizer
        hf: Any = one.tokenizer.tokenizer
        ids, begins = hf(text).input_ids, len(hf(text[0], add_special_tokens=False).input_ids)
        logs = torch.log_softmax(one.model.logits(ids).double(), -1)
        shift = len(ids) - len(hf(text, add_special_tokens=False).input_ids)
        sums.append(sum(float(logs[i - 1, ids[i]]) for i in range(begins + shift, len(ids))))
    assert channels["lockstep.chart"]["data"][1]["y"][-1] == pytest.approx(sums[1] - sums[0], rel=1e-4)
    whole = channels["lockstep.whole"]["parts"]
    assert whole[0].startswith("poet would rather") and t("lockstep.other_tokens") in whole[1]["text"]
    assert channels["lockstep.words"]["parts"] == [t("lockstep.words.none")]
    rows = channels["lockstep.next"]["rows"]
    assert any(row["text"].startswith("—") for row in rows) and any(row["text"].endswith("—") for row in rows)
    far = [abs(y) for y in channels["lockstep.chart"]["data"][0]["y"]]
    assert visitor.session.token == 1 + far.index(max(far)) == channels["lockstep.apart"]["parts"][0]["look"][1]
    assert visitor.do("pick", 5)["lockstep.headline"]["parts"][0].startswith(text[5])


def test_a_text_that_one_of_them_can_not_read_is_said(visitor: Visitor) -> None:
    said = visitor.do("look", EXAMPLE_TEXT, "poet", "storyteller", 1.0)
    assert t("error.other_text", first="poet", second="storyteller") in str(said["lockstep.notice"])


def test_an_adapter_of_your_own_is_beside_its_base(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    shutil.copytree(DETECTIVE, folder)
    config = json.loads((folder / "adapter_config.json").read_text())
    config["base_model_name_or_path"] = str(settings.DEFAULT_MODEL)
    (folder / "adapter_config.json").write_text(json.dumps(config))
    shelf = Shelf([Entry("mine", str(folder))], late.load)
    tab = LockstepTab(shelf.slot(), t, shelf=shelf)
    assert tab.at_first() == Sides("mine*0", "mine")
    assert choices(shelf, t)[-1] == (t("lockstep.base_of", name="mine"), "mine*0")
    channels = Visitor(tab).do("look", EXAMPLE_TEXT, *tab.at_first(), 1.0)
    assert channels["lockstep.whole"]["parts"][0].startswith("mine would rather have written this")
    assert len(channels["lockstep.matrices"]["rows"]) == 6
    with_it = LockstepTab(shelf.slot(), t, shelf=Shelf([*shelf.entries, *shipped()], late.load))
    assert with_it.at_first() == Sides("storyteller", "mine")


def test_which_two_stand_there_at_first() -> None:
    shelf = Shelf(shipped(), late.load)
    found = {name: at_first(shelf, name) for name in ("storyteller", "poet", "detective*0.5", "apprentice")}
    assert found == {
        "storyteller": ("storyteller", "detective"), "poet": ("poet", "storyteller"),
        "detective*0.5": ("storyteller", "detective"), "apprentice": ("apprentice", "storyteller"),
    }  # fmt: skip


def test_a_model_that_does_not_come_is_said_and_one_on_its_way_too(
    storyteller: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handlers, "PATIENCE", 0.0)
    gate = threading.Event()

    def slow(progress: Progress) -> None:
        progress.done, progress.total = 10**6, 4 * 10**6
        gate.wait(30)

    slot = ModelSlot.filled(storyteller, "assets/models/storyteller")
    others = [Entry("slow", shipped()[3].source, fetch=slow), Entry("nowhere", "/nowhere/at/all")]
    tab = LockstepTab(slot, t, shelf=Shelf.of(slot).beside(others, late.load))
    session = LockstepSession()
    frames = tab.look(session, EXAMPLE_TEXT, "storyteller", "slow", 1.0)
    said = json.loads(next(frames))["channels"]["lockstep.notice"]["parts"][0]
    assert said == t("shelf.fetching", name="slow", done="1 MB", total="4 MB")
    gate.set()
    assert "lockstep.chart" in json.dumps([json.loads(sent) for sent in frames])
    assert "/nowhere/at/all" in str(Visitor(tab).do("look", EXAMPLE_TEXT, "nowhere", "slow", 1.0)["lockstep.notice"])


def test_the_loaded_model_is_left_alone(storyteller: Backend, visitor: Visitor) -> None:
    ids = storyteller.tokenizer.encode(EXAMPLE_TEXT)
    before = storyteller.model.logits(ids)
    visitor.do("look", EXAMPLE_TEXT, "storyteller", "detective", 2.0)
    assert torch.equal(storyteller.model.logits(ids), before)


def test_what_can_not_be_compared_is_said(visitor: Visitor, storyteller: Backend) -> None:
    rounded = replace(storyteller, info=replace(storyteller.info, dtype="bfloat16"))
    said = Visitor(LockstepTab(ModelSlot.filled(rounded, "rounded"), t)).do(
        "look", EXAMPLE_TEXT, "storyteller", "storyteller", 1.0
    )
    assert t("error.rounded_model", name="storyteller", dtype="bfloat16") in str(said["lockstep.notice"])
    assert "scale" in str(visitor.do("look", EXAMPLE_TEXT, "storyteller", "detective", 3)["lockstep.notice"])
    assert "256" in str(visitor.do("look", "king " * 400, "storyteller", "detective", 1.0)["lockstep.notice"])
    assert "elsewhere" in str(visitor.do("look", EXAMPLE_TEXT, "storyteller", "elsewhere", 1.0)["lockstep.notice"])


@pytest.mark.parametrize("name", ["tiny", "other weights"])
def test_an_adapter_beside_a_model_that_is_not_its_base_is_two_models(storyteller: Backend, name: str) -> None:
    if name == "tiny":
        other = from_parts(build_llama(8192, 64, 0.4), storyteller.tokenizer.tokenizer, name)
    else:  # as wide and as deep
        module = AutoModelForCausalLM.from_pretrained(settings.DEFAULT_MODEL, dtype=torch.float32)
        module.transformer.h[0].attn.c_attn.weight.data[0, 0] += 1
        other = from_parts(module, storyteller.tokenizer.tokenizer, name)
    slot = ModelSlot.filled(other, name)
    tab = LockstepTab(slot, t, shelf=Shelf.of(slot).beside(shipped(), late.load))
    channels = Visitor(tab).do("look", EXAMPLE_TEXT, name, "detective", 1.0)
    assert channels["lockstep.changes"]["parts"] == [t("lockstep.lora.none")] and "lockstep.chart" in channels
    assert channels["lockstep.badge"]["kind"] == "good"


def test_a_single_token_and_hostile_text(visitor: Visitor) -> None:
    assert visitor.do("look", "king", "storyteller", "detective", 1.0)["lockstep.text"]["from"] == 1
    tokens = visitor.do("look", "<script>alert(1)</script>", "storyteller", "detective", 1.0)["lockstep.text"]["tokens"]
    assert "".join(token["text"] for token in tokens) == "<script>alert(1)</script>"


def test_another_model_reads_anew(visitor: Visitor) -> None:
    visitor.do("open", EXAMPLE_TEXT, "storyteller", "detective", 1.0)
    visitor.tab.renew(visitor.session)
    assert "lockstep.text" in visitor.do("open", EXAMPLE_TEXT, "storyteller", "detective", 1.0)
