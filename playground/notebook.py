"""From Python: `playground.trace` runs a model that is in memory, and keeps what the page would show of it."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import torch

from playground import catalog, engine
from playground.decoding.trace import GenerationRequest, longest_run
from playground.decoding.trace import Trace as Facts
from playground.engines import prompts
from playground.engines.huggingface import context
from playground.engines.huggingface.backend import Backend, from_parts
from playground.engines.huggingface.twin import twin
from playground.engines.loading import shown_name
from playground.errors import InvalidArgumentError
from playground.i18n import translator
from playground.panels import wording
from playground.panels.traced_text import traced_text
from playground.runs.setup import Setup
from playground.runs.strategies import STRATEGIES
from playground.runs.verification.generate import Verification, verify
from playground.views.next_token import Candidate, next_token
from playground.views.strip import spelt, spelt_together

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class Token:
    """One generated token; a row of `Trace.to_dataframe`.

    Attributes:
        step: from 0.
        token_id, token: its id, and its printable label (`␣king`, `⏎`).
        logprob (nats), probability, rank (1 is the most probable), entropy_nats: of the raw model at that step.
        final_probability: after all processors.
    """

    step: int
    token_id: int
    token: str
    logprob: float
    probability: float
    rank: int
    entropy_nats: float
    final_probability: float


class Trace:
    """A run that was made: its text, the numbers of every token, and the comparison with transformers.

    Attributes:
        setup: settings, seed, length and prompt of the run; `setup.to_json()` is what the page and `/compare` take.
        text: what was generated, special tokens left out; `token_ids`: its ids.
        tokens: a Token each.
        finish_reason: "length", "stop" (an end-of-text token) or "stop_string".
        facts: the steps with their raw logits (V,), as the page keeps them.
    """

    def __init__(self, setup: Setup, facts: Facts, backend: Backend) -> None:
        self.setup = setup
        self.facts = facts
        self._backend = backend
        self._found: Verification | None = None
        self._looks = tuple(self._look())  # now: the model's weights may be others tomorrow
        self.tokens = tuple(
            Token(step, one.token_id, one.label, one.logprob, one.probability, one.rank, entropy, one.final_probability)
            for step, (one, entropy) in enumerate(self._looks)
        )
        self.token_ids = facts.token_ids
        self.text = backend.vocabulary.text(facts.token_ids)
        self.finish_reason = facts.finish_reason

    def __repr__(self) -> str:
        return f"<playground.Trace of {self._backend.info.name}: {len(self.tokens)} tokens, {self.text!r}>"

    def to_dataframe(self) -> "pandas.DataFrame":
        """A row a token, the columns of Token. Raises ImportError where pandas is not installed."""
        try:
            import pandas
        except ImportError as error:
            words = translator()(
                "notebook.no_package", what="to_dataframe", package="pandas", command="pip install pandas"
            )
            raise ImportError(words) from error
        return pandas.DataFrame([asdict(token) for token in self.tokens], columns=list(Token.__dataclass_fields__))

    def verify(self) -> Verification:
        """The same ids, settings and seed through `generate` of the same model: `passed`, `equal` of `tokens`,
        `largest_difference` in nats. A notebook shows it below the text from then on."""
        self._found = verify(self.facts, self._backend.model, tokenizer=self._backend.tokenizer)
        return self._found

    def _repr_html_(self) -> str:
        """The text as a notebook shows it, every token shaded by its probability."""
        t, vocabulary = translator(), self._backend.vocabulary
        settings = {
            name: value for name, value in self.setup.to_json().items() if name not in ("version", "prompt", "messages")
        }
        made_by = ", ".join((self._backend.info.name, *(f"{name}={value!r}" for name, value in settings.items())))
        badge = ""
        if self._found is not None:
            parts: Any = wording.verification_badge(self._found, vocabulary, t)["parts"]
            badge = "".join(parts)
        shown = [(spelt(one.token_id, vocabulary), one, entropy) for one, entropy in self._looks]
        return traced_text(spelt_together(self.facts.request.prompt_ids, vocabulary), shown, made_by, badge, t)

    def _look(self) -> Iterator[tuple[Candidate, float]]:
        for step in self.facts.steps:
            stages, chosen = self.facts.stages_at(step.index), step.choice.token_id
            view = next_token(step.logits, stages, self._backend.vocabulary, 1, chosen)
            assert view.chosen is not None
            yield view.chosen, view.entropy


def trace(
    model: Any, tokenizer: Any, prompt: str | None = None, *, messages: list[dict[str, str]] | None = None,
    continue_final_message: bool = False, seed: int = 0, max_new_tokens: int = 40, strategy: str = "sample",
    order: str | list[str] = "transformers", **settings: Any,
) -> Trace:  # fmt: skip
    """Generate a text with a model of transformers and keep the facts of every step.

    The model is left as it is: not its mode, nor what its generation_config recommends counts or changes. Settings that
    are not named are off.

    Args:
        model: a causal language model in float32, on the processor; one with an adapter of peft too.
        tokenizer: its tokenizer.
        prompt: the text to go on from; an empty one starts from the end-of-text token.
        messages: turns instead of a prompt, [{"role": "system", "user" or "assistant", "content": text}], rendered by
            the tokenizer's own chat template as `apply_chat_template` does; the end of a turn ends the text.
        continue_final_message: whether the last turn goes on, instead of a new one of the assistant.
        seed: of the dice, as `torch.manual_seed` before `generate`.
        max_new_tokens: at most this many, from 1 to what fits into the context.
        strategy: "sample", or "greedy": the most probable token each time.
        order: of the processors: "transformers", "llama.cpp" or a list of their names.
        settings: by name, as at the endpoint /generate: temperature, top_k, top_p, repetition_penalty, stop_strings …

    Raises InvalidArgumentError and OutOfRangeError, which name the argument, and other PlaygroundErrors: a prompt that
    does not fit, a tokenizer without a chat template, a model without a key-value cache, settings that leave no token.
    """
    model = checked(model)
    names = [kind.name for kind in STRATEGIES.values() if not kind.has_beams]
    if strategy not in names:
        raise InvalidArgumentError(name="strategy", rule=f"one of {', '.join(names)}", value=strategy)
    own = {"strategy": strategy, "seed": seed, "max_new_tokens": max_new_tokens, "order": order}
    if messages is not None:
        own |= {"messages": messages, "continue_final_message": continue_final_message}
    if messages is None or prompt is not None:
        own["prompt"] = prompt
    if not isinstance(own.get("prompt", ""), str):
        raise InvalidArgumentError(name="prompt", rule="text", value=prompt)
    setup = Setup.from_json(settings | own)
    backend = from_parts(twin(model), tokenizer, shown_name(model.name_or_path) or type(model).__name__, exact=True)
    built = setup.build(backend)
    ids, rendered = (
        prompts.turns(setup.dialogue, backend) if setup.dialogue else (prompts.prompt(str(prompt), backend), None)
    )
    texts = [ids] + ([built.guidance.negative_prompt(ids)] if built.guidance else [])
    most = min(context.room(backend.model.context_length, *texts), longest_run(backend.model, len(texts)))
    length = catalog.check_whole("max_new_tokens", max_new_tokens, 1, most)
    *_, facts = engine.generate(backend.model, GenerationRequest(ids, built, length, rendered=rendered))
    return Trace(setup, facts, backend)


def checked(model: Any) -> Any:
    """The model, or where peft has wrapped it the module inside, which has its adapter in it and the forward pass of
    transformers. Raises InvalidArgumentError for a model of which the numbers would not be those of this page."""
    rule = "a causal language model of transformers, such as AutoModelForCausalLM loads"
    if not isinstance(model, torch.nn.Module) or not hasattr(model, "generation_config"):
        raise InvalidArgumentError(name="model", rule=rule, value=type(model).__name__)
    wrapped: Any = model
    if callable(getattr(wrapped, "get_base_model", None)):
        if wrapped.active_peft_config.is_prompt_learning:  # its prompts are put before the text by the wrapping itself
            raise InvalidArgumentError(name="model", rule=rule, value=f"{type(model).__name__} of virtual tokens")
        return checked(wrapped.get_base_model())
    kinds = {(str(one.dtype).removeprefix("torch."), one.device.type) for one in model.parameters()}
    if kinds != {("float32", "cpu")}:
        rule = "in float32 and on the processor (model.float().cpu(), or dtype=torch.float32 where it is loaded)"
        found = ", ".join(sorted(f"{kind} on {device}" for kind, device in kinds))
        raise InvalidArgumentError(name="model", rule=rule, value=found)
    return model
