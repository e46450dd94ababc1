"""Chains inside `generate`: transformers' own processors where it has them, ours where it has not, in any order."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import GenerationConfig, LogitsProcessor, LogitsProcessorList, WatermarkingConfig

from playground.decoding.processors import Processor, Situation, Stateful


class InGenerate(LogitsProcessor):
    """One of our processors as transformers calls it, for one run. What it carries from step to step, it keeps; `state`
    is what it had carried before, where the run goes on."""

    def __init__(
        self, processor: Processor, prompt_length: int, eos_ids: Sequence[int] = (), seed: int = 0,
        state: float | None = None,
    ) -> None:  # fmt: skip
        self.processor = processor
        self.prompt_length = prompt_length
        self.eos_ids = tuple(eos_ids)
        self.seed = seed
        self._state = state
        self._before: Tensor | None = None

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        states: dict[str, float] = {}
        if isinstance(self.processor, Stateful):
            if self._state is None:
                self._state = self.processor.first_state
            elif self._before is not None:
                self._state = self.processor.state_after(self._state, self._before, int(input_ids[0, -1]))
            self._before = scores[0].clone()
            states[self.processor.name] = self._state
        situation = Situation(self.prompt_length, self.eos_ids, self.seed, None, states)
        return self.processor.at(situation)(input_ids, scores.clone())


def configured(arguments: dict[str, Any]) -> dict[str, Any]:
    """Arguments of `generate` from plain values: the watermark's as a WatermarkingConfig; the negative prompt, which
    is no part of a configuration, left out."""
    found = {name: value for name, value in arguments.items() if name != "negative_prompt_ids"}
    if "watermarking_config" in found:
        found["watermarking_config"] = WatermarkingConfig(**found["watermarking_config"])
    return found


def negative_prompt(arguments: dict[str, Any]) -> Tensor | None:
    ids = arguments.get("negative_prompt_ids")
    return None if ids is None else torch.tensor(ids)


def theirs(module: Any, processor: Processor, prompt_length: int, eos_ids: Sequence[int]) -> LogitsProcessorList:
    """What transformers builds for this processor, by the routine that `generate` calls; empty where it builds none
    (a minimum of new tokens for a model without an end-of-text token). Of this processor `arguments` must not be None.
    """
    arguments: dict[str, Any] = dict(processor.arguments or {})
    wanted = {"do_sample": True, "top_k": 0, **configured(arguments)}
    configuration, _ = module._prepare_generation_config(GenerationConfig(**wanted))
    configuration._eos_token_tensor = torch.tensor(list(eos_ids)) if eos_ids else None
    if not eos_ids:
        configuration.exponential_decay_length_penalty = None  # transformers fails where there is nothing to raise
    built: LogitsProcessorList = module._get_logits_processor(
        generation_config=configuration, input_ids_seq_length=prompt_length, logits_processor=[], device="cpu",
        model_kwargs={}, negative_prompt_ids=negative_prompt(arguments),
    )  # fmt: skip
    return built


def chain(
    module: Any, processors: Sequence[Processor], prompt_length: int, eos_ids: Sequence[int] = (), seed: int = 0,
    states: Mapping[str, float] | None = None,
) -> LogitsProcessorList:  # fmt: skip
    """A list for `generate(logits_processor=…)` that does what these processors do, in this order.

    Args:
        states: by name, what stateful processors have carried so far, where a run goes on.
    """
    built = LogitsProcessorList()
    for processor in processors:
        if processor.is_neutral:
            continue
        if processor.arguments is None:
            state = (states or {}).get(processor.name)
            built.append(InGenerate(processor, prompt_length, eos_ids, seed, state))
        else:
            built.extend(theirs(module, processor, prompt_length, eos_ids))
    return built
