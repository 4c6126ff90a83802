"""`python -m local.batch`: serve until stopped."""

from __future__ import annotations

import asyncio
import json
import logging
import sys

from local.batch import options, server
from local.batch.errors import BatchError
from local.batch.node.guardian import InUseError
from local.batch.shutdown import stop_event


async def _main(chosen: options.Options) -> None:
    stop = stop_event(exit_with_stdin=chosen.exit_with_stdin)
    async with server.running(chosen) as emulator:
        print(json.dumps({"url": emulator.url}), flush=True)
        await stop.wait()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        asyncio.run(_main(options.parse()))
    except (BatchError, InUseError, OSError) as error:
        sys.exit(f"local.batch: {error}")
