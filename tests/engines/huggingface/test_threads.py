"""Threads by shape: of one calling thread, for the length of a pass, and for nobody else."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from playground.engines.huggingface import lean, threads
from playground.engines.huggingface.backend import HuggingFaceModel

pytestmark = pytest.mark.skipif(not threads.can_change(), reason="torch's OpenMP was not found")


@pytest.fixture
def two() -> Iterator[None]:
    """Two threads, as on a machine with two processors."""
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(1)


def elsewhere() -> int:
    """How many threads there are for a thread that has just begun."""
    found: list[int] = []
    other = threading.Thread(target=lambda: found.append(torch.get_num_threads()))
    other.start()
    other.join()
    return found[0]


def test_a_thread_computes_alone_and_no_other_does(two: None) -> None:
    count = threads.alone()
    assert (count, torch.get_num_threads(), elsewhere()) == (2, 1, 2)
    threads.again(count)
    assert (torch.get_num_threads(), elsewhere()) == (2, 2)


def test_where_there_is_one_thread_nothing_changes() -> None:
    assert threads.alone() == 0 and torch.get_num_threads() == 1
    threads.again(0)
    assert torch.get_num_threads() == 1


def built(width: int) -> Any:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        config = GPT2Config(
            vocab_size=64, n_layer=1, n_head=2, n_embd=width, n_positions=128, bos_token_id=None, eos_token_id=None
        )
        module = GPT2LMHeadModel(config).eval()
    if lean.make_lean(module) == 0:
        pytest.skip("this build of torch has no oneDNN")
    return module


@torch.inference_mode()
@pytest.mark.parametrize(
    ("width", "length", "inside"), [(64, 1, 1), (64, 100, 1), (256, 1, 1), (256, 100, 2), (512, 1, 2)]
)
def test_only_what_is_small_is_computed_alone(
    width: int, length: int, inside: int, two: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, seen = built(width), []
    hidden = module.lean.hidden
    monkeypatch.setattr(module.lean, "hidden", lambda *given: seen.append(torch.get_num_threads()) or hidden(*given))
    module(input_ids=torch.zeros(1, length, dtype=torch.long), use_cache=False)
    assert seen == [inside] and torch.get_num_threads() == 2


@torch.inference_mode()
def test_a_pass_that_fails_gives_the_threads_back(two: None, monkeypatch: pytest.MonkeyPatch) -> None:
    module = built(64)

    def fail(*_: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(module.lean, "hidden", fail)
    with pytest.raises(MemoryError):
        module(input_ids=torch.zeros(1, 1, dtype=torch.long), use_cache=False)
    assert torch.get_num_threads() == 2


def test_rows_made_again_have_the_bits_of_the_pass(two: None) -> None:
    """Over a long prompt the blocks run on two threads, the head on one: as when a row is made again."""
    model = HuggingFaceModel(built(256), "narrow")
    state = model.prefill(tuple(range(60)))
    assert state.answer.read is not None
    assert torch.equal(model.head.logits(state.answer.read)[0, -1], state.logits[0])
