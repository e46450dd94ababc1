"""The Beam search tab: layout, handlers and its sessions."""
