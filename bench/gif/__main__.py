"""`python -m bench.gif [CLIP...]`: measure all or some clips and methods and print the tables, without plots."""

import argparse
import json
from pathlib import Path

from bench.gif.comparison import SECONDS, measure, summarise
from bench.table import show

parser = argparse.ArgumentParser(prog="python -m bench.gif")
parser.add_argument("clips", nargs="*", help="names of clips; default: all")
parser.add_argument("--methods", nargs="+", default=[], help="beginnings of methods' names; default: all")
parser.add_argument("--seconds", type=float, default=SECONDS, help="of each clip at most")
parser.add_argument("--rounds", type=int, default=2, help="the fastest counts")
parser.add_argument("--json", type=Path, help="a file for the rows")
chosen = parser.parse_args()
rows = measure(chosen.clips, methods=chosen.methods, seconds=chosen.seconds, rounds=chosen.rounds)
show("methods", rows)
summary = summarise(rows)
show("at equal quality", summary)
if chosen.json:
    chosen.json.write_text(json.dumps([*rows, *summary], indent=1))
