"""What a tokenizer does to a text, step by step: merges, matches and lattices of ours, equal to `tokenizers`."""
