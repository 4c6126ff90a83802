"""`python -m bench [NAME...]`: run all or some benchmarks, print a table of each, write bench/results/latest.json."""

import argparse
import ast
import importlib
import sys
from pathlib import Path

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


def description_of(name: str) -> str:
    """The first line of a benchmark's docstring. Nothing is imported for it."""
    folder = Path(__file__).parent
    path = folder / name / "__init__.py" if (folder / name).is_dir() else folder / f"{name}.py"
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return text.partition("\n")[0]


def main(arguments: list[str]) -> None:
    lines = "\n".join(f"  {name:15}{description_of(name)}" for name in NAMES)
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Runs benchmarks, prints a table of each and writes it to bench/results/latest.json.",
        epilog=f"benchmarks:\n{lines}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="a benchmark; default: all, in this order")
    names = parser.parse_args(arguments).names
    if unknown := set(names) - set(NAMES):
        parser.error(f"unknown benchmark: {', '.join(sorted(unknown))}; choose from {', '.join(NAMES)}")
    for name in names or NAMES:
        rows = importlib.import_module(f"bench.{name}").run()
        show(name, rows)
        save(name, rows)
    print(RESULTS)


main(sys.argv[1:])
