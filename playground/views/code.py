"""The run as code: a script for plain transformers that gives the same tokens, or says in comments why not."""

from dataclasses import replace
from typing import Any

from playground.decoding.dialogue import Dialogue
from playground.decoding.processors import Processor
from playground.decoding.processors_guidance import Guidance
from playground.decoding.sampling import Sampling
from playground.decoding.trace import Trace
from playground.settings import is_gguf


def transformers_code(
    trace: Trace, model: str, eos_ids: tuple[int, ...], vocab_size: int, finds_stop_strings: bool = True
) -> str:
    """A complete script. What a person has steered is given as input ids; `generate` goes on from there.

    Args:
        model: the folder, the .gguf file, or the Hub id with @revision where one is meant.
        eos_ids, vocab_size: of that model.
        finds_stop_strings: whether transformers' own stop strings work on its tokenizer.
    """
    given = steered_length(trace)
    wanted = len(trace.steps) - given
    step = trace.steps[-1]
    stop = trace.request.strategy.stop
    cut = stop if stop and not finds_stop_strings else None  # by its length: the run has ended there
    strategy = Sampling(_going_on(trace, given), step.selection, None if cut else stop)  # type: ignore[arg-type]
    ends = eos_ids[0] if len(eos_ids) == 1 else list(eos_ids) or None
    lines = [
        "import torch",
        "from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig",
        *_imports(strategy),
        "",
        f"tokenizer = AutoTokenizer.from_pretrained({pretrained(model)})",
        f"model = AutoModelForCausalLM.from_pretrained({pretrained(model)}, dtype=torch.float32)",
        "# only what is written below: no defaults from the model's repository",
        f"model.generation_config = GenerationConfig(eos_token_id={ends}, pad_token_id={eos_ids[0] if eos_ids else 0})",
    ]
    rendered = trace.request.rendered
    if given:
        lines.append(f"# the prompt and {given} tokens that were steered by hand or made under other settings")
        lines.append("# (all read in one pass here, one by one in the run: numbers may differ in their last bits)")
    if rendered is None:
        lines.append(f"input_ids = torch.tensor([{list(trace.request.prompt_ids + trace.token_ids[:given])}])")
    else:
        lines += of_dialogue(rendered.dialogue, trace.token_ids[:given])
    if not wanted:
        return "\n".join([*lines, "print(tokenizer.decode(input_ids[0]))"])
    is_listed = bool(strategy.beyond_generate) or strategy.is_reordered
    arguments = strategy.bare_arguments() if is_listed else strategy.generate_arguments()
    if is_listed:
        lines += _listed(strategy, trace, given, eos_ids)
    else:
        arguments = _counted_on(arguments, given)
    if not eos_ids and arguments.pop("exponential_decay_length_penalty", None):
        lines.append(
            "# without exponential_decay_length_penalty, on which transformers fails: no token ends a text here"
        )
    if arguments["do_sample"]:
        lines.append(f"torch.manual_seed({strategy.selection.seed})")
        if given:
            lines.append(f"for _ in range({given}):  # the dice of these {given} tokens")
            lines.append(f"    torch.empty(1, {vocab_size}).exponential_(1)")
    if cut:
        lines.append("# transformers' own stop strings fail on this tokenizer: the length ends the text where it ended")
    lines += ["output = model.generate(", "    input_ids,", "    attention_mask=torch.ones_like(input_ids),"]
    lines += [f"    {name}={_written(name, value)}," for name, value in arguments.items()]
    if is_listed:
        lines.append("    logits_processor=processors,")
    if strategy.stop:
        lines.append("    tokenizer=tokenizer,")
    lines += [f"    max_new_tokens={wanted},", ")", "print(tokenizer.decode(output[0]))"]
    return "\n".join(lines)


def of_dialogue(dialogue: Dialogue, taken_ids: tuple[int, ...]) -> list[str]:
    """The prompt by the chat template, and what was taken after it."""
    how = "continue_final_message=True" if dialogue.continues else "add_generation_prompt=True"
    lines = ["messages = [", *(f"    {message!r}," for message in dialogue.messages), "]"]
    lines.append(f'prompt = tokenizer.apply_chat_template(messages, {how}, return_dict=True)["input_ids"]')
    more = f" + {list(taken_ids)}" if taken_ids else ""
    return [*lines, f"input_ids = torch.tensor([prompt{more}])"]


def on_adapter(script: str, base: str, scale: float | None) -> str:
    """The script of a model that is a LoRA adapter on its `base`, which has the tokenizer; with a scale so many times
    as strong as it was trained, as peft scales it."""
    lines = script.split("\n")
    loaded = next(i for i, line in enumerate(lines) if line.startswith("model = "))
    lines[loaded - 1] = f"tokenizer = AutoTokenizer.from_pretrained({base!r})"
    lines[loaded] += "  # an adapter on that base: needs peft"
    if scale is not None:
        lines[loaded + 1 : loaded + 1] = [
            f"for layer in model.modules():  # the adapter {scale:g} times as strong as it was trained",
            '    if hasattr(layer, "lora_A"):',
            f"        layer.scaling = {{name: {scale!r} * value for name, value in layer.scaling.items()}}",
        ]
    return "\n".join(lines)


def pretrained(model: str) -> str:
    """A folder, an id, id@revision or a .gguf file as the arguments of from_pretrained."""
    if is_gguf(model):
        folder, _, file = model.rpartition("/")
        return f"{folder or '.'!r}, gguf_file={file!r}"
    name, _, revision = model.partition("@")
    is_folder = model.count("/") > 1 or model.startswith((".", "/", "~")) or "\\" in model
    return repr(model) if is_folder or not revision else f"{name!r}, revision={revision!r}"


def _imports(strategy: Sampling) -> list[str]:
    if any("watermarking_config" in (p.arguments or {}) for p in strategy.processors if not p.is_neutral):
        return ["from transformers import WatermarkingConfig"]
    return []


def _going_on(trace: Trace, given: int) -> tuple[Processor, ...]:
    """The processors of the last stretch. Guidance has read its own prompt and the tokens given: both are its prompt
    now."""
    prompt_ids, taken = trace.request.prompt_ids, trace.token_ids[:given]
    return tuple(
        replace(p, negative_prompt_ids=p.negative_prompt(prompt_ids) + taken)
        if given and isinstance(p, Guidance)
        else p
        for p in trace.steps[-1].processors
    )


def _counted_on(arguments: dict[str, object], given: int) -> dict[str, object]:
    """The arguments of a call whose prompt holds `given` tokens of the text: it counts new tokens from there."""
    counted: dict[str, Any] = dict(arguments)
    if "min_new_tokens" in counted:
        counted["min_new_tokens"] = max(0, counted["min_new_tokens"] - given)
    if "exponential_decay_length_penalty" in counted:
        start, factor = counted["exponential_decay_length_penalty"]
        counted["exponential_decay_length_penalty"] = (start - given, factor)
    return counted


def _listed(strategy: Sampling, trace: Trace, given: int, eos_ids: tuple[int, ...]) -> list[str]:
    """What `generate` has no arguments for is given to it as a list: its own classes where it has them. They count from
    the prompt of the run, and what they carry is what they had carried so far."""
    active = [p for p in strategy.processors if not p.is_neutral]
    modules = sorted({(type(p).__module__, type(p).__name__) for p in active})
    what = ", ".join(strategy.beyond_generate)
    why = f"generate has no argument for {what}" if what else "generate has no argument for this order"
    states = dict(trace.steps[given].situation.states) if given else {}
    places = f"prompt_length={len(trace.request.prompt_ids)}, eos_ids={eos_ids}, seed={strategy.selection.seed}"
    return [
        f"# {why}: run this in the playground's folder",
        "from playground.engines.huggingface.in_generate import chain",
        *(f"from {module} import {name}" for module, name in modules),
        "processors = chain(",
        "    model,",
        f"    [{', '.join(map(repr, active))}],",
        f"    {places}, states={states!r}," if states else f"    {places},",
        ")",
    ]


def _written(name: str, value: object) -> str:
    if name == "negative_prompt_ids":
        return f"torch.tensor({value!r})"
    if name == "watermarking_config" and isinstance(value, dict):
        return f"WatermarkingConfig({', '.join(f'{key}={one!r}' for key, one in value.items())})"
    return repr(value)


def steered_length(trace: Trace) -> int:
    """How many tokens come before the last stretch that one call of `generate` could have made."""
    last = trace.steps[-1]
    for step in reversed(trace.steps):
        if (
            step.index == trace.passed_a_stop
            or step.choice.by == "hand"
            or (step.processors, step.selection) != (last.processors, last.selection)
        ):
            return step.index + 1
    return 0
