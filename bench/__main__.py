"""`python -m bench [NAME...]`: run all or some benchmarks, print a table of each, write bench/results/latest.json.

The file keeps the rows of the benchmarks that do not run.
"""

import importlib
import json
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path

from bench import Row
from bench.table import show

NAMES = ("pipeline", "latency", "throughput", "requests", "conversion", "batch_emulator", "status", "imports")
RESULTS = Path(__file__).parent / "results" / "latest.json"


def main(names: list[str]) -> None:
    unknown = set(names) - set(NAMES)
    if unknown:
        sys.exit(f"unknown benchmark: {', '.join(sorted(unknown))}; choose from {', '.join(NAMES)}")
    for name in names or NAMES:
        rows = importlib.import_module(f"bench.{name}").run()
        show(name, rows)
        _save(name, rows)
    print(RESULTS)


def _save(name: str, rows: list[Row]) -> None:
    try:
        results = json.loads(RESULTS.read_text())
    except FileNotFoundError:
        results = {}
    at = datetime.now(UTC).isoformat(timespec="seconds")
    measured_at = results.get("measured_at", {}) | {name: at}
    results |= {"at": at, "machine": platform.platform(), "python": platform.python_version()}
    results |= {"measured_at": measured_at, name: rows}
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=1))


main(sys.argv[1:])
