"""What the tests share: the default model, tiny random models built from a config, a table that counts."""

import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

# before the first look at them: no test reaches for the network or leaves files in the repository
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", str(Path(tempfile.gettempdir()) / "hypothesis"))

import hypothesis
import torch
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

from playground.engines.huggingface.backend import Backend, HuggingFaceModel, load
from playground.engines.table import TableModel, TableState

ROOT = Path(__file__).resolve().parent.parent

hypothesis.settings.register_profile("playground", database=None, derandomize=True, deadline=None, max_examples=100)
hypothesis.settings.load_profile("playground")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--device", choices=["cpu", "cuda"], help="cuda: fail, rather than skip, where no card is")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--device") == "cuda" and not torch.cuda.is_available():
        raise pytest.UsageError("--device cuda: there is no CUDA device here")


def pytest_report_header() -> str:
    there = torch.cuda.is_available()
    return f"cuda: {torch.cuda.get_device_name(0)}" if there else "cuda: none here; tests marked cuda are skipped"


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Sums over several threads may differ in the last bit, and tiny models are faster on one."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def storyteller() -> Backend:
    """The default model, as the app loads it. Its kept KV caches pass from test to test, as between visitors."""
    return load(str(ROOT / "assets" / "models" / "storyteller"), "storyteller")


def build_gpt2(vocab_size: int, context: int, spread: float) -> GPT2LMHeadModel:
    config = GPT2Config(
        vocab_size=vocab_size, n_layer=2, n_head=2, n_embd=32, n_positions=context, initializer_range=spread,
        tie_word_embeddings=False, embd_pdrop=0, attn_pdrop=0, resid_pdrop=0, bos_token_id=None, eos_token_id=None,
    )  # fmt: skip
    return GPT2LMHeadModel(config)


def build_llama(vocab_size: int, context: int, spread: float) -> LlamaForCausalLM:
    config = LlamaConfig(
        vocab_size=vocab_size, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=context, initializer_range=spread, tie_word_embeddings=False,
        attention_dropout=0.0, bos_token_id=None, eos_token_id=None, pad_token_id=None,
    )  # fmt: skip
    return LlamaForCausalLM(config)


ARCHITECTURES = {"gpt2": build_gpt2, "llama": build_llama}


def build_tiny(
    architecture: str = "gpt2",
    eos: int | Sequence[int] | None = None,
    vocab_size: int = 32,
    context: int = 96,
    seed: int = 0,
    spread: float = 0.4,
) -> HuggingFaceModel:
    """A random model of two layers, its weights wide enough that its distributions are neither flat nor settled."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = ARCHITECTURES[architecture](vocab_size, context, spread)
    module.generation_config.eos_token_id = list(eos) if isinstance(eos, (list, tuple)) else eos
    return HuggingFaceModel(module, f"tiny-{architecture}")


TinyFactory = Callable[..., HuggingFaceModel]


@pytest.fixture(scope="session")
def fresh_tiny() -> TinyFactory:
    """Builds a tiny model of its own for the caller: no KV cache kept by anyone else."""
    return build_tiny


@pytest.fixture(scope="session")
def tiny() -> TinyFactory:
    """The same tiny model for everyone who asks with the same arguments."""
    built: dict[tuple[object, ...], HuggingFaceModel] = {}

    def get(
        architecture: str = "gpt2", eos: int | tuple[int, ...] | None = None, vocab_size: int = 32, seed: int = 0
    ) -> HuggingFaceModel:
        key = (architecture, eos, vocab_size, seed)
        if key not in built:
            built[key] = build_tiny(architecture, eos, vocab_size, seed=seed)
        return built[key]

    return get


@dataclass(eq=False)
class WatchedTable(TableModel):
    """A table that counts what is asked of it.

    Attributes:
        reads: the ids of every prefill, in order.
        advances: how many tokens were fed one by one.
        open_states: states given out and neither consumed nor released.
    """

    reads: list[tuple[int, ...]] = field(default_factory=list)
    advances: int = 0
    open_states: int = 0

    def prefill(self, prompt_ids: Sequence[int], taken_ids: Sequence[int] = ()) -> "WatchedState":
        self.reads.append((*prompt_ids, *taken_ids))
        return WatchedState(self, super().prefill(prompt_ids, taken_ids))


class WatchedState(TableState):
    model: WatchedTable

    def __init__(self, model: WatchedTable, state: TableState) -> None:
        self.model, self.length, self.logits = model, state.length, state.logits
        self._open = True
        model.open_states += 1

    def _close(self) -> None:
        self.model.open_states -= self._open
        self._open = False

    def advance(self, parents: Sequence[int], token_ids: Sequence[int]) -> "WatchedState":
        assert self._open, "a state was used after it had been consumed"
        assert len(parents) == len(token_ids)
        self.model.advances += 1
        self._close()
        return WatchedState(self.model, super().advance(parents, token_ids))

    def release(self) -> None:
        self._close()


@pytest.fixture(scope="session")
def table_model() -> Callable[..., WatchedTable]:
    """Builds a table from rows of probabilities: row i is the distribution of the token that follows id i."""

    def build(rows: Sequence[Sequence[float]], eos_ids: tuple[int, ...] = ()) -> WatchedTable:
        return WatchedTable(torch.tensor(rows, dtype=torch.float32).log(), eos_ids)

    return build
