"""What the tests of the endpoints share with others: visitors of the Generate tab, served pages, tiny models."""

from tests.talkers import talker
from tests.visitors import *  # noqa: F403

__all__ = ["talker"]
