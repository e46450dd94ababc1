"""What the tokenizer puts behind every prompt, said below the prompt, with the offer to leave it off."""

from typing import TYPE_CHECKING

from playground.engines.prompts import end_ids
from playground.i18n import Translator
from playground.panels.wording import Part

if TYPE_CHECKING:
    from playground.engines.protocol import Engine


def prompt_end(backend: "Engine", is_off: bool, t: Translator) -> dict[str, object]:
    """What the tokenizer puts behind every prompt, and the offer to leave it off; nothing where it puts nothing."""
    ends = end_ids(backend)
    if not ends:
        return {"parts": []}
    tokens = " ".join(backend.vocabulary.labels(ends))
    button = {"text": t("prompt.put_back" if is_off else "prompt.leave_off"), "kind": "action", "action": "leave_off"}
    parts: list[Part] = [t("prompt.end_off" if is_off else "prompt.end", tokens=tokens), button]
    return {"parts": parts}
