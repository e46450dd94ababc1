"""Models behind the seam of decoding/model.py."""
