"""A visitor of the Generate tab without a browser: the handlers are plain functions."""

import asyncio
import copy
import gc
import json
import socket
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import gradio as gr
import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from playground import settings
from playground.catalog import PARAMETERS
from playground.components.knob_bank import bank_value
from playground.engines.huggingface.backend import Backend, from_parts
from playground.engines.loading import ModelSlot
from playground.engines.protocol import Engine
from playground.examples import EXAMPLES
from playground.i18n import translator
from playground.lists import LISTS
from playground.runs import recording
from playground.tabs import page
from playground.tabs.generate.handlers import GenerateTab
from playground.tabs.generate.session import Session
from playground.tabs.state_line import nothing, stated
from playground.vocabulary import from_tokenizer_json

__all__ = [  # the fixtures, for the conftest of whoever visits
    "build_page", "first_example", "forwards", "recorded_tab", "serve", "tab", "tiny_backend", "visitor", "visitor_of",
    "visitors",
]  # fmt: skip
Channels = dict[str, Any]


class Visitor:
    """One session and the values of its controls; what a handler yields comes back as channels."""

    def __init__(self, tab: GenerateTab) -> None:
        self.tab = tab
        self.session: Session = copy.deepcopy(tab.new_session())  # as Gradio does for every visitor
        self.settings: dict[str, Any] = {
            "prompt": "The fox went out to", "mode": "sample", "seed": 1, "length": 6, "speed": "fast", "unit": "nats",
            "order": None,
            **{p.name: p.neutral for p in PARAMETERS}, **dict.fromkeys(LISTS, ""), "turns": "",
        }  # fmt: skip

    def set(self, **changes: Any) -> "Visitor":
        assert set(changes) <= set(self.settings)
        self.settings |= changes
        return self

    @property
    def values(self) -> tuple[Any, ...]:
        """What Gradio would deliver, in the order of Controls.all."""
        knobs = {p.name: self.settings[p.name] for p in PARAMETERS}
        apart = {*knobs, *LISTS, "turns"}
        first = [value for name, value in self.settings.items() if name not in apart]
        return *first, bank_value(knobs), *(self.settings[name] for name in LISTS), self.settings["turns"]

    def begin(self, handler: str, picked: Any = None) -> Iterator[Channels]:
        """The frames of a handler, each taken when it is asked for."""
        event: tuple[Any, ...] = () if picked is None else (gr.EventData(None, {"picked": picked}),)
        if handler == "inspect":  # a look is a value, and None one of them
            event = (picked,)
        updates = getattr(self.tab, handler)(self.session, *event, *self.values)
        if isinstance(updates, (str, dict)):
            updates = iter([updates])
        try:
            for update in updates:
                sent = update[0] if isinstance(update, tuple) else update
                yield json.loads(sent)["channels"] if isinstance(sent, str) else {}
        finally:
            if hasattr(updates, "close"):
                updates.close()

    def told(self, handler: str, picked: Any = None, **changes: Any) -> list[Channels]:
        """All frames of a handler as they reach the page, those that say how the run stands among them."""
        self.set(**changes)
        event: tuple[Any, ...] = ()
        if picked is not None:
            event = (picked,) if handler == "inspect" else (gr.EventData(None, {"picked": picked}),)
        handle = stated(self.tab, getattr(self.tab, handler), len(self.values))
        updates = handle(self.session, *event, *self.values)
        return [json.loads(one)["channels"] for one in ([updates] if isinstance(updates, str) else updates)]

    def line(self, **changes: Any) -> str:
        """What the state line says under these controls."""
        stated(self.tab, nothing, len(self.values))(self.session, *self.set(**changes).values)
        parts = self.tab.standing(self.session)["made"]["parts"]
        return " ".join(part["text"] for part in parts if "action" not in part)

    @property
    def ways_back(self) -> list[str]:
        """The actions that the state line offers."""
        parts = self.tab.standing(self.session)["made"]["parts"]
        return [part["action"] for part in parts if "action" in part]

    def do(self, handler: str, picked: Any = None, **changes: Any) -> list[Channels]:
        """All frames of a handler."""
        return list(self.set(**changes).begin(handler, picked))

    def running(self, tokens: int, handler: str = "run", **changes: Any) -> Iterator[Channels]:
        """A run that has shown so many tokens and waits for its reader."""
        frames, before = self.set(**{"speed": "lively", **changes}).begin(handler), self.session.trace
        while self.session.trace is before or len(self.ids) < tokens:
            next(frames)
        return frames

    def verify(self) -> list[Channels]:
        return [json.loads(sent)["channels"] for sent in self.tab.verify(self.session)]

    @property
    def ids(self) -> tuple[int, ...]:
        return self.session.trace.token_ids


@pytest.fixture(scope="session")
def recorded_tab() -> Callable[[ModelSlot], GenerateTab]:
    """Builds the tab around a model, as the page does."""
    tokenizer = json.loads((settings.DEFAULT_MODEL / "tokenizer.json").read_text(encoding="utf-8"))
    first_run = recording.load(settings.FIRST_RUN)
    vocabulary = from_tokenizer_json(tokenizer, first_run.steps[0].logits.shape[-1])
    return lambda slot: GenerateTab(slot, first_run, vocabulary, translator())


@pytest.fixture(scope="session")
def tab(storyteller: Backend, recorded_tab: Callable[[ModelSlot], GenerateTab]) -> GenerateTab:
    return recorded_tab(ModelSlot.filled(storyteller, "assets/models/storyteller"))


@pytest.fixture
def visitor(tab: GenerateTab) -> Visitor:
    return Visitor(tab)


@pytest.fixture
def visitors(tab: GenerateTab) -> Callable[[], Visitor]:
    """Each call is another visitor."""
    return lambda: Visitor(tab)


@pytest.fixture
def visitor_of(recorded_tab: Callable[[ModelSlot], GenerateTab]) -> Callable[[Engine], Visitor]:
    """A visitor of a page with another model."""
    return lambda backend: Visitor(recorded_tab(ModelSlot.filled(backend, backend.info.name)))


@pytest.fixture
def first_example() -> dict[str, Any]:
    """The controls as they stand when the page opens."""
    example = EXAMPLES[0]
    return {
        "prompt": example.prompt, "mode": "sample" if example.do_sample else "greedy", "seed": example.seed,
        "length": example.max_new_tokens, **example.values,
    }  # fmt: skip


@dataclass
class Forwards:
    count: int = 0


@pytest.fixture
def forwards(storyteller: Backend, monkeypatch: pytest.MonkeyPatch) -> Forwards:
    """Counts the forward passes of the default model."""
    counted, forward = Forwards(), storyteller.model.forward

    def counting(*arguments: Any) -> torch.Tensor:
        counted.count += 1
        return forward(*arguments)

    monkeypatch.setattr(storyteller.model, "forward", counting)
    return counted


@pytest.fixture
def tiny_backend() -> Callable[..., Backend]:
    """Builds a model of a few words that knows no end-of-text token unless told."""

    def build(eos: int | None = None, context: int = 24, words: str = "a b c d e f g h") -> Backend:
        vocab = {word: i for i, word in enumerate(words.split())}
        tokenizer = Tokenizer(WordLevel(vocab, unk_token=next(iter(vocab))))
        tokenizer.pre_tokenizer = WhitespaceSplit()
        config = GPT2Config(
            vocab_size=len(vocab), n_positions=context, n_embd=16, n_layer=1, n_head=2, initializer_range=0.5,
            bos_token_id=None, eos_token_id=None,
        )  # fmt: skip
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            module = GPT2LMHeadModel(config)
        module.generation_config.eos_token_id = eos
        return from_parts(module, PreTrainedTokenizerFast(tokenizer_object=tokenizer), "tiny")

    return build


@pytest.fixture(scope="session")
def serve() -> Callable[..., AbstractContextManager[str]]:
    """Serves the page of a model in this process; gives its address."""

    @contextmanager
    def served(slot: ModelSlot, is_public: bool = False) -> Iterator[str]:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        with gradio_litter():
            demo = page.build(slot, is_public)
            page.launch(demo, settings.Settings(port=port), prevent_thread_lock=True, quiet=True)
        yield f"http://127.0.0.1:{port}"
        with gradio_litter():
            demo.close()

    return served


@pytest.fixture(scope="session")
def build_page() -> Callable[..., gr.Blocks]:
    """The page of a model, not served."""

    def build(slot: ModelSlot, is_public: bool = False) -> gr.Blocks:
        with gradio_litter():
            return page.build(slot, is_public)

    return build


@contextmanager
def gradio_litter() -> Iterator[None]:
    """Gradio makes event loops for its locks and forgets them: collect them here, not under somebody else's test."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield
        asyncio.set_event_loop(None)
        gc.collect()
