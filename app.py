"""Decoding Playground, as a checkout and a Space start it; what it does is in playground/__main__.py."""

from playground.__main__ import main

if __name__ == "__main__":
    main("app.py")
