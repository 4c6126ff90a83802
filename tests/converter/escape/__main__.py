"""Runs every attempt on this machine, a pool's node for example: `python -m tests.converter.escape`.

Prints the outcome of each and exits with 1 if one was not refused. Needs only Python and the folder `converter`.
"""

import os
import platform
import sys
import tempfile
from pathlib import Path

from converter.sandbox import landlock
from tests.converter.escape import attempts


def main() -> int:
    """Run the table; returns the exit code."""
    escaped = 0
    print(f"{platform.platform()}, Landlock {landlock.version()}, user {os.getuid()}")
    for attempt in attempts.ATTEMPTS.values():
        with tempfile.TemporaryDirectory() as folder, attempts.surroundings(Path(folder)) as around:
            outcome = attempts.run(attempt, around)
            safe = outcome in attempt.safe and not around.changed()
        escaped += not safe
        print(f"{'ok' if safe else 'ESCAPED':<8} {attempt.name:<36} {outcome}", flush=True)
    print(f"{len(attempts.ATTEMPTS)} attempts, {escaped} not refused")
    return 1 if escaped else 0


if __name__ == "__main__":
    sys.exit(main())
