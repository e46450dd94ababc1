"""The ideas: logits processors, selection, strategies and the trace they leave. Imports torch and nothing else of ours."""
