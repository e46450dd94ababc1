"""What the tests of the tabs share with others: visitors of the Generate tab, served pages, tiny models."""

from tests.pseudo import long_language
from tests.talkers import talker
from tests.visitors import (
    build_page,
    first_example,
    forwards,
    recorded_tab,
    serve,
    tab,
    tiny_backend,
    visitor,
    visitor_of,
    visitors,
)

__all__ = [
    "build_page",
    "first_example",
    "forwards",
    "long_language",
    "recorded_tab",
    "serve",
    "tab",
    "talker",
    "tiny_backend",
    "visitor",
    "visitor_of",
    "visitors",
]
