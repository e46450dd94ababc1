"""The Attention tab: layout, handlers and its sessions."""
