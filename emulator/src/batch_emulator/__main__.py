"""`batch-emulator`: serves until it is stopped."""

from __future__ import annotations

import asyncio
import json
import logging
import sys

from batch_emulator import options, server
from batch_emulator.errors import BatchError
from batch_emulator.machine.guardian import InUseError
from batch_emulator.shutdown import stop_event


async def _serve(chosen: options.Options) -> None:
    stop = stop_event(exit_with_stdin=chosen.exit_with_stdin)
    async with server.running(chosen) as emulator:
        # A given key is not repeated: its owner has it, and standard output may be a log.
        key = {} if chosen.key else {"account": chosen.account, "key": emulator.key}
        print(json.dumps({"url": emulator.url, **key}), flush=True)
        await stop.wait()


def main() -> None:
    """Run with the options of the command line."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        asyncio.run(_serve(options.parse()))
    except (BatchError, InUseError, OSError) as error:
        sys.exit(f"batch-emulator: {error}")


if __name__ == "__main__":
    main()
