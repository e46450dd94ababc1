"""The public endpoints, what they share and their signatures."""
