"""`doctor`: checks this machine and the app, and says what to do about what is wrong."""

from __future__ import annotations

import asyncio
import shutil
import sys
from typing import TYPE_CHECKING, Any

from rich.text import Text

from cli.client import connect
from cli.errors import DeniedError, ExitCode, UnreachableError
from cli.target import LOCAL_DIRECTORY, find_target
from cli.words import printable, size
from local.process import ROOT
from local.sandbox import UNCONFINED, sandbox_mode

if TYPE_CHECKING:
    from cli.connection import Connection
    from cli.output import Output

_MIN_FREE_BYTES = 1_000_000_000


async def doctor(connection: Connection, *, output: Output) -> int:
    """Print every check, and return 1 if one is not ok. Raises UsageError."""
    deployed = connection.url is not None and connection.directory is None
    checks = [] if deployed else await asyncio.to_thread(_check_machine)
    checks += await _check_app(connection)
    ok = all(check["ok"] for check in checks)
    output.result({"ok": ok, "checks": checks})
    if not output.json:
        for check in checks:
            mark, style = ("ok", "green") if check["ok"] else ("NOT OK", "bold red")
            output.console.print(
                Text.assemble((f"{mark:<8}", style), f"{printable(check['name'])}: {printable(check['message'])}")
            )
            if check["what_to_do"]:
                output.say(f"{'':<8}-> {printable(check['what_to_do'])}")
        bad = sum(not check["ok"] for check in checks)
        output.say("Everything is ok." if ok else f"{bad} of {len(checks)} checks are not ok.", style="bold")
    return 0 if ok else ExitCode.FAILED


async def _check_app(connection: Connection) -> list[dict[str, Any]]:
    """The checks of GET /api/health, after one of the connection itself."""
    try:
        target = find_target(connection)
        async with connect(target) as client:
            health = await client.health()
    except (UnreachableError, DeniedError) as error:
        what, _, to_do = str(error).partition(". ")
        return [_check("connection", what + ".", to_do or None)]
    return [_check("connection", f"{target.url} answers."), *health["checks"]]


def _check_machine() -> list[dict[str, Any]]:
    """What the local stack needs of this machine."""
    version = ".".join(map(str, sys.version_info[:3]))
    supported = (3, 11) <= sys.version_info[:2] < (3, 14)
    free = shutil.disk_usage(ROOT).free
    azurite = (ROOT / "local" / "storage" / "node_modules" / "azurite").exists()
    confined = sandbox_mode() == "required"
    return [
        _check("python", f"This is Python {version}.", None if supported else "Use Python 3.11, 3.12 or 3.13."),
        _check(
            "azurite",
            "Azurite is installed." if azurite else "Azurite, the local storage account, is not installed.",
            None if azurite else f"Run `make demo` in {ROOT} once.",
        ),
        _check(
            "disk",
            f"{size(free)} are free where {LOCAL_DIRECTORY} is.",
            None if free >= _MIN_FREE_BYTES else f"Free at least {size(_MIN_FREE_BYTES)}.",
        ),
        _check("sandbox", "ffmpeg runs in its sandbox." if confined else UNCONFINED),
    ]


def _check(name: str, message: str, what_to_do: str | None = None) -> dict[str, Any]:
    return {"name": name, "ok": what_to_do is None, "message": message, "what_to_do": what_to_do}
