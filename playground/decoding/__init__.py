"""Processors, selection, strategies and the trace they leave. Imports torch, and of ours only itself."""
