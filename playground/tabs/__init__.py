"""The page: one file a tab, and what the tabs share. No arithmetic here."""
