"""Runs `az` and reads the JSON that it prints. Standard library only."""

import json
import os
import subprocess
from collections.abc import Mapping
from typing import Any


def az(*arguments: str, environment: Mapping[str, str] | None = None) -> Any:  # noqa: ANN401  # JSON
    """The JSON that a command prints, None if it prints nothing. Raises CalledProcessError."""
    command = ["az", *arguments, "--only-show-errors", "--output", "json"]
    variables = {**os.environ, **(environment or {})}
    output = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=variables).stdout
    return json.loads(output) if output.strip() else None
