"""The end of the header: Share and the switch of the theme, with what they open: links, embed code, the keys."""

from html import escape

from playground.i18n import Translator

VIEWS = ("generate", "next-token", "beam", "compare", "tokenizer", "masks")
# as on the keys; each with its text `keys.<name>`
KEYS = {
    "tokens": "← →", "run": "␣", "step": ".", "back": "B", "tabs": "1 – 7", "language": "L", "dark": "D", "size": "+ −",
    "clicker": "⇞ ⇟", "enlarged": "Esc", "these": "?",
}  # fmt: skip


def header_tools(t: Translator) -> str:
    """HTML for assets/live_share.js and assets/live_presenter.js."""
    share, keys = t("share.open"), t("keys.title")
    buttons = (
        f'<button type="button" id="share-open" class="header-tool" title="{share}" aria-label="{share}">'
        f"{_SHARE}</button>"
        f'<button type="button" id="theme-switch" aria-label="{t("page.theme")}" title="{t("page.theme")}">◐</button>'
    )
    return f"{buttons}{_share(t)}{_dialog('keys', keys, _keys(t), t)}"


def _dialog(name: str, title: str, content: str, t: Translator) -> str:
    close = f'<form method="dialog"><button class="dialog-close" aria-label="{t("share.close")}">✕</button></form>'
    head = f'<div class="dialog-head"><h2 id="{name}-title">{title}</h2>{close}</div>'
    return f'<dialog id="{name}" class="page-dialog" aria-labelledby="{name}-title">{head}{content}</dialog>'


def _share(t: Translator) -> str:
    def field(name: str, made: str) -> str:
        copy = f'<button type="button" data-copy="{name}" data-copied="{t("code.copied")}">{t("code.copy")}</button>'
        return f'<label for="{name}">{t(f"share.{made}")}</label><div class="share-field">{_FIELDS[made]}{copy}</div>'

    views = "".join(f'<option value="{view}">{t(f"share.view.{view}")}</option>' for view in VIEWS)
    code = (
        f'<div class="share-choices"><label>{t("share.view")} <select id="share-view">{views}</select></label>'
        f'<label><input type="checkbox" id="share-controls" checked> {t("share.controls")}</label></div>'
    )
    picture = (
        f'<figure><img id="share-qr" alt="{escape(t("share.qr"))}">'
        f'<p id="share-long" hidden>{t("share.long")}</p></figure>'
    )
    content = f"{field('share-link', 'link')}{picture}{field('share-code', 'code')}{code}<p>{t('share.hint')}</p>"
    return _dialog("share", t("share.open"), content, t)


def _keys(t: Translator) -> str:
    rows = "".join(f"<tr><th><kbd>{sign}</kbd></th><td>{t(f'keys.{name}')}</td></tr>" for name, sign in KEYS.items())
    switch = f'<label><input type="checkbox" id="keys-on" checked> {t("keys.on")}</label>'
    return f"<table>{rows}</table>{switch}"


_FIELDS = {
    "link": '<input id="share-link" readonly>',
    "code": '<textarea id="share-code" rows="5" readonly spellcheck="false"></textarea>',
}
_SHARE = (
    '<svg viewBox="0 0 16 16" width="18" height="18" aria-hidden="true"><circle cx="4" cy="8" r="2"/>'
    '<circle cx="12" cy="3.5" r="2"/>'
    '<circle cx="12" cy="12.5" r="2"/><path d="M5.8 7 10.2 4.5M5.8 9l4.4 2.5"/></svg>'
)
