"""From a trace to the numbers on a picture: plain dataclasses, one file a picture."""
