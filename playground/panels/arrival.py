"""The line under the header while a model is on its way, or when it has not come."""

from playground.engines.huggingface.hub import size
from playground.i18n import Translator

Channels = dict[str, object]
NOTHING: Channels = {"shelf.progress": {"share": None, "text": ""}, "shelf.line": {"parts": []}}


def words(name: str, done: int, total: int, t: Translator) -> str:
    """`done` of `total` bytes are here; 0 of 0 where nothing is fetched."""
    if total and done >= total:
        return t("shelf.fetched", name=name, total=size(total))
    return (
        t("shelf.fetching", name=name, done=size(done), total=size(total)) if total else t("shelf.loading", name=name)
    )


def coming(name: str, done: int, total: int, can_go_back: bool, t: Translator) -> Channels:
    """As of `words`."""
    parts: list[object] = [words(name, done, total, t)]
    if can_go_back:
        parts.append({"text": t("shelf.call_off"), "kind": "action", "action": "back"})
    share = round(done / total, 3) if total else None
    return {"shelf.progress": {"share": share, "text": ""}, "shelf.line": {"parts": parts, "kind": "wait"}}


def failed(told: str, back: str, t: Translator) -> Channels:
    """`back`: the name of the model to go back to, "" for none."""
    parts: list[object] = [told, {"text": t("shelf.again"), "kind": "action", "action": "again"}]
    if back:
        parts.append({"text": t("shelf.back", name=back), "kind": "action", "action": "back"})
    return {**NOTHING, "shelf.line": {"parts": parts, "kind": "bad"}}
