"""`python -m bench [NAME...]`: run all or some benchmarks, print a table of each, write bench/results/latest.json."""

import importlib
import json
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path

from bench.table import show

NAMES = ("pipeline", "latency", "requests", "conversion", "batch_emulator", "status", "imports", "autoscale")
RESULTS = Path(__file__).parent / "results" / "latest.json"


def main(names: list[str]) -> None:
    unknown = set(names) - set(NAMES)
    if unknown:
        sys.exit(f"unknown benchmark: {', '.join(sorted(unknown))}; choose from {', '.join(NAMES)}")
    results: dict[str, object] = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": platform.platform(),
        "python": platform.python_version(),
    }
    for name in names or NAMES:
        rows = importlib.import_module(f"bench.{name}").run()
        show(name, rows)
        results[name] = rows
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(results, indent=1))
    print(RESULTS)


main(sys.argv[1:])
