"""What the Two models tab draws."""
