"""Reader: in which language whoever asks is answered."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from playground.i18n import DEFAULT_LANGUAGE, languages

PARAMETER = "lang"
COOKIE = "playground-language"
_LONGEST = 1000  # characters of a header that are read


def wanted(request: Any) -> str:
    """The language that a request asks for, one that there is: by `lang` in its own address, in that of the page it
    comes from, by what was chosen last (a cookie), by what the browser prefers. Nobody else's choice has a say in it.

    Takes a Starlette or a Gradio request: `query_params`, `cookies`, `headers`.
    """
    headers: Mapping[str, str] = request.headers
    page = parse_qs(urlsplit(_address(headers.get("referer", ""))).query)
    named = [request.query_params.get(PARAMETER, ""), *page.get(PARAMETER, [])[:1], request.cookies.get(COOKIE, "")]
    preferred = [_weighed(one) for one in headers.get("accept-language", "")[:_LONGEST].split(",")]
    known = {code.lower(): code for code in languages()}
    for tag in (*named, *(tag for tag, weight in sorted(preferred, key=lambda one: -one[1]) if weight > 0)):
        for code in (tag.lower(), tag.lower().split("-")[0]):
            if code in known:
                return known[code]
    return DEFAULT_LANGUAGE


def _address(text: str) -> str:
    try:
        urlsplit(text)
    except ValueError:
        return ""
    return text


def _weighed(entry: str) -> tuple[str, float]:
    """A language of an Accept-Language header, and how much it is wanted: "zh-CN;q=0.8"."""
    tag, _, weight = entry.strip().partition(";q=")
    try:
        return tag.strip(), float(weight or 1)
    except ValueError:
        return tag.strip(), 0.0
