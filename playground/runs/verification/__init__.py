"""Runs compared with transformers: one witness a kind."""
