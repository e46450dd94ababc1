"""The Inside tab: layout and handlers."""
