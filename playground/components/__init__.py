"""Gradio components that stay mounted and are patched in place by assets/live.js. They know nothing of decoding."""
