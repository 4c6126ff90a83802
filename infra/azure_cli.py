"""Runs `az` and returns what it prints, parsed."""

import json
import os
import subprocess
import time
from typing import Any

from infra.failures import Kind, explain, kind_of

READ_SECONDS = 60.0
ATTEMPTS = 3
PAUSE_SECONDS = float(os.environ.get("GIFDROP_WAIT_SECONDS", "10"))


class AzError(Exception):
    """A command that failed; the message says what to do."""

    def __init__(self, kind: Kind, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def az(*arguments: str, limit: float = READ_SECONDS) -> Any:  # noqa: ANN401  # JSON
    """The output of `az` with these arguments as JSON, `None` if there is none.

    Throttled and unavailable services are asked again. Raises `AzError` for any other failure, or the third.

    limit: Seconds after which the command is stopped.
    """
    command = ["az", *arguments, "--output", "json", "--only-show-errors"]
    for attempt in range(1, ATTEMPTS + 1):
        try:
            run = subprocess.run(
                command, capture_output=True, text=True, check=False, timeout=limit, stdin=subprocess.DEVNULL
            )
            code, output = run.returncode, run.stderr
        except subprocess.TimeoutExpired:
            code, output = 124, ""
        except FileNotFoundError:
            raise AzError(Kind.OTHER, "az is not installed.") from None
        if code == 0:
            return json.loads(run.stdout) if run.stdout.strip() else None
        kind = kind_of(code, output)
        if kind not in (Kind.THROTTLED, Kind.UNAVAILABLE) or attempt == ATTEMPTS:
            break
        time.sleep(PAUSE_SECONDS)
    detail = output.strip().splitlines()[-1] if output.strip() else ""
    raise AzError(kind, "\n".join(line for line in (detail, explain(code, command, output)) if line))
