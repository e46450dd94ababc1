"""Tokens a second: our traced, streamed run against `generate` on transformers' own kernels, streamed and not."""

import copy
import dataclasses
import json
import statistics
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import benchmark_models as models
import torch
from benchmark_report import Report
from transformers import TextIteratorStreamer

from playground import engine, settings
from playground.catalog import ORDERS, PARAMETERS
from playground.components.knob_bank import bank_value
from playground.engines.huggingface import backend as huggingface
from playground.engines.huggingface.backend import Backend, HuggingFaceModel
from playground.engines.loading import ModelSlot
from playground.engines.prompts import speller_of
from playground.i18n import translator
from playground.runs import recording
from playground.tabs.delivery import lossless
from playground.tabs.generate.controls import Values
from playground.tabs.generate.handlers import GenerateTab

PROMPT_TOKENS = 32
SETTINGS = {"sampling": {"temperature": 0.8, "top_p": 0.9}, "greedy": {}}
Ids = tuple[int, ...]


def control_values(prompt: str, tokens: int, mode: str = "sample", **parameters: float) -> tuple[Any, ...]:
    """What the page's controls deliver, in the order of Controls.all, at full speed."""
    knobs = {p.name: parameters.get(p.name, p.neutral) for p in PARAMETERS}
    return (prompt, mode, 0, tokens, "fast", "nats", json.dumps(ORDERS["transformers"]), bank_value(knobs))


def tab_around(backend: Backend) -> GenerateTab:
    first_run = recording.load(settings.FIRST_RUN)
    return GenerateTab(ModelSlot.filled(backend, backend.info.name), first_run, backend.vocabulary, translator())


class Contest:
    """Four ways to the same tokens, on one set of weights: ours as the page loads the model, `generate` as
    transformers does.
    """

    def __init__(
        self, backend: Backend, tokens: int, is_sampling: bool, parameters: dict[str, float],
        prompt: str | None = None,
    ) -> None:  # fmt: skip
        self.backend = backend
        self.plain = copy.deepcopy(backend.model.module)  # a copy of a lean module is plain
        self.prompt = models.prompt_of(PROMPT_TOKENS) if prompt is None else prompt
        self.tokenizer = backend.tokenizer.tokenizer
        self.values = control_values(self.prompt, tokens, "sample" if is_sampling else "greedy", **parameters)
        prompt_ids = torch.tensor([backend.tokenizer.encode(self.prompt)])
        self.prompt_length = prompt_ids.shape[1]
        self.arguments: dict[str, Any] = {
            "inputs": prompt_ids,
            "attention_mask": torch.ones_like(prompt_ids),
            "max_new_tokens": tokens,
            **Values.of(self.values).strategy(speller_of(backend)).generate_arguments(),
        }
        self.frames: list[str] = []
        self.prepare()

    def prepare(self) -> None:
        """A page that has kept no KV cache: every contestant reads the whole prompt. Not part of the contest."""
        model = HuggingFaceModel(self.backend.model.module, self.backend.info.name)
        self.tab = tab_around(dataclasses.replace(self.backend, model=model))

    def generate(self) -> Ids:
        return self._generated()

    def streamer(self) -> Ids:
        """`generate` in a thread, its text read piece by piece: what a chat demo does."""
        streamer = TextIteratorStreamer(self.tokenizer, skip_prompt=True)
        ids: list[Ids] = []
        thread = threading.Thread(target=lambda: ids.append(self._generated(streamer=streamer)))
        thread.start()
        "".join(streamer)
        thread.join()
        return ids[0]

    def ours(self) -> Ids:
        """The page's own handler: every frame built, views, figures and JSON included."""
        session = self.tab.new_session()
        updates = list(lossless(self.tab.run)(session, *self.values))
        self.frames = [text for text in updates if isinstance(text, str)]
        return session.trace.token_ids

    def unseen(self) -> Ids:
        """Our engine alone: traced, but nothing shown."""
        backend = self.tab.slot.get()
        ids = backend.tokenizer.encode(self.prompt)
        request, _ = self.tab.request(Values.of(self.values), backend, ids)
        *_, trace = engine.generate(backend.model, request)
        return trace.token_ids

    def _generated(self, **more: Any) -> Ids:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            output = self.plain.generate(**self.arguments, **more)
        return tuple(output[0, self.prompt_length :].tolist())


def timed(run: Callable[[], Ids]) -> tuple[Ids, float]:
    """The ids and the seconds, in a thread of its own: the streamer needs one, and Gradio gives every handler one."""
    with ThreadPoolExecutor(1) as pool:
        start = time.perf_counter()
        ids = pool.submit(run).result()
        return ids, time.perf_counter() - start


def measure(report: Report) -> None:
    tokens, rounds = (8, 1) if report.is_smoke else (40, 5)
    shape = {"n_layer": 2} if report.is_smoke else models.GPT2_SMALL
    report.section(f"Throughput: GPT-2 small's shape, V = 50,257, prompt {PROMPT_TOKENS}, {tokens} new tokens")
    backend = models.build(50257, **shape)
    for name, parameters in SETTINGS.items():
        _compare(report, Contest(backend, tokens, name == "sampling", parameters), name, tokens, rounds, 1.6)
    report.section(f"Throughput: the default model, {tokens} new tokens")
    backend = huggingface.load(str(settings.DEFAULT_MODEL), settings.DEFAULT_MODEL_NAME)
    backend.model.module.generation_config.eos_token_id = None
    contest = Contest(backend, tokens, False, {}, "The old king said to his son: take the golden bird and go home")
    _compare(report, contest, "default model, greedy", tokens, 1 if report.is_smoke else 12, 1.0, 1.8)


def _compare(
    report: Report, contest: Contest, name: str, tokens: int, rounds: int, demand: float,
    unseen_demand: float | None = None,
) -> None:  # fmt: skip
    ways: dict[str, Callable[[], Ids]] = {
        "generate": contest.generate,
        "streamer": contest.streamer,
        "ours": contest.ours,
        "unseen": contest.unseen,
    }
    times: dict[str, list[float]] = {way: [] for way in ways}
    texts: set[Ids] = set()
    for number in range(rounds + 1):
        order = list(ways) if number % 2 else list(reversed(ways))  # none always comes after the same other
        for way in order:
            contest.prepare()
            ids, taken = timed(ways[way])
            texts.add(ids)
            if number:  # round 0 warms up
                times[way].append(taken)
    report.invariant(f"{name}: the same ids in every run", len(texts) == 1 and len(ids) == tokens, f"{tokens} tokens")
    rate = {way: tokens / statistics.median(taken) for way, taken in times.items()}
    for other, title in (("generate", "generate"), ("streamer", "generate + TextIteratorStreamer")):
        by_round = [theirs / ours for theirs, ours in zip(times[other], times["ours"], strict=True)]
        note = f"{rate['ours']:.1f} : {rate[other]:.1f} tokens/s; rounds {min(by_round):.2f} … {max(by_round):.2f}"
        report.at_least(f"{name}: ours / {title}", rate["ours"] / rate[other], demand, "×", note)
    unseen = [theirs / ours for theirs, ours in zip(times["generate"], times["unseen"], strict=True)]
    note = f"{rate['unseen']:.1f} tokens/s; rounds {min(unseen):.2f} … {max(unseen):.2f}"
    title, ratio = f"{name}: engine without frames / generate", rate["unseen"] / rate["generate"]
    if unseen_demand is None:
        report.figure(title, f"{ratio:.2f} ×", note)
    else:
        report.at_least(title, ratio, unseen_demand, "×", note)
    shown = statistics.median(times["ours"]) - statistics.median(times["unseen"])
    size = statistics.mean(len(text) for text in contest.frames) / 1000
    report.figure(
        f"{name}: one frame", f"{1000 * shown / len(contest.frames):.1f} ms",
        f"{len(contest.frames)} frames of {size:.1f} kB",
    )  # fmt: skip
