"""Runs a command until it ends or a signal cancels it, and exits with its code."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from typing import TYPE_CHECKING, Any

from cli.errors import CommandError, ExitCode
from cli.output import Output
from cli.signals import StoppedError, run_until_signal

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import NoReturn


def run(
    work: Callable[[Output], Coroutine[Any, Any, int]], *, as_json: bool, stop_is_success: bool = False
) -> NoReturn:
    """Run a command until it ends or a signal cancels it, and exit with its code."""
    # Commands print what went wrong in one sentence.
    logging.disable()
    output = Output(json=as_json)
    try:
        code = _exit_code(work, output, stop_is_success=stop_is_success)
    except KeyboardInterrupt:
        # asyncio has ended, and with it the handler that it had.
        output.stopped()
        code = 128 + signal.SIGINT
    # Nothing is left to clean up.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(code)


def _exit_code(work: Callable[[Output], Coroutine[Any, Any, int]], output: Output, *, stop_is_success: bool) -> int:
    try:
        return asyncio.run(run_until_signal(work(output)))
    except StoppedError as stopped:
        output.stopped()
        return 0 if stop_is_success else 128 + stopped.number
    except CommandError as error:
        output.error(str(error))
        return error.exit_code
    except BrokenPipeError:
        sys.stdout = None  # Python would flush it on exit
        return 128 + signal.SIGPIPE
    except OSError as error:
        output.error(f"{error.filename}: {error.strerror}" if error.filename else str(error))
        return ExitCode.FAILED
