"""The Two models tab: layout and handlers."""
