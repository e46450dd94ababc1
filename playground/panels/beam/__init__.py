"""What the Beam search tab draws."""
