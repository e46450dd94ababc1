"""The Generate tab: layout, handlers and its sessions."""
