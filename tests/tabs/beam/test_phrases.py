"""Phrases that must appear: one reader for page and endpoint, and a word where a sequence lacks one."""

import json
from typing import Any

import gradio as gr
import pytest

from playground import catalog, written
from playground.api.beam_endpoints import BeamEndpoints
from playground.decoding.constrained_beam_search import ConstrainedBeamSearch
from playground.decoding.phrases import lacking
from playground.engines.huggingface.backend import Backend
from playground.engines.loading import ModelSlot
from playground.engines.prompts import speller_of
from playground.errors import UnknownPhraseError
from playground.tabs.beam.controls import BeamValues
from playground.tabs.beam.handlers import BeamTab
from tests.fixtures.prepended import BOS, build_backend
from tests.tabs.beam.test_handlers import BeamVisitor, build_tab  # noqa: F401  (a fixture)

PROMPT = "The old king said to his"
VALUES: dict[str, Any] = {
    "prompt": PROMPT, "mode": "constrained", "length": 6, "seed": 1, "speed": "fast", "num_beams": 3, "groups": 1,
    "diversity_penalty": 0.5, "phrases": "dog", "length_penalty": 1.0, "early": "heuristic", "stop_text": "",
    **{p.name: p.neutral for p in catalog.FOR_BEAMS},
}  # fmt: skip


@pytest.fixture(scope="module", params=["normalizer", "metaspace", "storyteller", "ends"])
def backend(request: pytest.FixtureRequest) -> Backend:
    if request.param == "storyteller":
        return request.getfixturevalue("storyteller")
    ends = request.param == "ends"
    return build_backend("normalizer" if ends else request.param, ends)


def controls(**changes: Any) -> BeamValues:
    return BeamValues.of(tuple((VALUES | changes).values()))


def endpoint(backend: Backend, **settings: Any) -> list[dict[str, Any]]:
    asked = {"num_beams": 3, "max_new_tokens": 6, "num_return_sequences": 3} | settings
    return list(BeamEndpoints(ModelSlot.filled(backend, "a model")).beam_search(PROMPT, **asked))


@pytest.mark.parametrize("phrase", ["dog", "the king", '"og"', "␣cat", ".", "wood"])
def test_page_and_endpoint_force_the_ids_that_a_text_has(backend: Backend, phrase: str) -> None:
    """The ids of the phrase as it stands in a text: what is left of the text's own when its beginning is taken off."""
    strategy = controls(phrases=phrase).strategy(backend)
    assert isinstance(strategy, ConstrainedBeamSearch)
    (ids,) = strategy.phrases
    exact = written.exactly(phrase)
    meant = exact or ("" if phrase == "." else " ") + phrase
    assert backend.vocabulary.text(ids) == meant
    assert not set(ids) & backend.vocabulary.special_ids
    if phrase != '"og"':  # inside a word, another cut is a text's own
        whole, start = (backend.tokenizer.encode_inside(f"a fox{text}") for text in (meant, ""))
        assert whole == start + ids
    *_, last = endpoint(backend, force_words=[phrase], num_return_sequences=1, max_new_tokens=12)
    (found,) = last["sequences"]
    assert found["missing"] == [] and BOS not in found["token_ids"][:-1]
    assert any(tuple(found["token_ids"][i : i + len(ids)]) == ids for i in range(len(found["token_ids"])))
    assert meant in found["text"] or backend.info.name != "storyteller"


def test_a_space_before_the_word_is_no_second_one(backend: Backend) -> None:
    for phrase in (" dog", "dog", "␣dog", '" dog"'):
        *_, last = endpoint(backend, force_words=[phrase], num_return_sequences=1)
        assert " dog" in last["sequences"][0]["text"] and "  dog" not in last["sequences"][0]["text"], phrase


def test_what_the_tokenizer_can_not_spell_is_refused_by_both(backend: Backend) -> None:
    lost = Backend(
        backend.model, type(backend.tokenizer)(backend.tokenizer.tokenizer), backend.vocabulary, backend.info
    )
    object.__setattr__(lost.tokenizer, "encode_inside", lambda text: (0,))
    with pytest.raises(UnknownPhraseError, match=r"Phrases that must appear: .*“zebra”"):
        controls(phrases="zebra").strategy(lost)
    with pytest.raises(gr.Error, match=r"force_words: .*“zebra”"):
        endpoint(lost, force_words=["zebra"])


def test_a_sequence_without_a_phrase_says_so_everywhere(backend: Backend, build_tab: Any) -> None:  # noqa: F811
    """Two steps for two phrases of several tokens: whatever comes, it lacks one at least."""
    phrases = ["the daughters of the king", "golden bird"]
    *_, last = endpoint(backend, force_words=phrases, max_new_tokens=2)
    texts = [backend.vocabulary.text(speller_of(backend).phrase(phrase)) for phrase in phrases]
    assert last["sequences"] and all(set(found["missing"]) & set(texts) for found in last["sequences"])
    visitor = BeamVisitor(build_tab(ModelSlot.filled(backend, "a model")))
    visitor.ended(mode="constrained", phrases=";".join(phrases), length=2, prompt=PROMPT)
    found = visitor.tab.shown(visitor.session)
    word = "lacks " + "".join(backend.vocabulary.labels(speller_of(backend).phrase(phrases[0])))
    assert all(word in row[0] for row in found["beam.best"]["table"]["rows"])
    assert all(word in row[0] for row in found["beam.alpha_rank"]["table"]["rows"])
    assert word in json.dumps(found["beam.headline"], ensure_ascii=False)
    assert word in json.dumps(found["beam.pool"], ensure_ascii=False)
    (*before, ended) = found["beam.tree"]["tokens"]
    marked = [row for row in ended if row[5] == "finished"]
    assert marked and all(word in row[1] for row in marked)
    assert all("lacks" not in row[1] for layer in before for row in layer)


def test_a_phrase_of_the_prompt_is_there(backend: Backend) -> None:
    *_, last = endpoint(backend, force_words=["king"])
    assert all(found["missing"] == [] for found in last["sequences"])


@pytest.mark.parametrize(
    ("phrases", "ids", "lacks"),
    [
        (((1, 2),), (1, 1, 2), ()),  # PhraseProgress passes it by, and yet it is there
        (((1, 2),), (1, 3, 2), ((1, 2),)),
        (((1,), (1,)), (1, 3), ((1,),)),
        (((1,), (1,)), (1, 3, 1), ()),
        (((1, 1), (1, 1)), (1, 1, 1), ((1, 1),)),
        (((4,), (5, 6)), (), ((4,), (5, 6))),
    ],
)
def test_what_lacks_is_what_a_reader_would_miss(
    phrases: tuple[tuple[int, ...], ...], ids: tuple[int, ...], lacks: tuple[tuple[int, ...], ...]
) -> None:
    assert lacking(phrases, ids) == lacks


def test_page_and_endpoint_take_the_same_penalties(storyteller: Backend, build_tab: Any) -> None:  # noqa: F811
    tab: BeamTab = build_tab(ModelSlot.filled(storyteller, "assets/models/storyteller"))
    assert tab
    for value in (-10, 10):
        assert controls(mode="beam", length_penalty=value).strategy(storyteller).length_penalty == value  # type: ignore[attr-defined]
        endpoint(storyteller, length_penalty=value, max_new_tokens=1)
    for value in (0, 100):
        strategy = controls(mode="diverse", groups=3, diversity_penalty=value).strategy(storyteller)
        assert strategy.diversity_penalty == value  # type: ignore[attr-defined]
        endpoint(storyteller, num_beam_groups=3, diversity_penalty=value, max_new_tokens=1)
    for page, program, name, limits in (
        ({"mode": "beam", "length_penalty": 10.5}, {"length_penalty": 10.5}, "length_penalty", "-10 and 10"),
        ({"mode": "diverse", "groups": 3, "diversity_penalty": 101}, {"num_beam_groups": 3, "diversity_penalty": 101},
         "diversity_penalty", "0 and 100"),
        ({"num_beams": 1}, {"num_beams": 1, "force_words": ["dog"], "num_return_sequences": 1}, "num_beams",
         "2 and 16"),
        ({"mode": "diverse", "groups": 17}, {"num_beam_groups": 17}, "num_beam_groups", "1 and 16"),
    ):  # fmt: skip
        with pytest.raises(catalog.OutOfRangeError) as on_page:
            controls(**page).strategy(storyteller)
        with pytest.raises(gr.Error) as at_endpoint:
            endpoint(storyteller, **program)
        assert str(on_page.value) in str(at_endpoint.value)
        assert f"{name} must be between {limits}" in str(on_page.value)
