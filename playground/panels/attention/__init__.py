"""What the Attention tab draws."""
