"""Runs the local stack during a command, and says why it cannot run."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from cli.errors import StackError
from cli.invocation import command_line
from cli.target import short
from local.lock import InUseError
from local.ports import PortInUseError
from local.process import ServiceCrashedError
from local.sandbox import UNCONFINED
from local.stack import Stack

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from cli.output import Output


@asynccontextmanager
async def running_stack(
    output: Output, *, directory: Path, fresh: bool = False, ports: Mapping[str, int] | None = None
) -> AsyncIterator[Stack]:
    """A stack in `directory` during the block. Raises StackError."""
    try:
        async with Stack(directory=directory, fresh=fresh, ports=ports) as stack:
            if stack.env["GIFDROP_SANDBOX"] == "optional":
                output.say(UNCONFINED)
            yield stack
    except PortInUseError as error:
        used = f" by {error.holder}" if error.holder else ""
        raise StackError(
            f"Port {error.port} is in use{used}, so the service {error.service} cannot start. "
            f"Stop that program, or choose another port: `{command_line('up', f'--port-{error.service}', 'PORT')}`."
        ) from None
    except InUseError as error:
        process = f" (process {error.pid})" if error.pid else ""
        raise StackError(
            f"A stack is already running in {short(directory)}{process}. Use it, or stop it first."
        ) from None
    except ServiceCrashedError as error:
        raise StackError(f"The stack stopped: {error}") from None
    except OSError as error:
        raise StackError(f"The stack cannot start: {error}") from None
