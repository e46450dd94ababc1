"""The script beside every example, and of every strategy and setting that the page offers beside it: it is run as it
stands and gives what the run gave, or it says that it can't."""

import contextlib
import io
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerFast

from playground import catalog, engine
from playground.decoding.beam_search import BeamSearch
from playground.decoding.beam_trace import BeamTrace
from playground.decoding.processors import RepetitionPenalty, Temperature, TopK
from playground.decoding.selection import Multinomial
from playground.decoding.stopping import StopStrings
from playground.decoding.trace import GenerationRequest, Trace
from playground.engines.huggingface.backend import Backend, load
from playground.examples import EXAMPLES
from playground.i18n import translator
from playground.panels.wording import verification_badge
from playground.runs.strategies import STRATEGIES
from playground.runs.verification.generate import verify
from playground.tabs.beam.controls import BeamValues
from playground.tabs.beam.examples import BEAM_EXAMPLES
from playground.views.code import transformers_code
from tests.conftest import build_tiny
from tests.views.beam_searches import script_of

MODEL = "assets/models/storyteller"
NOT_THE_SAME = "# Not the same: "


@pytest.fixture(scope="module", autouse=True)
def loaded_once() -> Iterator[None]:
    """Every script loads its model anew; here each folder is read once, for it is the loading that takes the time."""
    with pytest.MonkeyPatch.context() as patch:
        for kind in (AutoModelForCausalLM, AutoTokenizer):
            patch.setattr(kind, "from_pretrained", once_a_folder(kind.from_pretrained))
        yield


def once_a_folder(load: Callable[..., Any]) -> Callable[..., Any]:
    """The same, kept by all its arguments but the configuration, which is the folder's own."""
    kept: dict[object, Any] = {}

    def loaded(*args: Any, config: Any = None, **kwargs: Any) -> Any:
        key = (args, tuple(sorted(kwargs.items())))
        if key not in kept:
            kept[key] = load(*args, **({} if config is None else {"config": config}), **kwargs)
        return kept[key]

    return loaded


def printed(script: str) -> list[str]:
    """The lines that a script prints in the repository's folder."""
    with contextlib.redirect_stdout(io.StringIO()) as output, torch.random.fork_rng(devices=[]):
        exec(compile(script, "script", "exec"), {"__name__": "__main__"})
    return output.getvalue().splitlines()


def generated(backend: Backend, request: GenerationRequest) -> Trace:
    *_, trace = engine.generate(backend.model, request)
    return trace


def searched(backend: Backend, strategy: Any, prompt: str, length: int) -> BeamTrace:
    trace = BeamTrace(backend.tokenizer.encode(prompt), strategy, length)
    for step in engine.search(backend.model, strategy, trace.prompt_ids, length):
        trace = trace.appended(step)
    return trace


@pytest.mark.parametrize(
    ("example", "order"),
    [*((example, "transformers") for example in EXAMPLES), (EXAMPLES[0], "llama.cpp")],
    ids=lambda one: getattr(one, "key", one),
)
def test_the_script_of_every_example_prints_its_text(storyteller: Backend, example: Any, order: str) -> None:
    strategy = catalog.sampling(example.values, example.do_sample, example.seed, catalog.ORDERS[order])
    prompt = storyteller.tokenizer.encode(example.prompt)
    trace = generated(storyteller, GenerationRequest(prompt, strategy, example.max_new_tokens))
    script = transformers_code(trace, MODEL, storyteller.model.eos_ids, storyteller.model.vocab_size)
    assert NOT_THE_SAME not in script
    whole = storyteller.tokenizer.tokenizer.decode([*prompt, *trace.token_ids])
    assert "\n".join(printed(script)) == whole


VALUES: Mapping[str, Any] = {
    "prompt": "The old man wanted to", "mode": "beam", "length": 10, "seed": 1, "speed": "fast", "num_beams": 4,
    "groups": 2, "diversity_penalty": 0.5, "phrases": "king", "length_penalty": 1.0, "early": "heuristic",
    "stop_text": "",
}  # fmt: skip
NEUTRAL = {p.name: p.neutral for p in catalog.FOR_BEAMS}
SEARCHES: dict[str, dict[str, Any]] = {
    **{
        f"example {e.key}": {
            "prompt": e.prompt, "mode": e.strategy, "num_beams": e.num_beams, "length": e.length,
            "length_penalty": e.length_penalty, "early": e.early_stopping, "stop_text": e.stop, **e.processors,
        }
        for e in BEAM_EXAMPLES
    },
    **{mode: {"mode": mode} for mode in STRATEGIES if STRATEGIES[mode].has_beams},
    "sample, cut and warmed": {"mode": "beam_sample", "temperature": 1.4, "top_k": 40, "top_p": 0.9, "min_p": 0.01},
    "penalised": {"repetition_penalty": 1.3, "no_repeat_ngram_size": 2, "early": "never", "length_penalty": -2.0},
    "one beam": {"num_beams": 1, "early": "full"},
}  # fmt: skip


@pytest.mark.parametrize("name", SEARCHES)
def test_the_script_of_every_search_prints_its_sequences(storyteller: Backend, name: str) -> None:
    asked = {**VALUES, **NEUTRAL, **SEARCHES[name]}
    values = BeamValues.of(tuple(asked.values()))
    trace = searched(storyteller, values.strategy(storyteller), asked["prompt"], int(asked["length"]))
    script = script_of(trace, MODEL, storyteller.model.eos_ids)
    if asked["mode"] in ("diverse", "constrained", "stochastic"):
        assert script is None  # and the page says why
        return
    assert script is not None and NOT_THE_SAME not in script
    lines = printed(script)
    expected = [h for h in trace.steps[-1].finished if not h.is_ghost]
    assert [line.split(" ", 1)[1] for line in lines] == [
        repr(storyteller.tokenizer.decode(h.token_ids)) for h in expected
    ]
    if asked["num_beams"] > 1:
        assert [float(line.split(" ", 1)[0]) for line in lines] == pytest.approx(
            [h.score for h in expected], abs=1e-3, rel=2e-6
        )


@pytest.mark.parametrize(
    ("strategy", "words"),
    [
        (BeamSearch(3, processors=(TopK(5), Temperature(1.5)), selection=Multinomial(2)), "in its own order"),
        (BeamSearch(3, processors=(Temperature(1.5),)), "leaves some of them out"),
        (BeamSearch(1, selection=Multinomial(2)), "with one beam"),
        (BeamSearch(1, processors=(RepetitionPenalty(1.3),), early_stopping=True), "with one beam"),
        (BeamSearch(1), "with one beam"),
        (BeamSearch(3, processors=(catalog.BY_NAME["top_a"].build(0.2),), selection=Multinomial(2)), "has no top_a"),
    ],
)
def test_what_the_script_of_a_search_can_not_do_it_says(storyteller: Backend, strategy: BeamSearch, words: str) -> None:
    trace = searched(storyteller, strategy, "The old man wanted to", 6)
    script = script_of(trace, MODEL, storyteller.model.eos_ids)
    assert script is not None
    said = [line for line in script.splitlines() if line.startswith(NOT_THE_SAME)]
    assert len(said) == 1 and words in said[0]
    assert printed(script)  # and yet it runs


# ---- stop strings on a tokenizer on which those of transformers fail


@pytest.fixture(scope="module")
def unspelling(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Backend]:
    """Words that do not spell themselves: a tokenizer on which transformers' own stop strings fail."""
    names = ["[UNK]", *(f"w{i}" for i in range(40))]
    tokenizer = Tokenizer(models.WordLevel({name: i for i, name in enumerate(names)}, "[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    folder = tmp_path_factory.mktemp("unspelling")
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="[UNK]").save_pretrained(folder)
    build_tiny("gpt2", None, len(names)).module.save_pretrained(folder)
    return str(folder), load(str(folder), "unspelling")


def test_a_run_that_a_stop_string_ended_has_a_script_and_a_badge_all_the_same(unspelling: tuple[str, Backend]) -> None:
    folder, backend = unspelling
    prompt = backend.tokenizer.encode("w1 w2")
    free = generated(backend, GenerationRequest(prompt, catalog.sampling({}, True, 3), 12))
    stop = backend.vocabulary.text(free.token_ids[5:6])
    strategy = catalog.sampling({"stop_strings": [stop]}, True, 3, vocabulary=backend.vocabulary)
    trace = generated(backend, GenerationRequest(prompt, strategy, 12))
    assert trace.finish_reason == "stop_string" and len(trace.steps) <= 6
    assert not backend.tokenizer.finds([stop])
    script = transformers_code(trace, folder, (), backend.model.vocab_size, False)
    assert "own stop strings fail on this tokenizer" in script and "stop_strings=" not in script
    (line,) = printed(script)
    assert line == backend.tokenizer.tokenizer.decode([*prompt, *trace.token_ids])
    found = verify(trace, backend.model, tokenizer=backend.tokenizer)
    assert found.passed and found.largest_difference == 0 and not found.finds_stops
    said = str(verification_badge(found, backend.vocabulary, translator()))
    assert "but for the stop strings" in said


def test_a_search_that_stop_strings_ended_has_no_equal_there(unspelling: tuple[str, Backend]) -> None:
    folder, backend = unspelling
    strategy = BeamSearch(3, stop=StopStrings(("w7", "w9"), backend.vocabulary.pieces))
    script = script_of(searched(backend, strategy, "w1 w2", 6), folder, (), False)
    assert script is not None and NOT_THE_SAME in script and "stop_strings=" not in script
    assert len(printed(script)) == 3


def test_the_shipped_tokenizer_has_stop_strings(storyteller: Backend) -> None:
    assert storyteller.tokenizer.finds([".", " and"])
