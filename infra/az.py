"""Runs `az` and reads the JSON that it prints. Standard library only."""

import json
import os
import subprocess
import time
from collections.abc import Mapping
from typing import Any

from infra.failures import TIME_LIMIT_CODES, Kind, explain, kind_of

READ_SECONDS = 60.0
CHANGE_SECONDS = 1800.0
CHANGES = {"create", "upload", "delete", "activate", "put", "patch"}
"""Words of commands that may take longer than one that reads."""
ATTEMPTS = 3
PAUSE_SECONDS = float(os.environ.get("GIFDROP_WAIT_SECONDS", "10"))


class AzError(subprocess.CalledProcessError):
    """A command that failed; the message says what to do."""

    def __init__(self, code: int, command: list[str], output: str) -> None:
        super().__init__(code, command, stderr=output)
        self.kind: Kind = kind_of(code, output)

    def __str__(self) -> str:
        last = self.stderr.strip().splitlines()[-1:]
        return "\n".join([*last, explain(self.returncode, list(self.cmd), self.stderr)])


def az(
    *arguments: str,
    environment: Mapping[str, str] | None = None,
    limit: float | None = None,
) -> Any:  # noqa: ANN401  # JSON
    """The JSON that a command prints, None if it prints nothing.

    Throttled and unavailable services are asked again. Raises `AzError` for any other failure, or the third.

    environment: Variables for the command beside those of this process.
    limit: Seconds after which the command is stopped, by default 60, or 1800 for commands that change something.
    """
    command = ["az", *arguments, "--only-show-errors", "--output", "json"]
    seconds = limit or (CHANGE_SECONDS if CHANGES & set(arguments) else READ_SECONDS)
    variables = {**os.environ, **(environment or {})}
    for attempt in range(1, ATTEMPTS + 1):
        try:
            run = subprocess.run(
                command,
                capture_output=True,
                text=True,
                check=False,
                env=variables,
                timeout=seconds,
                stdin=subprocess.DEVNULL,
            )
        except subprocess.TimeoutExpired:
            raise AzError(TIME_LIMIT_CODES[0], command, "") from None
        except FileNotFoundError:
            raise AzError(127, command, "az is not installed") from None
        if run.returncode == 0:
            return json.loads(run.stdout) if run.stdout.strip() else None
        error = AzError(run.returncode, command, run.stderr)
        if error.kind not in (Kind.THROTTLED, Kind.UNAVAILABLE) or attempt == ATTEMPTS:
            raise error
        time.sleep(PAUSE_SECONDS)
    raise AssertionError("every attempt returns or raises")
