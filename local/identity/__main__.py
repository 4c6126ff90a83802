"""`python -m local.identity`: issues managed-identity tokens on loopback until stopped."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from pathlib import Path

from aiohttp import web

from local.identity import PATH, endpoint, header
from local.identity.managed_identity import Identity, read_identities
from local.identity.tokens import KEY_VARIABLE, LIFETIME_SECONDS, Issuer
from local.shutdown import stop_event


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.identity", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 picks a free one")
    parser.add_argument("--identities", type=Path, required=True, help="JSON file with the identities")
    parser.add_argument("--lifetime", type=int, default=LIFETIME_SECONDS, help="lifetime of a token in seconds")
    parser.add_argument("--exit-with-stdin", action="store_true", help="stop when standard input ends")
    return parser.parse_args()


async def _run(arguments: argparse.Namespace, *, identities: list[Identity], secret: str, key: str) -> None:
    stop = stop_event(exit_with_stdin=arguments.exit_with_stdin)
    issuer = Issuer(key=key, lifetime=arguments.lifetime)
    app = endpoint.application(identities=identities, header=secret, issuer=issuer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", arguments.port).start()
    print(json.dumps({"url": f"http://127.0.0.1:{runner.addresses[0][1]}{PATH}"}), flush=True)
    await stop.wait()
    await runner.cleanup()


def main() -> int:
    arguments = _arguments()
    # Not command-line arguments: every user of the machine can list those.
    secrets = {name: os.environ.get(name, "") for name in (header.VARIABLE, KEY_VARIABLE)}
    if missing := [name for name, value in secrets.items() if not value]:
        print(f"{missing[0]} is not set", file=sys.stderr)
        return 1
    secret, key = secrets.values()
    try:
        asyncio.run(_run(arguments, identities=read_identities(arguments.identities), secret=secret, key=key))
    except (OSError, ValueError, TypeError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
