"""`python -m local.functions`: serves one function app on loopback until stopped."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TextIO

from local.functions.host import Host, serve
from local.functions.index import IndexingError, load
from local.functions.keys import Keys, new_key
from local.functions.settings import InvalidHostFileError, read_host_file
from local.shutdown import stop_event


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
    parser.add_argument("--exit-with-stdin", action="store_true", help="stop when standard input ends")
    return parser.parse_args()


def main() -> int:
    arguments = _arguments()
    # What functions print goes to the log: standard output carries only the first line, and may not be read after it.
    stdout = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    sys.stdout = open(1, "w", buffering=1, closefd=False)  # noqa: SIM115 - open until the process exits
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True
    )
    keys = Keys(
        function=arguments.function_key or new_key(),
        master=arguments.master_key or new_key(),
        eventgrid=arguments.eventgrid_key or new_key(),
    )
    data = None if arguments.data is None else arguments.data.resolve()
    try:
        host_file = read_host_file(arguments.app / "host.json")
        functions = load(arguments.app, environ=os.environ)
        host = Host(functions=functions, host_file=host_file, keys=keys, data=data)
        asyncio.run(_serve(host, port=arguments.port, exit_with_stdin=arguments.exit_with_stdin, stdout=stdout))
    except (IndexingError, InvalidHostFileError) as error:
        for problem in getattr(error, "problems", (error,)):
            print(problem, file=sys.stderr)
        if error.__cause__ is not None:
            logging.getLogger("functions.host").exception("indexing failed")
        return 1
    return 0


async def _serve(host: Host, *, port: int, exit_with_stdin: bool, stdout: TextIO) -> None:
    stop = stop_event(exit_with_stdin=exit_with_stdin)
    async with serve(host, port=port) as url:
        keys = {f"{name}_key": key for name, key in asdict(host.keys).items()}
        names = [function.name for function in host.functions]
        stdout.write(json.dumps({"url": url, **keys, "functions": names}) + "\n")
        stdout.flush()
        await stop.wait()


if __name__ == "__main__":
    code = main()
    # Not sys.exit, which would wait for a sync function that hangs in its thread.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
