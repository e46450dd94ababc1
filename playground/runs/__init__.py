"""Runs as values: recorded, and compared with their references."""
