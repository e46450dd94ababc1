"""What the Tokenizer tab draws."""
