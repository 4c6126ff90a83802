"""`up`: runs the stack in the foreground."""

from __future__ import annotations

import time
from contextlib import nullcontext
from typing import TYPE_CHECKING

from cli.invocation import command_line
from cli.stack import running_stack
from cli.target import LOCAL_DIRECTORY, directory_arguments
from cli.words import seconds
from local.func_settings import FUNC_SETTINGS, func_settings
from local.ports import is_free

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import NoReturn

    from cli.output import Output
    from local.stack import Stack

_DEFAULT_PORTS = {"functions": 7071, "batch": 10100, "storage": 10000}


async def up(*, directory: Path, ports: Mapping[str, int], output: Output) -> NoReturn:
    """Run the stack in `directory` until cancelled. Raises StackError."""
    defaults = {name: port for name, port in _DEFAULT_PORTS.items() if port not in ports.values() and is_free(port)}
    launched = time.monotonic()
    async with running_stack(output, directory=directory, ports=defaults | dict(ports)) as stack:
        output.say(_summary(stack, took=time.monotonic() - launched))
        output.result(
            {name: stack.endpoints[name] for name in ("dashboard", "functions", "storage", "batch")}
            | {"env": str(stack.layout.env), "logs": str(stack.layout.logs)}
        )
        # Microsoft's host reads one file in the checkout: that of the stack in the default directory.
        default = stack.layout.directory == LOCAL_DIRECTORY
        settings = func_settings(FUNC_SETTINGS, endpoints=stack.endpoints, env=stack.env) if default else nullcontext()
        with settings as written, output.announcing_stop("Stopping the stack."):
            if written is False:
                output.say(f"{FUNC_SETTINGS.name} is not of a local stack and was left as it is.")
            raise await stack.crash()


def _summary(stack: Stack, *, took: float) -> str:
    layout, endpoints = stack.layout, stack.endpoints
    return f"""gifdrop is up (started in {seconds(took)}). Press Ctrl-C to stop.

  page       {endpoints["dashboard"]}
  storage    {endpoints["storage"]}
  batch      {endpoints["batch"]}
  settings   {layout.env}   (set -a; . {layout.env}; set +a)
  logs       {layout.logs}

Convert a video:  {command_line("drop", *directory_arguments(layout.directory))} VIDEO.mp4
"""
