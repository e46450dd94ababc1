"""The argument `model` of the endpoints, and /models: two models in one process, each asked by its name."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

from playground.engines.shelf import Shelf, shipped
from playground.runs import late

PROMPT = "春晓："


@pytest.fixture(scope="module")
def client(serve: Callable[[Shelf], AbstractContextManager[str]]) -> Iterator[Client]:
    with serve(Shelf(shipped()[:2], late.load)) as url:
        client = Client(url, verbose=False)
        yield client
        client.close()


def test_two_models_answer_by_their_names_and_are_told_of(client: Client) -> None:
    def states() -> dict[str, str]:
        return {one["name"]: one["state"] for one in client.predict(api_name="/models")}

    assert states() == {"storyteller": "absent", "poet": "absent"}
    poet = client.predict(prompt=PROMPT, model="poet", api_name="/next_token")
    assert states() == {"storyteller": "absent", "poet": "ready"} and poet["vocab_size"] == 6699
    teller = client.predict(prompt="The old king", model="storyteller", api_name="/next_token")
    assert teller["vocab_size"] != poet["vocab_size"]
    assert client.predict(prompt="The old king", api_name="/next_token") == teller
    assert client.predict(prompt=PROMPT, model="poet", api_name="/next_token") == poet
    (told,) = (one for one in client.predict(api_name="/models") if one["name"] == "poet")
    assert (told["language"], told["group"], told["license"], told["layers"]) == ("zh", "shipped", "apache-2.0", 6)


def test_every_endpoint_asks_the_model_that_is_named(client: Client) -> None:
    written = list(client.submit(prompt=PROMPT, max_new_tokens=4, model="poet", api_name="/generate"))[-1]
    assert len(written["token_ids"]) == 4 and " " not in written["text"] and written["text"].isprintable()
    found = list(client.submit(prompt=PROMPT, max_new_tokens=3, num_beams=2, model="poet", api_name="/beam_search"))
    assert found[-1]["sequences"]
    assert client.predict(text=PROMPT, model="poet", api_name="/attention")["tokens"][0] == "[CLS]"
    assert client.predict(text=PROMPT, model="poet", api_name="/logit_lens")["tokens"][1] == "春"
    assert [t["token"] for t in client.predict(PROMPT, "poet", api_name="/tokenize")["tokens"]][1] == "春"
    scored = client.predict(prompt=PROMPT, text="春眠不觉晓", model="poet", api_name="/score_text")
    assert len(scored["tokens"]) == 5


def test_a_name_that_is_not_there_is_refused_with_those_that_are(client: Client) -> None:
    with pytest.raises(AppError, match="storyteller, poet"):
        client.predict(prompt="a", model="no such model", api_name="/next_token")
    with pytest.raises(AppError, match="model"):
        client.predict(prompt="a", model=3, api_name="/next_token")
