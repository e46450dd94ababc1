"""Causal language models of transformers behind the seam."""
