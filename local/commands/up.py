"""`up`: runs the stack in the foreground."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from local.ports import is_free
from local.sandbox import UNCONFINED
from local.stack import Stack

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import NoReturn

_DEFAULT_PORTS = {"functions": 7071, "batch": 10100, "storage": 10000}


async def up(*, directory: Path, ports: Mapping[str, int]) -> NoReturn:
    """Run the stack in `directory` until cancelled. Raises ServiceCrashedError, InUseError."""
    defaults = {name: port for name, port in _DEFAULT_PORTS.items() if port not in ports.values() and is_free(port)}
    launched = time.monotonic()
    async with Stack(directory=directory, ports=defaults | dict(ports)) as stack:
        print(_summary(stack, seconds=time.monotonic() - launched), flush=True)
        if stack.env["GIFDROP_SANDBOX"] == "optional":
            print(f"{UNCONFINED}\n", flush=True)
        raise await stack.crash()


def _summary(stack: Stack, *, seconds: float) -> str:
    layout, endpoints = stack.layout, stack.endpoints
    return f"""gifdrop is up (started in {seconds:.1f} s). Press Ctrl-C to stop.

  dashboard  {endpoints["dashboard"]}
  status     {endpoints["functions"]}/api/status?code={endpoints["function_key"]}
  storage    {endpoints["storage"]}
  batch      {endpoints["batch"]}
  settings   {layout.env}   (set -a; . {layout.env}; set +a)
  logs       {layout.logs}

Convert a video:  python -m local drop VIDEO.mp4
"""
