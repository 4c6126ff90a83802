"""`python -m local`: the stack on one machine, from the command line."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from local.part import ROOT, PartCrashedError
from local.parts import NAMES

if TYPE_CHECKING:
    from collections.abc import Coroutine


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="the whole stack in the foreground, until Ctrl-C")
    for name in NAMES:
        up.add_argument(f"--port-{name}", type=int, metavar="PORT", help=f"port of the part {name}")
    demo = commands.add_parser("demo", help="MP4s in, GIFs out, through a stack of its own")
    demo.add_argument("videos", nargs="*", type=Path, metavar="VIDEO", help="a file or a folder; without any, a sample")
    drop = commands.add_parser("drop", help="videos into a stack that runs")
    drop.add_argument("videos", nargs="*", type=Path, metavar="VIDEO", help="a file or a folder")
    drop.add_argument("--watch", type=Path, metavar="FOLDER", help="every MP4 that comes into the folder, until Ctrl-C")
    for command, default in ((up, ROOT / ".local"), (demo, ROOT / ".local" / "demo"), (drop, ROOT / ".local")):
        command.add_argument("--dir", type=Path, default=default, help="where the stack keeps everything")
    for command in (demo, drop):
        command.add_argument("--out", type=Path, default=Path("out"), help="where the GIFs go")
    arguments = parser.parse_args()
    if arguments.command == "drop" and arguments.watch and not arguments.watch.is_dir():
        drop.error(f"{arguments.watch} is not a folder")
    if arguments.command == "drop" and bool(arguments.videos) == bool(arguments.watch):
        drop.error("say which videos, or --watch FOLDER")
    return arguments


def _command(arguments: argparse.Namespace) -> Coroutine[None, None, int]:
    match arguments.command:
        case "up":
            from local.commands.up import up

            given = {name: getattr(arguments, f"port_{name}") for name in NAMES}
            return up(directory=arguments.dir, ports={name: port for name, port in given.items() if port is not None})
        case "demo":
            from local.commands.demo import demo

            return demo(arguments.videos, directory=arguments.dir, out=arguments.out)
        case _:
            from local.commands.drop import drop, drop_from

            if arguments.watch:
                return drop_from(arguments.watch, directory=arguments.dir, out=arguments.out)
            return drop(arguments.videos, directory=arguments.dir, out=arguments.out)


def main() -> int:
    from local.commands.client import RefusedError
    from local.commands.signals import StoppedError, until_signal
    from local.commands.videos import NoVideoError
    from local.lock import InUseError

    arguments = _arguments()
    try:
        return asyncio.run(until_signal(_command(arguments)))
    except StoppedError as stopped:
        # Those have no other end.
        return 0 if arguments.command == "up" or getattr(arguments, "watch", None) else 128 + stopped.number
    except (PartCrashedError, InUseError, NoVideoError, RefusedError, OSError) as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
