"""Stop strings end a run where `generate(stop_strings=…)` ends it: the same ids, and verification finds no difference.

The strings are cut out of a run that was free to go on, so that they lie where they are wanted: inside a token, across
its borders, half in the prompt, in letters of several bytes.
"""

from collections.abc import Sequence

import pytest
import torch

from playground import catalog, engine
from playground.decoding.trace import GenerationRequest, Trace
from playground.engines.huggingface.backend import Backend
from playground.runs.verification.generate import verify

pytestmark = pytest.mark.parity

LENGTH = 16
PROMPTS = ("The old king said to his", "Zoë’s café, a cat 🐈 and", "One day, ")


def run(backend: Backend, prompt: str, do_sample: bool, seed: int, stop: Sequence[str], **values: object) -> Trace:
    settings = {**values, "stop_strings": list(stop)}
    strategy = catalog.sampling(settings, do_sample, seed, vocabulary=backend.vocabulary)
    request = GenerationRequest(backend.tokenizer.encode(prompt), strategy, LENGTH)
    *_, trace = engine.generate(backend.model, request)
    return trace


def generated(
    backend: Backend, prompt: str, do_sample: bool, seed: int, stop: Sequence[str], **arguments: object
) -> tuple[int, ...]:
    ids = torch.tensor([backend.tokenizer.encode(prompt)])
    if do_sample:
        arguments = {"top_k": 0, **arguments}
    if stop:
        arguments |= {"stop_strings": list(stop), "tokenizer": backend.tokenizer.tokenizer}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        output = backend.model.module.generate(
            ids, attention_mask=torch.ones_like(ids), do_sample=do_sample, max_new_tokens=LENGTH, pad_token_id=0,
            eos_token_id=list(backend.model.eos_ids), **arguments,
        )  # fmt: skip
    return tuple(output[0, ids.shape[1] :].tolist())


def assert_equal(
    backend: Backend, prompt: str, do_sample: bool, seed: int, stop: Sequence[str], is_verified: bool = True
) -> Trace:  # fmt: skip
    trace = run(backend, prompt, do_sample, seed, stop)
    assert trace.token_ids == generated(backend, prompt, do_sample, seed, stop)
    if not is_verified:
        return trace
    found = verify(trace, backend.model, tokenizer=backend.tokenizer)
    assert found.passed and found.largest_difference == 0 and found.method == "generate", found
    return trace


def spelt(backend: Backend, ids: Sequence[int]) -> list[str]:
    return [backend.vocabulary.pieces[i].decode() for i in ids]


@pytest.mark.parametrize("prompt", PROMPTS)
@pytest.mark.parametrize(("do_sample", "seed"), [(True, 0), (True, 4), (False, 0)])
def test_wherever_the_string_lies_the_run_ends_with_generates(
    storyteller: Backend, prompt: str, do_sample: bool, seed: int
) -> None:
    free = run(storyteller, prompt, do_sample, seed, ())
    assert len(free.token_ids) == LENGTH
    pieces = spelt(storyteller, free.token_ids)
    text = prompt + "".join(pieces)
    ends = [len(prompt) + len("".join(pieces[: i + 1])) for i in range(LENGTH)]
    cuts = {
        "one whole token": pieces[5],
        "inside a token": max(pieces, key=len)[1:-1],
        "across a border": text[ends[4] - 2 : ends[4] + 2],
        "across three tokens": text[ends[5] - 1 : ends[7] + 1],
        "half in the prompt": text[len(prompt) - 3 : len(prompt) + 2],
        "up to the end of the prompt": prompt[-4:],
        "all of the prompt and a letter": text[: len(prompt) + 2],
    }
    verified = ("across a border", "half in the prompt", "up to the end of the prompt")
    ended_early = 0
    for place, string in cuts.items():
        trace = assert_equal(storyteller, prompt, do_sample, seed, [string], place in verified)
        shown = prompt + "".join(spelt(storyteller, trace.token_ids))
        assert text.startswith(shown), place
        if trace.finish_reason == "stop_string":
            ended_early += 1
            before = prompt + "".join(spelt(storyteller, trace.token_ids[:-1]))
            last = shown.rfind(string)
            assert last + len(string) > len(before), "the string was complete before the last token"
        elif place != "up to the end of the prompt":
            pytest.fail(f"{place}: {string!r} ended nothing in {shown!r}")
    assert ended_early >= 6
    first = assert_equal(storyteller, prompt, do_sample, seed, [cuts["half in the prompt"]])
    assert len(first.token_ids) == 1


def test_the_first_of_several_strings_ends_the_run(storyteller: Backend) -> None:
    for seed in range(4):
        pieces = spelt(storyteller, run(storyteller, PROMPTS[0], True, seed, ()).token_ids)
        trace = assert_equal(storyteller, PROMPTS[0], True, seed, [pieces[9], "no such text 🐈", pieces[4], pieces[13]])
        assert trace.finish_reason == "stop_string" and len(trace.token_ids) <= 5


def test_a_string_that_never_comes_leaves_the_run_alone(storyteller: Backend) -> None:
    trace = assert_equal(storyteller, PROMPTS[0], True, 3, ["no such text", "日本"])
    assert trace.finish_reason == "length"
    assert trace.token_ids == run(storyteller, PROMPTS[0], True, 3, ()).token_ids


@pytest.mark.parametrize(
    ("text", "stop", "is_hit"),
    [
        (" café au", "é", True),
        (" 🐈 sat", "🐈", True),
        (" 🐈é sat", "🐈é", True),
        (" “no”, he", "“no”", True),
        (" naïve 狼 b", "ve 狼", True),
        (" cafe au", "é", False),
    ],
)
def test_letters_of_several_bytes_stop_where_their_last_byte_comes(
    storyteller: Backend, text: str, stop: str, is_hit: bool
) -> None:
    """A bias on what would go on with a text leads the model along it; its letters are spelt byte by byte."""
    prompt = "There was a"
    ids, wanted = storyteller.tokenizer.encode(prompt), storyteller.tokenizer.encode(text)
    bias = [[[ids[-1], *wanted[: i + 1]], 200.0] for i in range(len(wanted))]
    trace = run(storyteller, prompt, False, 0, [stop], sequence_bias=bias)
    assert trace.token_ids == generated(storyteller, prompt, False, 0, [stop], sequence_bias=bias)
    found = verify(trace, storyteller.model, tokenizer=storyteller.tokenizer)
    assert found.passed and found.largest_difference == 0, found
    assert (trace.finish_reason == "stop_string") is is_hit
    spelling = b"".join(storyteller.vocabulary.pieces[i] for i in trace.token_ids)
    assert (stop.encode() in spelling) is is_hit
    if is_hit:
        assert trace.token_ids == wanted[: len(trace.token_ids)]
        assert stop.encode() not in b"".join(storyteller.vocabulary.pieces[i] for i in trace.token_ids[:-1])


def test_a_paused_run_remembers_what_it_was_spelling(storyteller: Backend) -> None:
    """Half of the string comes before the pause and half after."""
    free = run(storyteller, PROMPTS[0], True, 2, ())
    pieces = spelt(storyteller, free.token_ids)
    string = pieces[6][-2:] + pieces[7]
    straight = assert_equal(storyteller, PROMPTS[0], True, 2, [string])
    assert straight.finish_reason == "stop_string" and len(straight.token_ids) <= 8
    for length in range(1, len(straight.token_ids)):
        paused = straight.rewound(length)
        *_, again = engine.generate(storyteller.model, straight.request, paused)
        assert again.token_ids == straight.token_ids and again.finish_reason == "stop_string"
        assert verify(again, storyteller.model, tokenizer=storyteller.tokenizer).passed


def test_a_run_that_passed_a_stop_string_is_not_called_equal_to_generate(storyteller: Backend) -> None:
    """The string may have been set later: then every step is compared, and the badge says that it was done so."""
    from dataclasses import replace

    free = run(storyteller, PROMPTS[0], True, 2, ())
    string = spelt(storyteller, free.token_ids)[6]
    strategy = catalog.sampling({"stop_strings": [string]}, True, 2, vocabulary=storyteller.vocabulary)
    forged = replace(free, request=replace(free.request, strategy=strategy))
    found = verify(forged, storyteller.model, tokenizer=storyteller.tokenizer)
    assert found.method == "teacher-forced"
    assert (found.equal, found.largest_difference) == (len(free.steps), 0.0)
