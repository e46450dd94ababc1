"""The Two models tab without a browser: its frames say what peft computes, for a base and its adapter at any scale."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from playground import settings
from playground.engines.huggingface import backend
from playground.engines.huggingface.backend import Backend, from_parts
from playground.engines.loading import ModelSlot
from playground.i18n import translator
from playground.tabs.lockstep.handlers import EXAMPLE_TEXT, LockstepSession, LockstepTab
from playground.tabs.lockstep.layout import SECONDS
from playground.views.notation import percent, significant
from tests.conftest import build_llama

Channels = dict[str, Any]
t = translator()
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
    return LockstepTab(ModelSlot.filled(storyteller, "assets/models/storyteller"), t)


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
    channels = visitor.do("look", EXAMPLE_TEXT, "adapter", scale)
    p, q = reference(scale)
    ids = storyteller.tokenizer.encode(EXAMPLE_TEXT)
    bars, line = channels["lockstep.chart"]["data"]
    kl = (q.exp() * (q - p)).sum(-1)[:-1]
    assert bars["y"] == pytest.approx(kl.tolist(), rel=1e-4, abs=1e-9)
    ratios = [float(q[i, own] - p[i, own]) for i, own in enumerate(ids[1:])]
    assert line["y"] == pytest.approx([sum(ratios[: i + 1]) for i in range(len(ratios))], rel=1e-4, abs=1e-6)
    (whole,) = channels["lockstep.whole"]["parts"]
    assert whole.startswith("detective would rather") and significant(sum(ratios)) in whole
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
    channels = visitor.do("look", EXAMPLE_TEXT, "adapter", 0.0)
    bars, line = channels["lockstep.chart"]["data"]
    assert set(bars["y"]) == set(line["y"]) == {0.0} and channels["lockstep.words"]["table"]["rows"] == []
    assert {cell[0] for row in channels["lockstep.matrices"]["rows"] for cell in row["cells"]} == {percent(0.0)}


def test_what_lora_changes_in_real_counts(visitor: Visitor) -> None:
    channels = visitor.do("look", EXAMPLE_TEXT, "adapter", 1.0)
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
    twice = visitor.do("look", EXAMPLE_TEXT, "adapter", 2.0)["lockstep.matrices"]["rows"][3]["cells"][2]
    assert twice[0] == percent(2 * share) and f"{8 * (256 + 1024):,} numbers" in twice[1]
    assert max(cell[3] for row in grid["rows"] for cell in row["cells"]) == 1 and "block" in largest


def test_a_place_is_looked_at_and_the_list_goes_there(visitor: Visitor) -> None:
    channels = visitor.do("open", EXAMPLE_TEXT, "adapter", 1.0)
    listed = channels["lockstep.apart"]["parts"]
    name, first = listed[0]["look"]
    assert (name, first, len(listed)) == ("lockstep.token", visitor.session.token, 8)
    assert channels["lockstep.text"]["from"] == first
    assert visitor.do("open", EXAMPLE_TEXT, "adapter", 1.0) == {}  # it is filled
    moved = visitor.do("pick", 3)
    assert moved["lockstep.text"]["from"] == 3 and moved["lockstep.headline"]["parts"][0].startswith(
        moved["lockstep.text"]["tokens"][3]["title"].split(": ")[1].split(".")[0]
    )
    assert visitor.do("pick", 0)["lockstep.text"]["from"] == 1  # nothing is said of the first
    again = visitor.do("resync")
    assert again["lockstep.apart"] == channels["lockstep.apart"] and again["lockstep.text"]["from"] == 1


def test_a_smaller_model_with_the_same_tokens(visitor: Visitor, storyteller: Backend) -> None:
    channels = visitor.do("look", EXAMPLE_TEXT, "apprentice", 1.0)
    small = backend.load(str(settings.MODELS / "apprentice"), how=settings.How(exact=True))
    ids = storyteller.tokenizer.encode(EXAMPLE_TEXT)
    q, p = (torch.log_softmax(one.model.logits(ids).double(), -1) for one in (small, storyteller))
    ratio = sum(float(q[i, own] - p[i, own]) for i, own in enumerate(ids[1:]))
    assert channels["lockstep.chart"]["data"][1]["y"][-1] == pytest.approx(ratio, rel=1e-3)
    assert channels["lockstep.changes"]["parts"] == [t("lockstep.lora.none")]
    assert channels["lockstep.matrices"]["rows"] == []


def test_an_adapter_of_your_own_is_beside_its_base() -> None:
    tab = LockstepTab(ModelSlot.filled(backend.load(DETECTIVE), DETECTIVE), t)
    channels = Visitor(tab).do("look", EXAMPLE_TEXT, "adapter", 1.0)
    assert channels["lockstep.whole"]["parts"][0].startswith("detective would rather have written this")


def test_the_loaded_model_is_left_alone(storyteller: Backend, visitor: Visitor) -> None:
    ids = storyteller.tokenizer.encode(EXAMPLE_TEXT)
    before = storyteller.model.logits(ids)
    visitor.do("look", EXAMPLE_TEXT, "adapter", 2.0)
    assert torch.equal(storyteller.model.logits(ids), before)


def test_what_does_not_go_together_is_said(visitor: Visitor, storyteller: Backend) -> None:
    own = from_parts(build_llama(8192, 64, 0.4), storyteller.tokenizer.tokenizer, "tiny")
    said = Visitor(LockstepTab(ModelSlot.filled(own, "tiny"), t)).do("look", EXAMPLE_TEXT, "adapter", 1.0)
    assert t("error.other_base", first="tiny", second="detective") in str(said["lockstep.notice"])
    rounded = replace(storyteller, info=replace(storyteller.info, dtype="bfloat16"))
    said = Visitor(LockstepTab(ModelSlot.filled(rounded, "rounded"), t)).do("look", EXAMPLE_TEXT, "adapter", 1.0)
    assert t("error.rounded_model", name="storyteller", dtype="bfloat16") in str(said["lockstep.notice"])
    assert "scale" in str(visitor.do("look", EXAMPLE_TEXT, "adapter", 3)["lockstep.notice"])
    assert "256" in str(visitor.do("look", "king " * 400, "adapter", 1.0)["lockstep.notice"])


@pytest.mark.parametrize("name", ["poet", "other weights"])
def test_an_adapter_is_not_put_on_another_model_of_the_same_size(storyteller: Backend, name: str) -> None:
    if name == "poet":  # as wide and as deep, with other tokens
        other = backend.load(str(settings.MODELS / name))
    else:
        module = AutoModelForCausalLM.from_pretrained(settings.DEFAULT_MODEL, dtype=torch.float32)
        module.transformer.h[0].attn.c_attn.weight.data[0, 0] += 1
        other = from_parts(module, storyteller.tokenizer.tokenizer, name)
    said = Visitor(LockstepTab(ModelSlot.filled(other, name), t)).do("look", EXAMPLE_TEXT, "adapter", 1.0)
    assert t("error.other_base", first=name, second="detective") in str(said["lockstep.notice"])
    assert "lockstep.chart" not in said


def test_a_single_token_and_hostile_text(visitor: Visitor) -> None:
    assert visitor.do("look", "king", "adapter", 1.0)["lockstep.text"]["from"] == 1
    tokens = visitor.do("look", "<script>alert(1)</script>", "adapter", 1.0)["lockstep.text"]["tokens"]
    assert "".join(token["text"] for token in tokens) == "<script>alert(1)</script>"


def test_another_model_reads_anew(visitor: Visitor) -> None:
    visitor.do("open", EXAMPLE_TEXT, "adapter", 1.0)
    visitor.tab.renew(visitor.session)
    assert "lockstep.text" in visitor.do("open", EXAMPLE_TEXT, "adapter", 1.0)


def test_the_choices_are_those_of_the_engine() -> None:
    from playground.engines.huggingface.pair import SECONDS as of_the_engine

    assert of_the_engine == SECONDS
