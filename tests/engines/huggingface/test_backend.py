"""A transformers model behind the seam: states that go on, caches that are reused, errors that say what to do."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from torch import Tensor
from transformers import (
    GenerationConfig,
    GPT2LMHeadModel,
    MambaConfig,
    MambaForCausalLM,
    OpenAIGPTConfig,
    OpenAIGPTLMHeadModel,
    PreTrainedTokenizerFast,
)

from playground import catalog, engine
from playground.decoding.trace import GenerationRequest, Trace
from playground.engines.huggingface import state
from playground.engines.huggingface.backend import Backend, HuggingFaceModel, from_parts, load
from playground.engines.huggingface.state import HuggingFaceState
from playground.engines.huggingface.tokenizer import vocabulary_of
from playground.errors import ModelUnavailableError, PromptTooLongError
from playground.runs.verification.generate import verify

Tiny = Callable[..., HuggingFaceModel]

ROOT = Path(__file__).resolve().parents[3]
both = pytest.mark.parametrize("architecture", ["gpt2", "llama"])


@pytest.fixture(scope="session")
def fresh_tiny(fresh_tiny: Tiny) -> Tiny:
    """Weights of a usual spread: what differs in the last bits is not blown up from layer to layer."""
    return partial(fresh_tiny, spread=0.2)


def letters() -> PreTrainedTokenizerFast:
    """A tokenizer with one word per letter, a … x."""
    tokenizer = Tokenizer(models.WordLevel({chr(ord("a") + i): i for i in range(24)}, unk_token="a"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer)


def ids(count: int, start: int = 0) -> tuple[int, ...]:
    """`count` ids without a pattern, the same for the same start."""
    generator = torch.Generator().manual_seed(start)
    return tuple(torch.randint(0, 32, (count,), generator=generator).tolist())


def counted(model: HuggingFaceModel, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A list that grows by the number of tokens of every forward pass of `model` from now on."""
    lengths: list[int] = []
    forward = model.forward

    def counting(input_ids: Tensor, cache: Any, position: int) -> Tensor:
        lengths.append(input_ids.shape[1])
        return forward(input_ids, cache, position)

    monkeypatch.setattr(model, "forward", counting)
    return lengths


def run(model: HuggingFaceModel, prompt: Sequence[int], seed: int = 0, length: int = 8, **settings: float) -> Trace:
    request = GenerationRequest(tuple(prompt), catalog.sampling(settings, True, seed), length)
    return list(engine.generate(model, request))[-1]


def assert_close(ours: Tensor, theirs: Tensor) -> None:
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)


# ---- the state


@both
def test_advancing_equals_reading_the_longer_text(fresh_tiny: Tiny, architecture: str) -> None:
    text = ids(20)
    state = fresh_tiny(architecture).prefill(text[:5])
    for length in range(6, 21):
        state = state.advance([0], [text[length - 1]])
        assert state.ids == text[:length]
        assert_close(state.logits, fresh_tiny(architecture).prefill(text[:length]).logits)


@both
def test_reading_equals_a_plain_forward_pass(fresh_tiny: Tiny, architecture: str) -> None:
    model = fresh_tiny(architecture)
    with torch.inference_mode():
        logits = model.module(torch.tensor([ids(9)])).logits
    state = model.prefill(ids(9))
    assert state.logits.shape == (1, 32)
    assert state.logits.dtype == torch.float32
    assert_close(state.logits[0], logits[0, -1])


@both
def test_tokens_already_taken_are_read_after_the_prompt(fresh_tiny: Tiny, architecture: str) -> None:
    assert_close(
        fresh_tiny(architecture).prefill(ids(6), ids(5, 1)).logits,
        fresh_tiny(architecture).prefill(ids(6) + ids(5, 1)).logits,
    )


@both
def test_parents_reorder_and_multiply_the_rows(fresh_tiny: Tiny, architecture: str) -> None:
    """One row becomes three, then two of them, in another order, go on: as beam search does."""

    def alone(*more: int) -> Tensor:
        return fresh_tiny(architecture).prefill((*ids(6), *more)).logits[0]

    three = fresh_tiny(architecture).prefill(ids(6)).advance([0, 0, 0], [1, 2, 3])
    assert three.logits.shape == (3, 32)
    for row, token in enumerate((1, 2, 3)):
        assert_close(three.logits[row], alone(token))
    reordered = three.advance([2, 0, 2, 1], [7, 8, 9, 7])
    for row, path in enumerate(((3, 7), (1, 8), (3, 9), (2, 7))):
        assert_close(reordered.logits[row], alone(*path))
    narrowed = reordered.advance([1], [4])
    assert_close(narrowed.logits[0], alone(1, 8, 4))


@both
def test_rows_do_not_see_each_other(fresh_tiny: Tiny, architecture: str) -> None:
    def second_row(first: int) -> Tensor:
        state = fresh_tiny(architecture).prefill(ids(6)).advance([0, 0], [first, 2])
        return state.advance([0, 1], [first, 5]).logits[1]

    assert torch.equal(second_row(1), second_row(30))


class OldFashioned(GPT2LMHeadModel):
    """An architecture that can neither keep the last logits only nor be told positions."""

    def forward(self, input_ids: Tensor, past_key_values: Any = None, use_cache: bool = True) -> Any:  # type: ignore[override]
        return super().forward(input_ids, past_key_values=past_key_values, use_cache=use_cache)


def test_a_model_that_returns_the_logits_of_every_place_is_read_at_the_last(fresh_tiny: Tiny) -> None:
    usual = fresh_tiny("gpt2")
    module = OldFashioned(usual.module.config)
    module.load_state_dict(usual.module.state_dict())
    model = HuggingFaceModel(module, "old")
    ours, theirs = model.prefill(ids(7)), usual.prefill(ids(7))
    assert_close(ours.logits, theirs.logits)
    assert ours.logits.shape == (1, 32)
    assert_close(ours.advance([0], [3]).logits, theirs.advance([0], [3]).logits)


def test_an_empty_prompt_is_refused(fresh_tiny: Tiny) -> None:
    with pytest.raises(ValueError, match="at least one token"):
        fresh_tiny().prefill(())
    with pytest.raises(ValueError, match="at least one token"):
        fresh_tiny().prefill((), (1, 2))


@both
def test_the_context_may_be_filled_and_not_more(fresh_tiny: Tiny, architecture: str) -> None:
    model = fresh_tiny(architecture, context=16)
    assert model.context_length == 16
    full = model.prefill(ids(15)).advance([0], [3])
    assert bool(full.logits.isfinite().all())
    with pytest.raises(PromptTooLongError, match="17 tokens") as error:
        full.advance([0], [3])
    assert error.value.values == {"tokens": 17, "limit": 16}
    with pytest.raises(PromptTooLongError, match="at most 16") as error:
        model.prefill(ids(10), ids(7))
    assert error.value.values == {"tokens": 17, "limit": 16}
    assert model.prefill(ids(16)).logits.shape == (1, 32)


def test_a_state_whose_context_is_full_can_still_be_handed_back(
    fresh_tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = fresh_tiny(context=16)
    state = model.prefill(ids(16))
    with pytest.raises(PromptTooLongError):
        state.advance([0], [3])
    state.release()
    lengths = counted(model, monkeypatch)
    model.prefill(ids(16))
    assert lengths == []


# ---- kept caches: the work saved


@both
def test_the_same_prompt_again_costs_no_forward_pass(
    fresh_tiny: Tiny, monkeypatch: pytest.MonkeyPatch, architecture: str
) -> None:
    model = fresh_tiny(architecture)
    lengths = counted(model, monkeypatch)
    first = run(model, ids(7), seed=1)
    assert lengths == [7] + [1] * 7
    lengths.clear()
    second = run(model, ids(7), seed=2)
    assert lengths == [1] * 7  # the prompt is not read again
    assert torch.equal(first.steps[0].logits, second.steps[0].logits)


@both
def test_going_on_costs_one_forward_pass_for_the_token_not_yet_read(
    fresh_tiny: Tiny, monkeypatch: pytest.MonkeyPatch, architecture: str
) -> None:
    model = fresh_tiny(architecture)
    request = GenerationRequest(ids(7), catalog.sampling({}, True, 1), 8)
    straight = list(engine.generate(fresh_tiny(architecture), request))[-1]
    lengths = counted(model, monkeypatch)
    paused = engine.generate(model, request)
    for _ in range(4):
        trace = next(paused)
    paused.close()
    assert lengths == [7, 1, 1, 1]
    lengths.clear()
    going_on = engine.generate(model, request, trace)
    trace = next(going_on)
    assert lengths == [1]
    trace = list(going_on)[-1]
    assert lengths == [1, 1, 1, 1]
    assert trace.token_ids == straight.token_ids


def test_a_step_back_and_another_token_cost_one_forward_pass(fresh_tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    model = fresh_tiny()
    trace = run(model, ids(7), seed=1)
    lengths = counted(model, monkeypatch)
    branch = trace.branched(3, (trace.token_ids[3] + 1) % 32, ())
    next(engine.generate(model, branch.request, branch))
    assert lengths == [1]


# ---- kept caches: what is exact and what is close


@both
def test_what_is_reused_for_the_same_prompt_is_exact(fresh_tiny: Tiny, architecture: str) -> None:
    """From the prompt alone, from anywhere in the middle, and from the very end."""
    prompt, taken = ids(9), ids(6, 1)
    straight = [fresh_tiny(architecture).prefill(prompt)]
    bits = [straight[0].logits]
    for token in taken:
        straight.append(straight[-1].advance([0], [token]))
        bits.append(straight[-1].logits)
    for kept in range(7):
        state = fresh_tiny(architecture).prefill(prompt)
        for token in taken[:kept]:
            state = state.advance([0], [token])
        state.release()
        assert torch.equal(state.model.prefill(prompt).logits, bits[0])
    for length in range(7):
        state = fresh_tiny(architecture).prefill(prompt)
        for token in taken[:length]:
            state = state.advance([0], [token])
        state.release()
        again = state.model.prefill(prompt, taken[:length])
        assert torch.equal(again.logits, bits[length])
        for i in range(length, 6):
            again = again.advance([0], [taken[i]])
            assert torch.equal(again.logits, bits[i + 1])


@both
def test_the_prefix_of_another_prompt_is_not_reused_and_so_exact(
    fresh_tiny: Tiny, monkeypatch: pytest.MonkeyPatch, architecture: str
) -> None:
    """Another call shape has other last bits: a longer, a shorter and a forked prompt are each read afresh."""
    model = fresh_tiny(architecture)
    model.prefill(ids(50)).release()
    for other in (ids(50) + ids(4, 1), ids(50)[:40], ids(45) + ids(5, 2)):
        lengths = counted(model, monkeypatch)
        assert torch.equal(model.prefill(other).logits, fresh_tiny(architecture).prefill(other).logits)
        assert lengths[-1] == len(other)


def test_the_split_between_prompt_and_tokens_taken_decides_what_is_exact(fresh_tiny: Tiny) -> None:
    """The same ids read in one pass and one by one differ in the last bits: one must not be given for the other."""
    text = ids(14)
    model = fresh_tiny("llama")
    state = model.prefill(text[:8])
    for token in text[8:]:
        state = state.advance([0], [token])
    state.release()
    assert torch.equal(model.prefill(text).logits, fresh_tiny("llama").prefill(text).logits)


# ---- kept caches: whose they are


@both
def test_a_kept_cache_is_given_to_one_run_at_a_time(fresh_tiny: Tiny, architecture: str) -> None:
    model = fresh_tiny(architecture)
    model.prefill(ids(10)).release()
    one, other = model.prefill(ids(10)), model.prefill(ids(10))
    assert one.cache is not other.cache
    one, other = one.advance([0], [1]), other.advance([0], [2])
    one, other = one.advance([0], [1]), other.advance([0], [2])
    assert_close(one.logits, fresh_tiny(architecture).prefill((*ids(10), 1, 1)).logits)
    assert_close(other.logits, fresh_tiny(architecture).prefill((*ids(10), 2, 2)).logits)


def test_releasing_twice_keeps_the_cache_once(fresh_tiny: Tiny) -> None:
    model = fresh_tiny()
    state = model.prefill(ids(10))
    state.release()
    state.release()
    assert model.prefill(ids(10)).cache is not model.prefill(ids(10)).cache


def test_a_state_that_was_advanced_has_nothing_left_to_release(fresh_tiny: Tiny) -> None:
    model = fresh_tiny()
    first = model.prefill(ids(10))
    second = first.advance([0], [1])
    first.release()
    assert model.prefill(ids(10)).cache is not second.cache


def test_several_rows_are_not_kept(fresh_tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    model = fresh_tiny()
    model.prefill(ids(10)).advance([0, 0], [1, 2]).release()
    lengths = counted(model, monkeypatch)
    model.prefill(ids(10))
    assert lengths == [10]


def test_only_the_last_few_caches_are_kept(fresh_tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "_KEPT_CACHES", 4)
    model = fresh_tiny()
    for start in range(7):
        model.prefill(ids(10, start)).release()
    lengths = counted(model, monkeypatch)
    states = [model.prefill(ids(10, start)) for start in (6, 5, 4, 3)]
    assert lengths == []
    assert len({id(state.cache) for state in states}) == 4
    for start in (2, 1, 0):
        model.prefill(ids(10, start))
    assert lengths == [10, 10, 10]


def test_the_kept_caches_have_a_limit_in_bytes(fresh_tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    model = fresh_tiny()
    one = model.prefill(ids(10)).bytes
    assert one == (10 + 128) * 2 * 2 * 32 * 4  # tokens · (key, value) · layers · width · float32
    monkeypatch.setattr(state, "_KEPT_CACHE_BYTES", int(1.5 * one))
    for start in range(3):
        model.prefill(ids(10, start)).release()
    model.prefill(ids(90, 9)).release()  # alone too large
    lengths = counted(model, monkeypatch)
    for start in (2, 1, 9):
        model.prefill(ids(90 if start == 9 else 10, start))
    assert lengths == [10, 90]


@both
def test_threads_with_different_prompts_get_what_each_would_get_alone(fresh_tiny: Tiny, architecture: str) -> None:
    model = fresh_tiny(architecture)
    jobs = [(ids(6 + n, n % 3), n) for n in range(6)]  # some prompts are shared, some are prefixes of others
    alone = [run(fresh_tiny(architecture), prompt, seed, 12) for prompt, seed in jobs]
    together: dict[int, list[Trace]] = {n: [] for n in range(6)}

    def work(n: int) -> None:
        prompt, seed = jobs[n]
        for _ in range(3):
            together[n].append(run(model, prompt, seed, 12))

    threads = [Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for n, expected in enumerate(alone):
        assert len(together[n]) == 3
        for trace in together[n]:
            assert trace.token_ids == expected.token_ids
            assert all(torch.equal(a.logits, b.logits) for a, b in zip(trace.steps, expected.steps, strict=True))


# ---- what the repository recommends


def test_the_recommendations_of_a_repository_do_not_reach_our_runs(fresh_tiny: Tiny) -> None:
    """Many models come with do_sample, top_k or a penalty in generation_config.json; only the end of text is theirs."""
    module = fresh_tiny("llama", vocab_size=24).module
    module.generation_config = GenerationConfig(
        do_sample=True,
        top_k=5,
        temperature=0.1,
        repetition_penalty=2.0,
        max_length=9,
        min_new_tokens=3,
        suppress_tokens=[1, 2],
        eos_token_id=[3, 5],
    )
    backend = from_parts(module, letters(), "opinionated")
    assert backend.model.eos_ids == (3, 5)
    request = GenerationRequest(ids(4), catalog.sampling({}, False, 0), 30)
    trace = list(engine.generate(backend.model, request))[-1]
    assert verify(trace, backend.model).largest_difference == 0
    assert verify(trace, backend.model).passed
    prompt = torch.tensor([ids(4)])
    theirs = module.generate(prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=30, pad_token_id=0)
    assert tuple(theirs[0, 4:].tolist()) == trace.token_ids  # plain greedy search
    sampled = run(backend.model, ids(4), 3, 30)
    assert verify(sampled, backend.model).passed


@pytest.mark.parametrize(("eos", "expected"), [(None, ()), (7, (7,)), (0, (0,)), ([7, 0], (7, 0))])
def test_the_ends_of_text_may_be_none_one_or_several(fresh_tiny: Tiny, eos: Any, expected: tuple[int, ...]) -> None:
    assert fresh_tiny(eos=eos).eos_ids == expected


# ---- loading


def test_the_default_model_is_what_its_folder_says(storyteller: Backend) -> None:
    info = storyteller.info
    assert (info.name, info.vocab_size, info.context_length) == ("storyteller", 8192, 512)
    assert (info.layers, info.heads) == (6, 4)
    assert info.parameters == sum(p.numel() for p in storyteller.model.module.parameters()) > 6_000_000
    assert storyteller.model.eos_ids == (0,)
    assert {p.dtype for p in storyteller.model.module.parameters()} == {torch.float32}  # stored in half precision
    assert not storyteller.model.module.training


def test_a_backend_from_parts_describes_them(fresh_tiny: Tiny) -> None:
    module = fresh_tiny("llama", vocab_size=24, context=64).module
    backend = from_parts(module, letters(), "alphabet")
    assert (backend.info.name, backend.model.name, backend.info.vocab_size) == ("alphabet", "alphabet", 24)
    assert (backend.info.context_length, backend.info.layers, backend.info.heads) == (64, 2, 4)
    assert backend.tokenizer.encode("c a b") == (2, 0, 1)
    assert backend.tokenizer.decode((2, 0, 1)) == "c a b"
    assert backend.vocabulary.labels((2, 23)) == ["c", "x"]


def test_the_name_of_a_folder_is_its_last_part(tmp_path: Path, storyteller: Backend) -> None:
    copy = tmp_path / "my-model"
    shutil.copytree(ROOT / "assets" / "models" / "storyteller", copy)
    backend = load(f"{copy}/")
    assert backend.info.name == "my-model"
    assert torch.equal(backend.model.prefill((5, 6, 7)).logits, load(str(copy)).model.prefill((5, 6, 7)).logits)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        ("config.json is no JSON", "JSON"),
        ("config.json is of an unknown kind", "no_such_architecture"),
        ("config.json is missing", ""),
        ("the weights are missing", "model-00002-of-00002.safetensors"),
        ("the weights are cut", ""),
        ("the tokenizer is no JSON", ""),
    ],
)
def test_a_damaged_folder_is_an_error_with_its_reason(tmp_path: Path, damage: str, reason: str) -> None:
    folder = tmp_path / "damaged"
    shutil.copytree(ROOT / "assets" / "models" / "storyteller", folder)
    config, weights = folder / "config.json", folder / "model-00002-of-00002.safetensors"
    match damage:
        case "config.json is no JSON":
            config.write_text('{"model_type": "gpt2", ')
        case "config.json is of an unknown kind":
            config.write_text(json.dumps(json.loads(config.read_text()) | {"model_type": "no_such_architecture"}))
        case "config.json is missing":
            config.unlink()
        case "the weights are missing":
            weights.unlink()
        case "the weights are cut":
            weights.write_bytes(weights.read_bytes()[:1000])
        case "the tokenizer is no JSON":
            (folder / "tokenizer.json").write_text("{")
    with pytest.raises(ModelUnavailableError) as error:
        load(str(folder))
    message = str(error.value)
    assert str(folder) in message
    assert reason in message
    assert "could not be loaded" in message and "\n" not in message
    assert (error.value.__cause__ is None) == (damage == "config.json is missing")  # which is seen before it is tried


@pytest.mark.parametrize("architecture", ["mamba", "openai-gpt"])
def test_an_architecture_without_a_kv_cache_is_refused_with_its_reason(tmp_path: Path, architecture: str) -> None:
    if architecture == "mamba":
        config: Any = MambaConfig(vocab_size=24, hidden_size=32, num_hidden_layers=2, bos_token_id=0, eos_token_id=0)
        MambaForCausalLM(config).save_pretrained(tmp_path)
    else:
        config = OpenAIGPTConfig(vocab_size=24, n_embd=32, n_layer=2, n_head=2)
        OpenAIGPTLMHeadModel(config).save_pretrained(tmp_path)
    letters().save_pretrained(tmp_path)
    with pytest.raises(ModelUnavailableError, match="cache"):
        load(str(tmp_path))


def test_an_unknown_model_without_network_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    """In a process of its own: huggingface_hub reads the environment when it is imported."""
    script = (
        "from playground.engines.huggingface.backend import load\n"
        "from playground.errors import ModelUnavailableError\n"
        "try:\n    load('nobody/no-such-model')\n"
        "except ModelUnavailableError as error:\n    print(error)\n"
    )
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("The model “nobody/no-such-model” could not be loaded: ")
    assert "Check the name and the network" in done.stdout and "choose another model" in done.stdout
    assert done.stdout.count("\n") == 1
    assert "Traceback" not in done.stderr


# ---- the tokenizer


@pytest.mark.parametrize("text", ["\ud83d", "half an emoji \ud83d and on", "\udc80\udcff", "\ud83d\ude00"])
def test_a_lone_surrogate_is_encoded_as_a_question_mark(storyteller: Backend, text: str) -> None:
    clean = "".join("?" if 0xD800 <= ord(c) < 0xE000 else c for c in text)
    assert storyteller.tokenizer.encode(text) == storyteller.tokenizer.encode(clean)


@pytest.mark.parametrize(
    "text", ["Once upon", "  two  spaces ", "a\n\tb\r\n", "你好，世界", "🙂👩‍👧", "\x00\x07", "naïve"]
)
def test_text_comes_back_from_its_ids(storyteller: Backend, text: str) -> None:
    encoded = storyteller.tokenizer.encode(text)
    assert all(type(i) is int and 0 <= i < 8192 for i in encoded)
    assert storyteller.tokenizer.decode(encoded) == text


def test_no_text_is_no_ids(storyteller: Backend) -> None:
    assert storyteller.tokenizer.encode("") == ()
    assert storyteller.tokenizer.decode(()) == ""


def test_special_tokens_are_left_out_of_the_text(storyteller: Backend) -> None:
    encoded = storyteller.tokenizer.encode("The end")
    assert storyteller.tokenizer.decode((*encoded, *storyteller.model.eos_ids)) == "The end"


class SlowTokenizer:
    """A tokenizer without a `tokenizers` file: ids can only be decoded one by one."""

    is_fast = False
    all_special_ids = (0,)

    def __len__(self) -> int:
        return 4

    def decode(self, token_ids: list[int]) -> str:
        return {0: "<s>", 1: "a", 2: " é", 3: "\ud800"}[token_ids[0]]


def test_the_vocabulary_of_a_slow_tokenizer_is_read_id_by_id() -> None:
    vocabulary = vocabulary_of(SlowTokenizer(), 6)
    assert vocabulary.labels(range(4)) == ["<s>", "a", "␣é", "?"]
    assert len(vocabulary.pieces) == 4  # the logits have two ids more, which no text has
    assert vocabulary.piece(5) == b"<id 5>"
    assert vocabulary.special_ids == {0}
    assert len(vocabulary_of(SlowTokenizer(), 2).pieces) == 2


def test_the_vocabulary_has_a_piece_for_every_logit(storyteller: Backend) -> None:
    assert len(storyteller.vocabulary.pieces) == storyteller.model.vocab_size
    assert isinstance(storyteller.model.prefill((1,)), HuggingFaceState)
