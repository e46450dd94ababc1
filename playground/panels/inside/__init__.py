"""What the Inside tab draws."""
