"""What the Generate tab draws."""
