"""`batch-emulator`: serves until it is stopped."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import logging
import os
import socket
import sys

from batch_emulator import options, server
from batch_emulator.errors import BatchError
from batch_emulator.machine.guardian import InUseError
from batch_emulator.shutdown import stop_event

log = logging.getLogger("batch_emulator")


async def _serve(chosen: options.Options) -> None:
    stop = stop_event(exit_with_stdin=chosen.exit_with_stdin)
    async with server.running(chosen) as emulator:
        # A given key is not repeated: its owner has it, and standard output may be a log.
        key = {} if chosen.key else {"account": chosen.account, "key": emulator.key}
        ca = {} if emulator.ca is None else {"ca": str(emulator.ca.resolve())}
        print(json.dumps({"url": emulator.url, **key, **ca}), flush=True)
        await stop.wait()


def main() -> None:
    """Run with the options of the command line."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    chosen = options.parse()
    if os.geteuid() == 0 and not chosen.isolate:
        log.warning("started as root: tasks may change everything on this machine; see --isolate")
    try:
        if not ipaddress.ip_address(socket.gethostbyname(chosen.host)).is_loopback:
            log.warning("listening on %s: whoever has the key runs programs on this machine", chosen.host)
        asyncio.run(_serve(chosen))
    except (BatchError, InUseError, OSError) as error:
        sys.exit(f"batch-emulator: {error}")


if __name__ == "__main__":
    main()
