"""/attention and /logit_lens, called as a program calls them: every number against transformers, every error named."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest
import torch
from gradio_client import Client
from gradio_client.exceptions import AppError
from transformers import AutoModelForCausalLM

from playground import settings
from playground.engines.huggingface.backend import Backend
from playground.engines.loading import ModelSlot

# gradio counts its events with pandas, in a way that pandas has deprecated
pytestmark = [
    pytest.mark.filterwarnings("ignore:'future.no_silent_downcasting'"),
    pytest.mark.filterwarnings("ignore:The copy keyword is deprecated"),
]
TEXT = "The old king said to his son"


@pytest.fixture(scope="module")
def client(storyteller: Backend, serve: Callable[[ModelSlot], AbstractContextManager[str]]) -> Iterator[Client]:
    with serve(ModelSlot.filled(storyteller, "assets/models/storyteller")) as url:
        connected = Client(url, verbose=False)
        yield connected
        connected.close()


@pytest.fixture(scope="module")
def output(storyteller: Backend) -> Any:
    """What an eager model of its own says of TEXT."""
    model = AutoModelForCausalLM.from_pretrained(
        settings.DEFAULT_MODEL, dtype=torch.float32, attn_implementation="eager"
    ).eval()  # fmt: skip
    ids = torch.tensor([storyteller.tokenizer.encode(TEXT)])
    with torch.inference_mode():
        return model(ids, output_attentions=True, output_hidden_states=True)


def test_attention_gives_the_weights_of_one_head(client: Client, output: Any, storyteller: Backend) -> None:
    answer = client.predict(TEXT, layer=4, head=2, api_name="/attention")
    assert answer["token_ids"] == list(storyteller.tokenizer.encode(TEXT))
    assert answer["tokens"] == storyteller.vocabulary.labels(answer["token_ids"])
    torch.testing.assert_close(torch.tensor(answer["weights"]), output.attentions[4][0, 2], rtol=0, atol=1e-6)
    n = len(answer["tokens"])
    assert answer["mask"] == [[int(key <= query) for key in range(n)] for query in range(n)]
    assert all(sum(row) == pytest.approx(1, abs=1e-5) for row in answer["weights"])


def test_the_first_head_is_what_is_given_unless_told(client: Client, output: Any) -> None:
    answer = client.predict(TEXT, api_name="/attention")
    torch.testing.assert_close(torch.tensor(answer["weights"]), output.attentions[0][0, 0], rtol=0, atol=1e-6)


def test_logit_lens_ends_with_the_model(client: Client, output: Any) -> None:
    answer = client.predict(TEXT, api_name="/logit_lens")
    assert len(answer["layers"]) == 7
    probabilities = output.logits[0].softmax(-1)
    for position, cell in enumerate(answer["layers"][-1]):
        assert cell["token_id"] == int(probabilities[position].argmax())
        assert cell["probability"] == pytest.approx(float(probabilities[position].max()), rel=1e-4)
        assert (cell["final_rank"], cell["kl_nats"]) == (1, 0)
    assert any(cell["final_rank"] > 1 for cell in answer["layers"][0])


@pytest.mark.parametrize(
    ("endpoint", "arguments", "words"),
    [
        ("/attention", {"text": TEXT, "layer": 6}, "layer must be between 0 and 5"),
        ("/attention", {"text": TEXT, "head": 4}, "head must be between 0 and 3"),
        ("/attention", {"text": TEXT, "head": 1.5}, "head must be between 0 and 3"),
        ("/attention", {"text": ""}, "empty"),
        ("/attention", {"text": 7}, "text must be text"),
        ("/logit_lens", {"text": "word " * 700}, "at most 512"),
        ("/logit_lens", {"text": ""}, "empty"),
    ],
)
def test_bad_input_is_an_error_that_names_it(
    client: Client, endpoint: str, arguments: dict[str, Any], words: str
) -> None:
    with pytest.raises(AppError, match=words):
        client.predict(**arguments, api_name=endpoint)
