"""The Tokenizer tab: layout, handlers and its sessions."""
