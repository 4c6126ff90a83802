"""`python -m local.functions`: serves one function app on loopback until stopped."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import socket
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TextIO

from local.functions.host import Host, serve
from local.functions.index import IndexingError, load
from local.functions.keys import Keys, new_key
from local.functions.settings import InvalidHostFileError, read_host_file
from local.shutdown import stop_event

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.functions.sign_in import SignIn


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.functions", description=__doc__)
    parser.add_argument("--app", type=Path, default=Path(), help="root of the app, with function_app.py and host.json")
    parser.add_argument("--port", type=int, default=0, help="0 picks a free one")
    parser.add_argument("--data", type=Path, help="directory for timer status; default: not recorded")
    for name in ("function", "master", "eventgrid"):
        # The environment is safer: every user of the machine can list arguments. Popped, so the app cannot read them.
        variable = f"FUNCTIONS_{name.upper()}_KEY"
        given = os.environ.pop(variable, None)
        parser.add_argument(f"--{name}-key", metavar="K", default=given, help=f"default: {variable}, or a random key")
    parser.add_argument("--sign-in", metavar="CLIENT_ID", help="turn on App Service authentication with this app's id")
    parser.add_argument("--exit-with-stdin", action="store_true", help="stop when standard input ends")
    return parser.parse_args()


_LISTENER_VARIABLE = "FUNCTIONS_LISTENER_FD"
"""Environment variable of a restarted process: the socket it inherits."""


def main() -> int:
    directory, environment = Path.cwd(), dict(os.environ)
    inherited = os.environ.pop(_LISTENER_VARIABLE, None)
    arguments = _arguments()
    # What functions print goes to the log: standard output carries only the first line, and may not be read after it.
    stdout = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    sys.stdout = open(1, "w", buffering=1, closefd=False)  # noqa: SIM115 - open until the process exits
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True
    )
    # Popped, too: the app must not be able to sign tokens.
    token_key = os.environ.pop("FUNCTIONS_TOKEN_KEY", "")
    authentication: SignIn | None = None
    if arguments.sign_in:
        from local.functions import sign_in  # noqa: PLC0415  # PyJWT takes 0.05 s of CPU, and few apps need it

        os.environ[sign_in.VARIABLE] = "True"
        authentication = sign_in.SignIn(client_id=arguments.sign_in, key=token_key)
    keys = Keys(
        function=arguments.function_key or new_key(),
        master=arguments.master_key or new_key(),
        eventgrid=arguments.eventgrid_key or new_key(),
    )
    data = None if arguments.data is None else arguments.data.resolve()
    try:
        host_file = read_host_file(arguments.app / "host.json", os.environ)
        functions = load(arguments.app, environ=os.environ)
        host = Host(functions=functions, host_file=host_file, keys=keys, data=data, sign_in=authentication)
        if inherited is None:
            listener = socket.create_server(("127.0.0.1", arguments.port), backlog=128)
        else:
            listener = socket.socket(fileno=int(inherited))
            listener.set_inheritable(False)
        asyncio.run(
            _serve(
                host,
                listener=listener,
                restarted=inherited is not None,
                exit_with_stdin=arguments.exit_with_stdin,
                stdout=stdout,
                restart=lambda: _restart(host.keys, listener, directory=directory, environment=environment),
            )
        )
    except (IndexingError, InvalidHostFileError) as error:
        for problem in getattr(error, "problems", (error,)):
            print(problem, file=sys.stderr)
        if error.__cause__ is not None:
            logging.getLogger("functions.host").exception("indexing failed")
        return 1
    return 0


async def _serve(
    host: Host,
    *,
    listener: socket.socket,
    restarted: bool,
    exit_with_stdin: bool,
    stdout: TextIO,
    restart: Callable[[], NoReturn],
) -> None:
    stop = asyncio.ensure_future(stop_event(exit_with_stdin=exit_with_stdin).wait())
    # `listener` itself stays open, so that connections wait while the worker restarts.
    async with serve(host, listener=listener.dup(), restarted=restarted) as running:
        if not restarted:
            keys = {f"{name}_key": key for name, key in asdict(host.keys).items()}
            names = [function.name for function in host.functions]
            stdout.write(json.dumps({"url": running.url, **keys, "functions": names}) + "\n")
            stdout.flush()
        ended: set[asyncio.Future[Any]] = {stop, running.timed_out}
        await asyncio.wait(ended, return_when=asyncio.FIRST_COMPLETED)
        if stop.done():
            listener.close()
    if not stop.done():
        restart()


def _restart(keys: Keys, listener: socket.socket, *, directory: Path, environment: dict[str, str]) -> NoReturn:
    """Replace this process, as Azure kills a worker: nothing in it is cancelled, and no `finally` runs."""
    logging.getLogger("functions.host").warning("Restarting language worker processes due to function timing out.")
    listener.set_inheritable(True)
    environment |= {f"FUNCTIONS_{name.upper()}_KEY": key for name, key in asdict(keys).items()}
    environment[_LISTENER_VARIABLE] = str(listener.fileno())
    os.chdir(directory)
    command = [sys.executable, "-m", "local.functions", *sys.argv[1:]]
    os.execve(sys.executable, command, environment)  # noqa: S606


if __name__ == "__main__":
    code = main()
    # Not sys.exit, which would wait for a sync function that hangs in its thread.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
