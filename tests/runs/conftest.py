"""What the tests of runs share with others: tiny models."""

from tests.visitors import tiny_backend

__all__ = ["tiny_backend"]
