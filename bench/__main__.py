"""`python -m bench [NAME...]`: run all or some benchmarks, print a table of each, write bench/results/latest.json."""

import importlib
import sys

from bench.latest import RESULTS, save
from bench.table import show

NAMES = (
    "pipeline",
    "latency",
    "throughput",
    "requests",
    "scale",
    "autoscale",
    "gif",
    "budget",
    "beside",
    "batch_emulator",
    "status",
    "imports",
)


def main(names: list[str]) -> None:
    unknown = set(names) - set(NAMES)
    if unknown:
        sys.exit(f"unknown benchmark: {', '.join(sorted(unknown))}; choose from {', '.join(NAMES)}")
    for name in names or NAMES:
        rows = importlib.import_module(f"bench.{name}").run()
        show(name, rows)
        save(name, rows)
    print(RESULTS)


main(sys.argv[1:])
