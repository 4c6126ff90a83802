"""`python -m local.events`: sends blob events to a webhook until stopped.

EVENTS_WEBHOOK is the webhook's URL, an environment variable because it contains a key. SSL_CERT_FILE,
IDENTITY_ENDPOINT and IDENTITY_HEADER are those of the stack.
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

import aiohttp
from aiohttp import web

from local.events.checkpoint import Checkpoint
from local.events.control import application
from local.events.faults import Faults
from local.events.retry import Policy
from local.events.schema import COMPLETING_APIS, CREATED, DELETED, DIRECTORY_CREATED
from local.events.sender import Sender
from local.events.subscription import HandshakeError, Subscription, validate
from local.shutdown import stop_event
from local.storage.client import connect

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
    add("--subject-begins-with", default="")
    add("--event-types", nargs="+", default=[CREATED], choices=[CREATED, DELETED, DIRECTORY_CREATED])
    add(
        "--apis", nargs="+", default=sorted(COMPLETING_APIS), help="values of data.api that BlobCreated events may have"
    )
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
    add("--dead-letter-container", help="default: undeliverable events are dropped")
    add("--max-attempts", type=int, default=Policy.max_attempts)
    add(
        "--time-to-live",
        type=float,
        default=Policy.time_to_live,
        help="seconds after which an event is no longer retried",
    )
    add("--journal", type=Path, help="file for the checkpoint in the access log")
    add("--time-scale", type=float, default=1.0, help="factor for the delays between attempts")
    add("--drop", type=float, default=0.0, help="fraction of events to lose")
    add("--double", type=float, default=0.0, help="fraction of events to deliver twice")
    add("--seed", type=int, default=0, help="seed that selects those events")
    add("--exit-with-stdin", action="store_true", help="stop when standard input ends")
    return parser.parse_args()


async def _run(arguments: argparse.Namespace, *, webhook: str) -> None:
    stop = asyncio.create_task(stop_event(exit_with_stdin=arguments.exit_with_stdin).wait())
    work = asyncio.create_task(_send(arguments, webhook=webhook))
    await asyncio.wait((stop, work), return_when=asyncio.FIRST_COMPLETED)
    stop.cancel()
    work.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await work


async def _send(arguments: argparse.Namespace, *, webhook: str) -> None:
    subscription = Subscription(
        webhook=webhook,
        subject_begins_with=arguments.subject_begins_with,
        event_types=frozenset(arguments.event_types),
        apis=frozenset(arguments.apis),
        policy=Policy(max_attempts=arguments.max_attempts, time_to_live=arguments.time_to_live),
    )
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
            subscription=subscription,
            storage=storage,
            session=session,
            checkpoint=checkpoint,
            topic=TOPIC,
            storage_url=arguments.storage_url,
            interface=arguments.interface,
            garble_supplementary=arguments.garble_supplementary,
            dead_letter_container=arguments.dead_letter_container,
            time_scale=arguments.time_scale,
            faults=Faults(drop=arguments.drop, double=arguments.double, seed=arguments.seed),
        )
        runner = web.AppRunner(application(sender), access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", arguments.port).start()
            await validate(subscription, topic=TOPIC, session=session)
            print(json.dumps({"url": f"http://127.0.0.1:{runner.addresses[0][1]}"}), flush=True)
            await sender.run(arguments.access_log)
        finally:
            checkpoint.save()
            await runner.cleanup()


def main() -> int:
    arguments = _arguments()
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        asyncio.run(_run(arguments, webhook=os.environ["EVENTS_WEBHOOK"]))
    except KeyError as error:
        print(f"{error.args[0]} is not set", file=sys.stderr)
        return 1
    except (HandshakeError, OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
