"""The search as code: a script for plain transformers that gives the very same sequences."""

from playground.decoding.beam_search import BeamSearch
from playground.decoding.beam_trace import BeamTrace
from playground.decoding.sampling import Sampling
from playground.decoding.selection import Multinomial


def beam_code(trace: BeamTrace, model: str, eos_ids: tuple[int, ...]) -> str | None:
    """A complete script, or None for a strategy that today's transformers no longer has.

    Args:
        model: the folder or Hub id.
        eos_ids: of that model.
    """
    strategy = trace.strategy
    if not isinstance(strategy, BeamSearch):
        return None
    ends = eos_ids[0] if len(eos_ids) == 1 else list(eos_ids) or None
    lines = [
        "import torch",
        "from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig",
        "",
        f"tokenizer = AutoTokenizer.from_pretrained({model!r})",
        f"model = AutoModelForCausalLM.from_pretrained({model!r}, dtype=torch.float32)",
        "# only what is written below: no defaults from the model's repository",
        f"model.generation_config = GenerationConfig(eos_token_id={ends}, pad_token_id={eos_ids[0] if eos_ids else 0})",
        f"input_ids = torch.tensor([{list(trace.prompt_ids)}])",
    ]
    if isinstance(strategy.selection, Multinomial):
        lines.append(f"torch.manual_seed({strategy.selection.seed})")
    lines += ["output = model.generate(", "    input_ids,", "    attention_mask=torch.ones_like(input_ids),"]
    lines += [f"    {name}={value!r}," for name, value in _arguments(strategy).items()]
    if strategy.stop is not None:
        lines += [f"    stop_strings={list(strategy.stop.strings)!r},", "    tokenizer=tokenizer,"]
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


def _arguments(strategy: BeamSearch) -> dict[str, object]:
    """The arguments of `generate` that make it this search."""
    arguments: dict[str, object] = {"num_beams": strategy.num_beams}
    if strategy.num_beams > 1:
        arguments |= {"length_penalty": strategy.length_penalty, "early_stopping": strategy.early_stopping}
    if strategy.min_new_tokens:
        arguments["min_new_tokens"] = strategy.min_new_tokens
    return arguments | Sampling(strategy.processors, strategy.selection).generate_arguments()
