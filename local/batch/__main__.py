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
        # A given key is not repeated: its owner has it, and standard output may be a log.
        key = {} if chosen.key else {"account": chosen.account, "key": emulator.key}
        print(json.dumps({"url": emulator.url, **key}), flush=True)
        await stop.wait()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        asyncio.run(_main(options.parse()))
    except (BatchError, InUseError, OSError) as error:
        sys.exit(f"local.batch: {error}")
