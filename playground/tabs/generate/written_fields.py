"""The written settings of the Generate tab: what their texts became, said below each field."""

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from playground import written
from playground.components.live_bus import frame
from playground.errors import PlaygroundError
from playground.i18n import Translator
from playground.panels import wording
from playground.settings import DEFAULT_MODEL
from playground.tabs.generate.controls import Values
from playground.tabs.generate.session import Session
from playground.tabs.shell import reported
from playground.tokenization.text_tokenizer import from_json
from playground.vocabulary import Vocabulary
from playground.written import Line, Speller

if TYPE_CHECKING:
    from playground.tabs.generate.handlers import GenerateTab

MOST_SHOWN = 20  # lines: of a long list its beginning


@lru_cache(maxsize=1)
def shipped(vocabulary: Vocabulary) -> Speller:
    """That of the shipped model, whether another is loaded or none yet; read when it is first asked for."""
    inner: Any = None

    def ids(text: str, with_special: bool) -> tuple[int, ...]:
        nonlocal inner
        inner = inner or from_json("", (DEFAULT_MODEL / "tokenizer.json").read_text(encoding="utf-8"))
        return tuple(inner.encode(text, with_special)[0])

    return Speller(lambda text: ids(text, False), lambda text: ids(text, True), vocabulary)


@reported()
def reread(tab: "GenerateTab", session: Session, *values: Any) -> str:
    """A text was typed: what became of it, and the inspected step under it. A text that can't be read is said below its
    field, and the picture stays."""
    controls = Values.of(values)
    said = echoes(controls, tab.speller(session), tab.t)
    channels: dict[str, object] = {"written": said}
    if all(one["kind"] != "bad" for one in said.values()):
        try:
            channels |= {**tab.inspected(session, controls), "notice": wording.notice("")}
        except PlaygroundError as error:
            channels["notice"] = wording.notice(error.message(tab.t), "bad")
    return frame(channels)


def echoes(controls: Values, speller: Speller, t: Translator) -> dict[str, dict[str, Any]]:
    """By the name of the setting, what its text became; those without a text are left out."""
    return {name: echo(name, text, speller, t, controls) for name, text in controls.texts.items() if text.strip()}


def echo(name: str, text: str, speller: Speller, t: Translator, controls: Values) -> dict[str, Any]:
    """The parts of a LiveText, and its kind: "bad" for what can't be read."""
    try:
        lines = written.read(name, text, speller)
    except PlaygroundError as error:
        return {"parts": [error.message(t)], "kind": "bad"}
    parts: list[Any] = []
    if name == "negative_prompt_ids" and controls.parameters["guidance_scale"] == 1:
        parts += [t("written.negative_needs_guidance"), "\n"]
    for line in lines[:MOST_SHOWN]:
        parts += [*_echoed(line, t), "\n"]
    if len(lines) > MOST_SHOWN:
        parts.append("…")
    return {"parts": parts, "kind": ""}


def _echoed(line: Line, t: Translator) -> list[Any]:
    if not line.ids:
        return [{"text": t("written.string", text=written.shown(line)), "kind": "token"}]
    ids = ", ".join(map(str, line.ids))
    words = t("written.ids", ids=ids) if line.bias is None else t("written.ids_bias", ids=ids, bias=line.bias)
    return [{"text": written.shown(line), "kind": "token"}, {"text": words, "kind": "ids"}]
