"""/compare_settings with stop strings: each text is that of a run of its own, wherever it ends."""

from typing import Any

import pytest

from playground import catalog, engine
from playground.api.dice_endpoints import _compare
from playground.decoding.trace import GenerationRequest, Trace
from playground.engines.huggingface.backend import Backend
from playground.engines.loading import ModelSlot
from playground.errors import PlaygroundError

PROMPT = "The old king said to his"


def compared(storyteller: Backend, settings: list[Any], length: int = 12, seed: int = 3) -> dict[str, Any]:
    return _compare(ModelSlot.filled(storyteller, "assets/models/storyteller"), PROMPT, seed, settings, length)


def fresh(storyteller: Backend, values: dict[str, Any], length: int = 12) -> Trace:
    strategy = catalog.sampling(values, True, 3, vocabulary=storyteller.vocabulary)
    *_, last = engine.generate(
        storyteller.model, GenerationRequest(storyteller.tokenizer.encode(PROMPT), strategy, length)
    )
    return last


@pytest.fixture(scope="module")
def settings(storyteller: Backend) -> list[dict[str, Any]]:
    """Of each kind: no stop, early, late, past the parting, and the first one stopped."""
    warm, hot = {"temperature": 0.8, "top_p": 0.9}, {"temperature": 1.6, "top_p": 0.9}

    def piece(values: dict[str, Any], index: int) -> str:
        text = storyteller.vocabulary.text(fresh(storyteller, values).token_ids[index : index + 1])
        assert text.strip()
        return text

    return [
        {**warm, "stop_strings": [piece(warm, 6)]}, warm, {**warm, "stop_strings": [piece(warm, 3), "zzz"]},
        {**warm, "stop_strings": [piece(warm, 9)]}, hot, {**hot, "stop_strings": [piece(hot, 0)]},
        {**hot, "stop_strings": [piece(hot, 8)]}, {**hot, "stop_strings": ["zzz"]},
        {**warm, "guidance_scale": 1.2, "stop_strings": [piece({**warm, "guidance_scale": 1.2}, 4)]},
    ]  # fmt: skip


@pytest.mark.parametrize("turned", [False, True])
def test_each_text_ends_as_a_run_of_its_own(storyteller: Backend, settings: list[dict[str, Any]], turned: bool) -> None:
    wanted = settings[::-1] if turned else settings
    answer = compared(storyteller, wanted)
    reasons, first = [], answer["runs"][0]["token_ids"]
    for one, run in zip(wanted, answer["runs"], strict=True):
        own = fresh(storyteller, one)
        assert run["token_ids"] == list(own.token_ids)
        assert run["finish_reason"] == own.finish_reason
        assert run["logprobs"] == pytest.approx([step.reading.logprob for step in own.steps])
        reasons.append(own.finish_reason)
        theirs, label = run["token_ids"], storyteller.vocabulary.label
        index = next((i for i in range(max(len(first), len(theirs))) if first[i : i + 1] != theirs[i : i + 1]), None)
        found = run["first_difference"]
        if index is None:
            assert found is None
            continue
        ours_id = first[index] if index < len(first) else None
        their_id = theirs[index] if index < len(theirs) else None
        assert found == {
            "index": index, "token_id": their_id, "token": None if their_id is None else label(their_id),
            "first_token_id": ours_id, "first_token": None if ours_id is None else label(ours_id),
        }  # fmt: skip
    assert reasons.count("stop_string") >= 5 and "length" in reasons


@pytest.mark.parametrize(
    ("one", "said"),
    [
        ({"stop_strings": "the"}, "stop_strings must be"),
        ({"stop_strings": [""]}, "stop_strings must be"),
        ({"stop_strings": ["a"] * 9}, "at most 8 texts"),
        ({"bad_words_ids": [[9999]]}, "bad_words_ids: there is no token 9999. Choose an id from 0 to 8,191"),
    ],
)
def test_bad_lists_are_refused_by_name(storyteller: Backend, one: dict[str, Any], said: str) -> None:
    with pytest.raises(PlaygroundError, match=said):
        compared(storyteller, [{}, one])
