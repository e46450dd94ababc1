"""Decoding Playground: see a language model choose its next token."""

__version__ = "0.1.0"
