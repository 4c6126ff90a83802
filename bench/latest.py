"""The latest rows of each benchmark: bench/results/latest.json."""

import json
import platform
from datetime import UTC, datetime
from pathlib import Path

from bench import Row

RESULTS = Path(__file__).parent / "results" / "latest.json"


def save(name: str, rows: list[Row], *, path: Path = RESULTS) -> None:
    """Replace the rows of one benchmark; those of the others stay."""
    try:
        results = json.loads(path.read_text())
    except FileNotFoundError:
        results = {}
    at = datetime.now(UTC).isoformat(timespec="seconds")
    results |= {"at": at, "machine": platform.platform(), "python": platform.python_version()}
    results |= {"measured_at": results.get("measured_at", {}) | {name: at}, name: rows}
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(results, indent=1))
