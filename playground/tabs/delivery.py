"""Delivery: how a handler's frames reach its visitor's page without loss, whatever the tab."""

import inspect
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

import gradio as gr

from playground.api.outright import outright
from playground.components.gaze import HasFrames
from playground.components.live_bus import Frame
from playground.i18n import Translator
from playground.tabs.per_visitor import language_of


def lossless(handler: Callable[..., Any]) -> Callable[..., Any]:
    """The handler, its frames sent through the session's FrameLog; an error that it lets through is still said. What a
    plain function answers shows the state as it was when it was called; a generator's frame that as it is sent, unless
    the frame says otherwise (`asked`)."""

    def carried(session: HasFrames, update: Any, asked: int = 0) -> Any:
        if isinstance(update, Frame):
            update.asked = update.asked or asked
            return session.frames.carry(update)
        if isinstance(update, (tuple, list)):
            return type(update)(carried(session, part, asked) for part in update)
        return update

    if inspect.isgeneratorfunction(handler):

        @wraps(handler)
        def streaming(session: HasFrames, *rest: Any) -> Iterator[Any]:
            for update in handler(session, *rest):
                yield carried(session, update)

        return outright(streaming, language_of)

    @wraps(handler)
    def answering(session: HasFrames, *rest: Any) -> Any:
        asked = session.frames.now()
        return carried(session, handler(session, *rest), asked)

    return outright(answering, language_of)


FOLDS = ["panel", "folds"]  # the classes of the group of a panel that is folded at first


def panel_head(name: str, t: Translator, fold: str = "") -> None:
    """The title of a panel and one line on how to read it; `fold` as of head."""
    head(t(f"panel.{name}"), t(f"panel.{name}.hint"), t, is_picture=name != "code", fold=fold)


def head(title: str, hint: str, t: Translator, *runs: str, is_picture: bool = True, fold: str = "") -> None:
    """The same for a title and a line that are not under `panel.*`; `runs` as of picture_tools. With `fold` the panel,
    of the classes FOLDS, is one line at first, `fold.<name>` says what question it answers, and the title opens it
    (assets/live_folds.js)."""
    tools = picture_tools(t, *runs) if is_picture else ""
    if not fold:
        words = f'<div class="panel-head"><h2>{title}</h2><small>{hint}</small>{tools}</div>'
        gr.HTML(words, js_on_load="window.livePage.headed({element});", apply_default_css=False)
        return
    button = f'<button type="button" class="fold" aria-expanded="false">{title}</button>'
    words = f"<h2>{button}</h2><span>{t(f'fold.{fold}')}</span><small>{hint}</small>{tools}"
    gr.HTML(
        f'<div class="panel-head" data-fold="{fold}">{words}</div>', js_on_load="window.livePage.fold({element});",
        apply_default_css=False,
    )  # fmt: skip


def picture_tools(t: Translator, *runs: str) -> str:
    """Buttons at the end of a panel's head: save as PNG or SVG, enlarge (assets/live_pictures.js says what a panel
    needs). `runs` names further things to save, a key `picture.<name>` each: what it is said to the page's scripts."""
    kinds = "".join(
        f'<button type="button" data-picture="{name}" aria-label="{words}">{words}</button>'
        for name, words in ((name, t(f"picture.{name}")) for name in ("png", "svg", *runs))
    )
    around = "".join(
        f'<button type="button" data-picture="{name}" title="{t(f"picture.{name}")}" '
        f'aria-label="{t(f"picture.{name}")}">{sign}</button>'
        for name, sign in _SIGNS.items()
    )
    save = t("picture.save")
    menu = f'<summary title="{save}" aria-label="{save}">{_SAVE}</summary><div>{kinds}</div>'
    return f'<span class="picture-tools"><details class="picture-save">{menu}</details>{around}</span>'


def _sign(path: str) -> str:
    return f'<svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true"><path d="{path}"/></svg>'


RUN_FILES = ("json", "csv", "text")


def saver_texts(t: Translator) -> dict[str, str]:
    """What a Saver says."""
    return {"other": t("saver.other"), "empty": t("saver.empty")}


_SAVE = _sign("M8 2v8M4.5 7 8 10.5 11.5 7M3 13.5h10")
_SIGNS = {
    "stage": _sign("M2.5 4h11v8h-11zM2.5 6.5h11"),
    "enlarge": _sign("M9.5 2.5h4v4M13.5 2.5 9 7M6.5 13.5h-4v-4M2.5 13.5 7 9"),
    "before": _sign("M10 3 5 8l5 5"),
    "after": _sign("M6 3l5 5-5 5"),
    "close": _sign("M3.5 3.5l9 9M12.5 3.5l-9 9"),
}
