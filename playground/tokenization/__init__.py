"""What a tokenizer does to a text, step by step. Merges, matches and lattices are ours; `tokenizers` is the reference."""
