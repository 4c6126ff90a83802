"""`python -m local.events`: sends blob events to webhooks until stopped.

EVENTS_SUBSCRIPTIONS holds the subscriptions, a JSON array of objects with at least `name` and `webhook`; an environment
variable because the webhooks' URLs contain a key. SSL_CERT_FILE, IDENTITY_ENDPOINT and IDENTITY_HEADER are those of the
stack.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp import web

from local.events.channel import Channel
from local.events.checkpoint import Checkpoint
from local.events.control import application
from local.events.faults import Faults, fractions
from local.events.sender import Sender
from local.events.subscription import HandshakeError, subscriptions_from_json, validate
from local.shutdown import stop_event
from local.storage.client import connect

if TYPE_CHECKING:
    from collections.abc import Sequence

    from local.events.subscription import Subscription

TOPIC = (
    "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/local"
    "/providers/Microsoft.Storage/storageAccounts/devstoreaccount1"
)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.events", description=__doc__)
    add = parser.add_argument
    add("--port", type=int, default=0, help="port of the control endpoint; 0 picks a free one")
    add("--access-log", type=Path, required=True, help="Azurite's access log")
    add("--storage-url", required=True, help="URL of the blob endpoint")
    add(
        "--interface",
        default="blob",
        choices=["blob", "dfs", "sftp"],
        help="report uploads as made through the blob API, the Data Lake Storage API or SFTP",
    )
    add(
        "--garble-supplementary",
        action="store_true",
        help="replace emoji and other characters beyond U+FFFF in subjects, as was reported of Event Grid",
    )
    add("--client-id", required=True, help="client id of the identity that reads blobs and writes dead letters")
    add("--journal", type=Path, help="file for the checkpoint in the access log")
    add("--time-scale", type=float, default=1.0, help="factor for the delays between attempts")
    fraction: dict[str, Any] = {"action": "append", "default": [], "metavar": "[SUBSCRIPTION=]FRACTION"}
    add("--drop", **fraction, help="fraction of events to lose, of all subscriptions or of one; repeatable")
    add("--double", **fraction, help="fraction of events to deliver twice, likewise")
    add("--seed", type=int, default=0, help="seed that selects those events")
    add("--exit-with-stdin", action="store_true", help="stop when standard input ends")
    return parser.parse_args()


async def _run(arguments: argparse.Namespace, subscriptions: Sequence[Subscription]) -> None:
    stop = asyncio.create_task(stop_event(exit_with_stdin=arguments.exit_with_stdin).wait())
    work = asyncio.create_task(_send(arguments, subscriptions))
    await asyncio.wait((stop, work), return_when=asyncio.FIRST_COMPLETED)
    stop.cancel()
    work.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await work


def _faults(arguments: argparse.Namespace, subscriptions: Sequence[Subscription]) -> dict[str, Faults]:
    names = [subscription.name for subscription in subscriptions]
    drop, double = fractions(arguments.drop, names), fractions(arguments.double, names)
    return {name: Faults(drop=drop[name], double=double[name], seed=arguments.seed) for name in names}


async def _send(arguments: argparse.Namespace, subscriptions: Sequence[Subscription]) -> None:
    faults = _faults(arguments, subscriptions)
    checkpoint = Checkpoint(arguments.journal)
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=64)) as session,
        connect(
            arguments.storage_url,
            identity_url=os.environ["IDENTITY_ENDPOINT"],
            identity_header=os.environ["IDENTITY_HEADER"],
            client_id=arguments.client_id,
            bundle=os.environ["SSL_CERT_FILE"],
        ) as storage,
    ):
        sender = Sender(
            channels=[
                Channel(
                    subscription=subscription,
                    storage=storage,
                    session=session,
                    time_scale=arguments.time_scale,
                    faults=faults[subscription.name],
                )
                for subscription in subscriptions
            ],
            storage=storage,
            checkpoint=checkpoint,
            topic=TOPIC,
            storage_url=arguments.storage_url,
            interface=arguments.interface,
            garble_supplementary=arguments.garble_supplementary,
        )
        runner = web.AppRunner(
            application(sender, secret=os.environ["IDENTITY_HEADER"]), access_log=None, shutdown_timeout=1.0
        )
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", arguments.port).start()
            await asyncio.gather(
                *(validate(subscription, topic=TOPIC, session=session) for subscription in subscriptions)
            )
            print(json.dumps({"url": f"http://127.0.0.1:{runner.addresses[0][1]}"}), flush=True)
            await sender.run(arguments.access_log)
        finally:
            checkpoint.save()
            await runner.cleanup()


def main() -> int:
    arguments = _arguments()
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        asyncio.run(_run(arguments, subscriptions_from_json(os.environ["EVENTS_SUBSCRIPTIONS"])))
    except KeyError as error:
        print(f"{error.args[0]} is not set", file=sys.stderr)
        return 1
    except (HandshakeError, OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
