"""`python -m local`: run the whole stack on this machine and convert videos with it."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from local.commands.client import UnauthorizedError
from local.commands.demo import demo
from local.commands.drop import drop, drop_from
from local.commands.signals import StoppedError, run_until_signal
from local.commands.up import up
from local.commands.videos import NoVideoError
from local.lock import InUseError
from local.process import ROOT, ServiceCrashedError
from local.services import NAMES
from shared.options import METADATA

if TYPE_CHECKING:
    from collections.abc import Coroutine


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    up_parser = commands.add_parser("up", help="run the stack in the foreground until Ctrl-C")
    for name in NAMES:
        up_parser.add_argument(f"--port-{name}", type=int, metavar="PORT", help=f"port of the {name} service")
    demo_parser = commands.add_parser("demo", help="start a temporary stack, convert videos and stop it")
    demo_parser.add_argument(
        "videos", nargs="*", type=Path, metavar="VIDEO", help="file or folder; default: a generated sample"
    )
    drop_parser = commands.add_parser("drop", help="convert videos with a running stack")
    drop_parser.add_argument("videos", nargs="*", type=Path, metavar="VIDEO", help="file or folder")
    drop_parser.add_argument(
        "--watch", type=Path, metavar="FOLDER", help="convert every MP4 added to the folder until Ctrl-C"
    )
    group = drop_parser.add_argument_group(
        "options of the GIFs", "Values are those of the metadata, docs/conversion.md."
    )
    for option, key in METADATA.items():
        name = f"--{key.removeprefix('gif_').replace('_', '-')}"
        if option in ("reverse", "boomerang"):
            group.add_argument(name, dest=key, action="store_const", const="true")
        else:
            group.add_argument(name, dest=key, metavar="VALUE")
    for command, default in (
        (up_parser, ROOT / ".local"),
        (demo_parser, ROOT / ".local" / "demo"),
        (drop_parser, ROOT / ".local"),
    ):
        command.add_argument("--dir", type=Path, default=default, help="data directory of the stack")
    for command in (demo_parser, drop_parser):
        command.add_argument("--out", type=Path, default=Path("out"), help="folder for the GIFs; default: out")
    arguments = parser.parse_args()
    if arguments.command == "drop" and arguments.watch and not arguments.watch.is_dir():
        drop_parser.error(f"{arguments.watch} is not a folder")
    if arguments.command == "drop" and bool(arguments.videos) == bool(arguments.watch):
        drop_parser.error("pass either videos or --watch FOLDER")
    return arguments


def _command(arguments: argparse.Namespace) -> Coroutine[None, None, int]:
    match arguments.command:
        case "up":
            given = {name: getattr(arguments, f"port_{name}") for name in NAMES}
            return up(directory=arguments.dir, ports={name: port for name, port in given.items() if port is not None})
        case "demo":
            return demo(arguments.videos, directory=arguments.dir, out=arguments.out)
        case _:
            metadata = {key: value for key in METADATA.values() if (value := getattr(arguments, key)) is not None}
            if arguments.watch:
                return drop_from(arguments.watch, directory=arguments.dir, out=arguments.out, metadata=metadata)
            return drop(arguments.videos, directory=arguments.dir, out=arguments.out, metadata=metadata)


def main() -> int:
    arguments = _arguments()
    try:
        return asyncio.run(run_until_signal(_command(arguments)))
    except StoppedError as stopped:
        # A signal is the normal way to end `up` and `drop --watch`.
        return 0 if arguments.command == "up" or getattr(arguments, "watch", None) else 128 + stopped.number
    except (ServiceCrashedError, InUseError, NoVideoError, UnauthorizedError, OSError) as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
