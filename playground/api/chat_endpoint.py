"""The endpoint /chat_template: turns as the text that a model reads, and what its template adds."""

from playground.engines.huggingface import chat
from playground.engines.loading import ModelSlot


class ChatEndpoint:
    """The function behind the endpoint, for one model."""

    def __init__(self, slot: ModelSlot) -> None:
        self._slot = slot

    def chat_template(self, messages: list, add_generation_prompt: bool = True) -> dict:  # type: ignore[type-arg]
        """Turns as transformers' apply_chat_template renders them. No model is run.

        Args:
            messages: objects {"role": "system", "user" or "assistant", "content": text}, at most 200.
            add_generation_prompt: whether what opens the assistant's next turn is put behind them.
        """
        backend = self._slot.get()
        tokenizer = getattr(backend.tokenizer, "tokenizer", None)
        found = chat.render(tokenizer, backend.info.name, messages, add_generation_prompt)
        added = found.is_added or [None] * len(found.token_ids)
        labels = backend.vocabulary.labels(found.token_ids)
        return {
            "text": found.text,
            "token_ids": list(found.token_ids),
            "tokens": [
                {"token_id": token_id, "token": label, "added": is_added}
                for token_id, label, is_added in zip(found.token_ids, labels, added, strict=True)
            ],
            "segments": [{"text": segment.text, "turn": segment.turn} for segment in found.segments],
        }
