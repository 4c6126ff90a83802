"""`python -m local.functions`: serves one function app on loopback until told to stop."""

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

from local.functions.host import Host, serving
from local.functions.index import IndexingError, load
from local.functions.keys import Keys, new_key
from local.functions.settings import InvalidHostFileError, read_host_file
from local.shutdown import stop_event


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.functions", description=__doc__)
    parser.add_argument("--app", type=Path, default=Path(), help="the app's root, with function_app.py and host.json")
    parser.add_argument("--port", type=int, default=0, help="0 picks a free one")
    parser.add_argument("--data", type=Path, help="where the timers' records are kept; without it they are not")
    for name in ("function", "master", "eventgrid"):
        # Better in the environment: every user of the machine can list arguments. The app need not know them.
        variable = f"FUNCTIONS_{name.upper()}_KEY"
        given = os.environ.pop(variable, None)
        parser.add_argument(f"--{name}-key", metavar="K", default=given, help=f"otherwise {variable}, or a new one")
    parser.add_argument("--exit-with-stdin", action="store_true", help="stop when standard input ends")
    return parser.parse_args()


def main() -> int:
    arguments = _arguments()
    # What functions print goes to the log: standard output is for the one line that reports the host, and nobody may
    # be reading it afterwards.
    report = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    sys.stdout = open(1, "w", buffering=1, closefd=False)  # noqa: SIM115 - for as long as the process lives
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
        asyncio.run(_serve(host, port=arguments.port, exit_with_stdin=arguments.exit_with_stdin, report=report))
    except (IndexingError, InvalidHostFileError) as error:
        for problem in getattr(error, "problems", (error,)):
            print(problem, file=sys.stderr)
        if error.__cause__ is not None:
            logging.getLogger("functions.host").exception("indexing failed")
        return 1
    return 0


async def _serve(host: Host, *, port: int, exit_with_stdin: bool, report: TextIO) -> None:
    stop = stop_event(exit_with_stdin=exit_with_stdin)
    async with serving(host, port=port) as url:
        keys = {f"{name}_key": key for name, key in asdict(host.keys).items()}
        names = [function.name for function in host.functions]
        report.write(json.dumps({"url": url, **keys, "functions": names}) + "\n")
        report.flush()
        await stop.wait()


if __name__ == "__main__":
    code = main()
    # A sync function that hangs in its thread must not keep the process: nothing is left to do here.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
