"""What the tests of the tabs share with others: visitors of the Generate tab, served pages, tiny models."""

from tests.pseudo import long_language
from tests.talkers import talker
from tests.visitors import *  # noqa: F403

__all__ = ["long_language", "talker"]
