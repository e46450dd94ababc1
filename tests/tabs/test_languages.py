"""Language belongs to whoever looks: one process answers each visitor in theirs, at the same time."""

import json
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from types import SimpleNamespace
from typing import Any

import gradio as gr
import httpx
import pytest
from visits import Visit

from playground.engines.huggingface.backend import Backend
from playground.engines.loading import ModelSlot
from playground.errors import ModelUnavailableError, NothingLeftToChooseError, OutOfRangeError
from playground.i18n import Joined, catalogue, say, translator
from playground.tabs import page
from playground.tabs.page_languages import read_in
from playground.tabs.per_visitor import PerVisitor, Whose
from playground.tabs.reader import COOKIE, wanted
from playground.tabs.visitor import Running
from tests.visitors import gradio_litter

pytestmark = [  # gradio counts its events with pandas, in a way that pandas has deprecated
    pytest.mark.filterwarnings("ignore:'future.no_silent_downcasting'"),
    pytest.mark.filterwarnings("ignore:The copy keyword is deprecated"),
]
OPEN = "⟦"
# what is in no language of the page: colours, fonts, what was typed, what the model wrote
WORDLESS = re.compile(
    r"var\(.*|.*(monospace|sans-serif)|The old (king said to his|man wanted to)|.*he did not know what.*"
)


@pytest.fixture(scope="module")
def address(
    storyteller: Backend, serve: Callable[[ModelSlot], AbstractContextManager[str]], long_language: str
) -> Iterator[str]:
    with serve(ModelSlot.filled(storyteller, "assets/models/storyteller")) as url:
        yield url


# ---- the page ------------------------------------------------------------------------------------------------------


def test_the_page_has_the_same_parts_in_another_language_and_other_words(
    build_page: Callable[[ModelSlot], gr.Blocks], long_language: str
) -> None:
    demo = build_page(ModelSlot("never loaded", "storyteller"))
    english = demo.config = demo.get_config_file()
    with read_in(long_language), gradio_litter():
        theirs = demo.config
        assert demo.config["components"] is theirs["components"]  # laid out once
    assert demo.config["components"] is english["components"]
    assert theirs["title"].startswith(OPEN + english["title"])
    assert theirs["dependencies"] == english["dependencies"] and theirs["layout"] == english["layout"]
    pairs = list(zip(english["components"], theirs["components"], strict=True))
    assert all((a["id"], a["type"]) == (b["id"], b["type"]) for a, b in pairs)
    labels = [
        (a["props"]["label"], b["props"]["label"]) for a, b in pairs if a["props"].get("label") and a["type"] != "api"
    ]
    bare = {a for a, b in labels if not b.startswith(OPEN + a)}
    assert len(labels) > 40 and bare <= {"input_ids", "attention_mask"}
    buses = [b["props"].get("value") for a, b in pairs if str(a["props"].get("elem_id")).endswith("bus")]
    worded = [bus for bus in buses if bus]
    assert len(worded) >= 4 and all(OPEN in json.dumps(json.loads(bus), ensure_ascii=False) for bus in worded)


def test_a_page_with_other_parts_is_refused(
    build_page: Callable[[ModelSlot], gr.Blocks], long_language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    demo = build_page(ModelSlot("never loaded", "storyteller"))
    demo.config = demo.get_config_file()
    monkeypatch.setattr(page, "_language_switch", lambda t: gr.HTML("one part more") and "")
    with read_in(long_language), gradio_litter(), pytest.raises(RuntimeError, match="other parts"):
        _ = demo.config


def test_head_and_configuration_are_in_the_language_of_the_reader(address: str, long_language: str) -> None:
    title = translator(long_language)("page.title")
    plain, theirs = httpx.get(address), httpx.get(address, params={"lang": long_language})
    for answer, code, said in ((plain, "en", "Decoding Playground"), (theirs, long_language, title)):
        assert re.search(r'<html\s[^>]*?lang="([^"]*)"', answer.text)[1] == code  # type: ignore[index]
        assert f'<meta property="og:title" content="{said}"' in answer.text
        assert f'<meta name="description" content="{said}' in answer.text
        assert {"Accept-Language", "Cookie"} <= set(re.split(", *", answer.headers["vary"]))
    assert OPEN not in plain.text and "set-cookie" not in plain.headers
    assert theirs.headers["set-cookie"].startswith(f"{COOKIE}={long_language};")
    # what the page asks for by itself: it comes from that page
    config = httpx.get(f"{address}/config", headers={"referer": f"{address}/?lang={long_language}"}).json()
    assert config["title"] == title
    assert httpx.get(f"{address}/config").json()["title"] == "Decoding Playground"


@pytest.mark.parametrize(
    ("query", "referer", "cookie", "accepted", "language"),
    [
        ("", "", "", "", "en"),
        ("x-long", "", "en", "en", "x-long"),
        ("X-LONG", "http://a/?lang=en", "", "", "x-long"),
        ("", "http://a/?x=1&lang=x-long", "en", "en", "x-long"),
        ("", "", "x-long", "en", "x-long"),
        ("tlh", "", "nonsense", "x-long", "x-long"),
        ("", "", "", "en-GB;q=0.2, x-long;q=0.7", "x-long"),
        ("", "", "", "de;q=0.9, en;q=0.1", "en"),
        ("", "", "", "x-long;q=0, en;q=0.5", "en"),
        ("", "", "", "x-long;q=nonsense, en;q=0.5", "en"),
        ("x" * 9000, "http://[", "\u00e4", ",;q=,;;" * 900, "en"),
        ("", "http://a/?lang=..%2f..%2fetc", "", "", "en"),
    ],
)  # fmt: skip
def test_the_reader_chooses(
    query: str, referer: str, cookie: str, accepted: str, language: str, long_language: str
) -> None:
    headers = {"referer": referer, "accept-language": accepted}
    request = SimpleNamespace(query_params={"lang": query}, cookies={COOKIE: cookie}, headers=headers)
    assert wanted(request) == language


# ---- events --------------------------------------------------------------------------------------------------------


def visited(address: str, number: int, code: str) -> Visit:
    """A visitor who runs, looks, errs, searches, types and opens the tabs."""
    visit = Visit(address, f"language-{number}", {"accept-language": code})
    visit.load()
    visit.do("run", "press", mode="sample", seed=36, length=6, speed="fast").do("step", "click")
    visit.look("generate-token", 3).do("run", "press", seed=-1).do("knobs", "input", knobs='{"top_p": 7}')
    visit.do("knob-suppress_tokens", "input", **{"knob-suppress_tokens": "no such token at all"})
    visit.do("dice-lookout", "ask", {"picked": ["race", "same_dice", "survival_map", "mass_flow"]})
    visit.do("beam-run", "press", beam_prompt="The fox", beam_length=3, beam_speed="fast")
    visit.do("beam-run", "press", beam_length=0)
    visit.do("tokenizer-text", "change", tokenizer_text="The wolf").do("train-learn", "click")
    visit.do("attention-look", "click", attention_prompt="The wolf ate").do("inside-look", "click", inside_prompt="")
    return visit


def sentences(visit: Visit) -> list[str]:
    """Every text of the channels that looks like a sentence."""
    found: list[str] = []

    def is_token(part: Any) -> bool:
        return isinstance(part, dict) and "token" in part.get("kind", "")

    def walk(value: Any) -> None:
        if isinstance(value, dict) and "parts" in value:  # one text, tokens between its words
            words = [part if isinstance(part, str) else part["text"] for part in value["parts"] if not is_token(part)]
            walk(" ".join(words))
        elif isinstance(value, dict):
            for name, one in value.items():
                if name not in ("code", "text-value"):
                    walk(one)
        elif isinstance(value, list):
            for one in value:
                walk(one)
        elif isinstance(value, str) and len(re.findall(r"[A-Za-z]{2,}", value)) > 3:
            found.append(value)

    for moment in visit.seen:
        walk({name: one for name, one in moment["channels"].items() if not name.endswith("address")})  # no text
    return found


def test_two_visitors_two_languages_one_process_at_the_same_time(address: str, long_language: str) -> None:
    """The same events of both, side by side, three times over: no answer holds a word of the other's language."""
    codes = ["en", long_language] * 2
    with ThreadPoolExecutor(len(codes)) as pool:
        visits = list(pool.map(lambda job: visited(address, *job), enumerate(codes)))
    for code, visit in zip(codes, visits, strict=True):
        seen = json.dumps(visit.seen, ensure_ascii=False)
        if code == "en":
            assert OPEN not in seen
        else:
            bare = {text for text in sentences(visit) if OPEN not in text and not WORDLESS.fullmatch(text)}
            assert not bare, "\n".join(bare)
            assert len(sentences(visit)) > 100
    english, theirs = visits[0].seen, visits[1].seen
    plain = re.sub("[~ ]*~[~ ]*⟧|⟦", "", json.dumps(theirs[-1]["channels"]["tokenizer.headline"], ensure_ascii=False))
    assert json.loads(plain) == english[-1]["channels"]["tokenizer.headline"]


def test_a_session_keeps_the_language_of_its_page(address: str, long_language: str) -> None:
    """Another choice, made in another page of the same browser, does not reach into this one."""
    visit = Visit(address, "keeps", {"accept-language": long_language})
    visit.load()
    visit.http.headers["accept-language"] = "en"
    visit.do("run", "press", seed=-1)
    assert OPEN in json.dumps(visit.channels["notice"], ensure_ascii=False)


def test_a_tab_is_made_once_for_each_language_and_handlers_go_to_their_visitors_one(long_language: str) -> None:
    class Tab:
        def __init__(self, whose: Whose) -> None:
            self.t = whose.t
            made.append(whose.language)

        def says(self, session: Running, key: str) -> str:
            return self.t(key)

        def streams(self, session: Running, key: str) -> Iterator[str]:
            yield self.t(key)
            yield self.t(key)

    made: list[str] = []
    tabs = PerVisitor(Tab)
    mine, theirs = Running(), Running()
    theirs.language = long_language
    for _ in range(2):
        assert tabs.says(mine, "button.run") == "Run"
        assert tabs.says(theirs, "button.run").startswith("⟦Run")
    here, there = tabs.streams(mine, "button.run"), tabs.streams(theirs, "button.run")
    assert [next(one)[0] for one in (here, there, here, there)] == ["R", OPEN, "R", OPEN]
    assert made == ["en", long_language]
    with pytest.raises(AttributeError):
        _ = tabs.t  # not the same for all
    with pytest.raises(AttributeError):
        _ = tabs.no_such_handler


def test_an_error_is_worded_by_whoever_tells_it(long_language: str) -> None:
    errors: list[Any] = [
        OutOfRangeError(name=say("attention.texts"), value=-1, minimum=0, maximum=9),
        NothingLeftToChooseError.by(["top_k", "top_p"]),
        ModelUnavailableError(name="a model", reason=Joined(("Timeout.", say("unfit.hub")))),
    ]
    for error in errors:
        english, theirs = str(error), error.message(translator(long_language))
        assert english == error.message(translator()) and OPEN not in english
        assert re.sub("[~ ]*~[~ ]*⟧|⟦", "", theirs) == english and theirs.count(OPEN) >= 2


def test_every_key_of_english_is_in_the_pseudo_language(long_language: str) -> None:
    assert catalogue(long_language).keys() == catalogue("en").keys()
