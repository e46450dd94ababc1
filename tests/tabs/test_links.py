"""What a link says is what the controls say that it fills, and the run that they ask for is the link's."""

from dataclasses import replace

from hypothesis import given, settings

from playground.engines.huggingface.backend import Backend
from playground.engines.prompts import speller_of
from playground.i18n import translator
from playground.runs.gave import Gave
from playground.runs.links import Link
from playground.runs.setup import Setup
from playground.runs.versions import versions
from playground.tabs.beam.controls import BeamValues
from playground.tabs.beam.linked import filled as filled_search
from playground.tabs.generate.controls import Values
from playground.tabs.generate.linked import filled
from playground.tabs.links import address, asks, opened, other_tokens, words_on
from playground.tabs.visitor import Asks
from tests.runs.test_links import links

t = translator()


def test_the_controls_ask_for_the_run_of_the_link(storyteller: Backend) -> None:
    speller = speller_of(storyteller)

    @settings(max_examples=150, deadline=None)
    @given(links())
    def check(link: Link) -> None:
        assert link.setup is not None
        wanted = replace(link.setup, seed=link.setup.dice, model=None)
        if link.tab == "generate":
            values = Values.of(tuple(filled(link, "The fox")))
            found: Setup = replace(values, texts={}).setup(speller)
            assert {name: text for name, text in values.texts.items() if text} == link.texts
            assert values.speed == link.views.get("speed", "lively")
            assert values.unit_name == link.views.get("unit", "nats")
        else:
            found = BeamValues.of(tuple(filled_search(link, t, "The fox"))).setup()
            separated = {name: _separated(name, value) for name, value in wanted.settings.items()}
            wanted = replace(wanted, settings=separated)
            found = replace(found, settings={n: _separated(n, v) for n, v in found.settings.items()})
        assert found == (wanted if wanted.prompt is not None else replace(wanted, prompt=found.prompt))

    check()


def _separated(name: str, value: object) -> object:
    """Phrases as the one field of the page holds them: edges and separators are its own."""
    if name == "force_words" or name == "stop_strings":
        return ()
    return value


def test_a_link_to_another_tab_or_model_is_no_run_or_says_so() -> None:
    assert opened("strategy=beam", "generate").setup is None
    assert opened(None, "generate").setup is None
    assert words_on(opened("prompt=a", "generate"), "storyteller") is None
    words = words_on(opened("prompt=a&model=poet&autorun=0", "generate"), "storyteller")
    assert words is not None and t("link.other_model", made="poet", loaded="storyteller") in words.words(t)
    assert t("link.waits") in words.words(t)
    many = words_on(opened("prompt=a&" + "&".join(f"x{i}=1" for i in range(9)), "generate"), "storyteller")
    assert many is not None and t("link.more", count=4) in many.words(t)


def test_the_address_is_of_the_controls_and_stays_where_they_ask_for_nothing_that_is_allowed() -> None:
    setup = Setup("greedy", seed=3, prompt="a")
    said = asks(lambda: setup, {"speed": "fast", "unit": "nats"}, "generate", {"stop_strings": "."}, Asks())
    assert said == Asks("prompt=a&strategy=greedy&stop_strings=.&seed=3&max_new_tokens=20", "speed=fast")
    assert opened(f"{said.run}&{said.view}", "generate").setup == setup
    kept = asks(lambda: Setup("greedy", seed=-1), {"speed": "lively"}, "generate", {}, said)
    assert kept == Asks(said.run, "")
    shared = Gave.of([7, 9]).query
    assert address(said, 5, [7, 9]) == {"run": said.run, "view": "at=6&speed=fast", "ended": True, "gave": shared}
    assert address(Asks(), None, None) == {"run": "", "view": "", "ended": False, "gave": ""}


def test_other_tokens_are_said_with_the_first_of_them(storyteller: Backend) -> None:
    vocabulary, ids = storyteller.vocabulary, [300 + i for i in range(60)]

    def words(ids: list[int], **changes: object) -> str | None:
        link = opened(f"prompt=a&{Gave.of([300 + i for i in range(60)]).query}", "generate")
        said = other_tokens(replace(link, **changes), ids, "storyteller", vocabulary)  # type: ignore[arg-type]
        return None if said is None else said.words(t)

    label = vocabulary.label
    assert words(ids) is None
    assert words([*ids[:6], 9, *ids[7:]]) == t("link.parts", number=7, there=label(306), here=label(9))
    assert words(ids[:6]) == t("link.ended_here", number=7, there=label(306))
    assert words([*ids[:50], 9, *ids[51:]]) == t("link.parts_later", count=48)
    short = opened(f"prompt=a&{Gave.of(ids[:3]).query}", "generate").gave
    assert words(ids, gave=short) == t("link.ended_there", number=4, here=label(303))
    old = replace(Gave.of(ids[:3]), made_with={"transformers": "4.1.0"})
    here = words([1], gave=old)
    assert here is not None and here.endswith(
        t("link.other_version", name="transformers", there="4.1.0", here=versions()["transformers"])
    )
    assert words([1], setup=Setup(model="poet")) is None  # the other model has been named
    assert words([1], gave=None) is None
