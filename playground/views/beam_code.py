"""The search as code: a script for plain transformers that gives the same sequences, or says in comments why not."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from playground.decoding.beam_steps import BeamStrategy
from playground.decoding.beam_trace import BeamTrace
from playground.decoding.sampling import Sampling
from playground.decoding.selection import Argmax, Multinomial
from playground.views.code import of_dialogue, pretrained


@dataclass(frozen=True)
class Call:
    """How one search is a call of `generate`.

    Attributes:
        arguments: of the search itself; its processors, dice and stop strings have theirs besides.
        is_same: whether `generate` makes this very search of them.
        limits: where it does not, why: lines for people.
    """

    arguments: Mapping[str, object]
    is_same: bool = True
    limits: tuple[str, ...] = ()


GenerateCall = Callable[[Any], Call]


def beam_code(
    trace: BeamTrace, call: Call, model: str, eos_ids: tuple[int, ...], finds_stop_strings: bool = True
) -> str:
    """A complete script.

    Args:
        call: what `generate` does the search with.
        model: the folder, the .gguf file, or the Hub id with @revision where one is meant.
        eos_ids: of that model.
        finds_stop_strings: whether transformers' own stop strings work on its tokenizer.
    """
    strategy = trace.strategy
    ends = eos_ids[0] if len(eos_ids) == 1 else list(eos_ids) or None
    lines = [
        "import torch",
        "from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig",
        "",
        f"tokenizer = AutoTokenizer.from_pretrained({pretrained(model)})",
        f"model = AutoModelForCausalLM.from_pretrained({pretrained(model)}, dtype=torch.float32)",
        "# only what is written below: no defaults from the model's repository",
        f"model.generation_config = GenerationConfig(eos_token_id={ends}, pad_token_id={eos_ids[0] if eos_ids else 0})",
    ]
    if trace.rendered is None:
        lines.append(f"input_ids = torch.tensor([{list(trace.prompt_ids)}])")
    else:
        lines += of_dialogue(trace.rendered.dialogue, ())
    if strategy.is_drawn:
        lines.append(f"torch.manual_seed({strategy.seed})")
    stop = strategy.stop if finds_stop_strings else None
    lines += [f"# {limit}" for limit in _limits(strategy, call, finds_stop_strings)]
    lines += ["output = model.generate(", "    input_ids,", "    attention_mask=torch.ones_like(input_ids),"]
    lines += [f"    {name}={value!r}," for name, value in _arguments(strategy, call).items()]
    if stop is not None:
        lines += [f"    stop_strings={list(stop.strings)!r},", "    tokenizer=tokenizer,"]
    lines += [
        f"    num_return_sequences={strategy.num_beams},",
        f"    max_new_tokens={trace.max_new_tokens},",
        "    return_dict_in_generate=True,",
        "    output_scores=True,",
        ")",
        "scores = output.sequences_scores" if strategy.num_beams > 1 else "scores = [0.0]  # one beam is greedy search",
        "for ids, score in zip(output.sequences, scores):",
        f"    print(f'{{score:.3f}}', repr(tokenizer.decode(ids[{len(trace.prompt_ids)}:], skip_special_tokens=True)))",
    ]
    return "\n".join(lines)


def chain(strategy: BeamStrategy) -> Sampling:
    """The processors and the dice of a search, as those of one sequence: what `generate` has arguments for."""
    return Sampling(strategy.processors, Multinomial(strategy.seed) if strategy.is_drawn else Argmax(strategy.seed))


def _arguments(strategy: BeamStrategy, call: Call) -> dict[str, object]:
    """The arguments of `generate` that make it this search."""
    arguments = dict(call.arguments)
    if strategy.min_new_tokens:
        arguments["min_new_tokens"] = strategy.min_new_tokens
    arguments |= chain(strategy).bare_arguments()
    for processor in strategy.processors:
        if not processor.is_neutral:
            arguments |= processor.arguments or {}
    return arguments


def _limits(strategy: BeamStrategy, call: Call, finds_stop_strings: bool) -> list[str]:
    """What the script does otherwise than the search, and why."""
    processors = chain(strategy)
    found = []
    if strategy.stop is not None and not finds_stop_strings:
        found.append("Not the same: transformers' own stop strings fail on this tokenizer, so they are left out here.")
    if processors.beyond_generate:
        found.append(f"Not the same: generate has no {', '.join(processors.beyond_generate)}, so it is left out here.")
    elif processors.is_reordered:
        found.append("Not the same: generate applies these settings in its own order, or leaves some of them out.")
    return [*found, *call.limits]
