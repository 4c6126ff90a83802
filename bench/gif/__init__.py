"""Compares gifdrop's presets with other ways to make a GIF: bytes at equal quality, time and memory.

`make bench ARGS=gif` prints the table and draws the plots of docs/conversion.md. `python -m bench.gif CLIP...` measures
some clips only and draws nothing.
"""

from bench.gif.comparison import run

__all__ = ["run"]
