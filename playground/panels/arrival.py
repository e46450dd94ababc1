"""The line under the header while a model is on its way, or when it has not come."""

from playground.engines.huggingface.hub import size
from playground.i18n import Translator

Channels = dict[str, object]
NOTHING: Channels = {"shelf.progress": {"share": None, "text": ""}, "shelf.line": {"parts": []}}


def coming(name: str, done: int, total: int, can_go_back: bool, t: Translator) -> Channels:
    """`done` of `total` bytes are here; 0 of 0 where nothing is fetched."""
    words = t("shelf.loading", name=name)
    if total:
        words = t("shelf.fetching", name=name, done=size(done), total=size(total))
    if total and done >= total:
        words = t("shelf.fetched", name=name, total=size(total))
    parts: list[object] = [words]
    if can_go_back:
        parts.append({"text": t("shelf.call_off"), "kind": "action", "action": "back"})
    share = round(done / total, 3) if total else None
    return {"shelf.progress": {"share": share, "text": ""}, "shelf.line": {"parts": parts, "kind": "wait"}}


def failed(words: str, back: str, t: Translator) -> Channels:
    """`back`: the name of the model to go back to, "" for none."""
    parts: list[object] = [words, {"text": t("shelf.again"), "kind": "action", "action": "again"}]
    if back:
        parts.append({"text": t("shelf.back", name=back), "kind": "action", "action": "back"})
    return {**NOTHING, "shelf.line": {"parts": parts, "kind": "bad"}}
