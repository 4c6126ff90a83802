"""Latency and throughput of the status API with few records and with 100,000, and the requests that it sends."""

import asyncio
import json
import os
import ssl
import statistics
import sys
import tempfile
import time
from asyncio.subprocess import PIPE
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp

from bench import Row, goal_row
from bench.table import show
from bench.upload import upload
from local.stack import Stack
from shared.conversion import STATES, Conversion, Gif
from shared.names import conversion_id, gif_name, job_id, task_id
from shared.services.storage.index_rows import pointer_key, pointer_values, row_key, row_values
from shared.services.storage.record_format import to_metadata
from shared.services.storage.rest import API_VERSION
from shared.timestamps import utc_now
from tests.support.videos import make_video
from tests.support.waiting import wait_until_async

RECORDS = 100_000
TIMEOUT_SECONDS = 120
"""Seconds to wait for something that is not measured, or only once."""
SECONDS_PER_ROUTE = 5
MAX_FIRST_SUMMARY_SECONDS = 1.0
NO_SWEEPS = {"GIFDROP_COMPLETE_SCHEDULE": "0 0 0 1 1 *", "GIFDROP_RECONCILE_SCHEDULE": "0 0 0 1 1 *"}
"""App settings with which no timer runs meanwhile."""


def run() -> list[Row]:
    """For each route, requests a second and latencies; and how many requests it sends with empty caches."""
    with tempfile.TemporaryDirectory() as scratch:
        directory = Path(scratch) / "stack"
        rows = asyncio.run(_few(directory))
        conversions = [_done(number, RECORDS) for number in range(RECORDS)]
        add_records(directory / "storage" / "__azurite_db_blob__.json", conversions)
        add_index(directory / "storage" / "__azurite_db_table__.json", conversions)
        return rows + asyncio.run(_many(directory))


async def _few(directory: Path) -> list[Row]:
    async with Stack(directory=directory, settings=NO_SWEEPS) as stack:
        short = make_video(directory / "short.mp4", seconds=1).read_bytes()
        slow = make_video(directory / "slow.mp4", seconds=60, size="640x360").read_bytes()
        await asyncio.to_thread(upload, stack.env, {"short.mp4": short})
        async with _client(stack) as http:
            api = f"{stack.endpoints['functions']}/api"
            await _wait_for_state(http, f"{api}/status/short.mp4", "succeeded")
            rows = [
                await _measure(http, "the host alone: a static file", f"{api}/dashboard/play.svg", clients=50),
                await _measure(http, "status/{video}, ended", f"{api}/status/short.mp4", clients=50),
                await _measure(http, "status/{video}, ended", f"{api}/status/short.mp4", clients=1),
                await _measure(http, "gifs/{gif}", f"{api}/gifs/short.gif", clients=50),
                await _measure(http, "status?sort=newest", f"{api}/status?sort=newest", clients=50),
            ]
            # At full size and frame rate its conversion takes longer than the measurement.
            await asyncio.to_thread(upload, stack.env, {"running.mp4": slow}, {"gif_width": "640", "gif_fps": "25"})
            running = f"{api}/status/running.mp4"
            await _wait_for_state(http, running, "running")
            rows.append(await _measure(http, "status/{video}, running", running, clients=50))
            assert (await _json(http, running))["state"] == "running", "the conversion ended before the measurement did"
        counts = await _request_counts(stack, "short.mp4")
    return rows + [
        {"route": route, "what": "requests sent, caches empty", "storage": count["storage"], "batch": count["batch"]}
        for route, count in counts.items()
    ]


async def _many(directory: Path) -> list[Row]:
    async with Stack(directory=directory, settings=NO_SWEEPS) as stack, _client(stack) as http:
        api = f"{stack.endpoints['functions']}/api"

        async def summary() -> object:
            return (await _json(http, f"{api}/status?sort=newest&limit=1"))["summary"]

        began = time.perf_counter()
        await wait_until_async(summary, within=TIMEOUT_SECONDS, interval=0.1)
        counted = time.perf_counter() - began
        first = await _json(http, f"{api}/status?limit=100")
        second = f"{api}/status?limit=100&cursor={first['next']}"
        what = f"a page of 100 of {RECORDS}"
        storage = await _token(http, stack)
        listing = (
            f"{stack.endpoints['storage']}/conversions?restype=container&comp=list&include=metadata&maxresults=100"
        )
        return [
            goal_row(f"first summary of {RECORDS:,} on Azurite", counted, "s", MAX_FIRST_SUMMARY_SECONDS),
            await _measure(http, "storage alone: a listing", listing, clients=1, what=what, headers=storage),
            await _measure(http, "status, first page", f"{api}/status?limit=100", clients=1, what=what),
            await _measure(http, "status, second page", second, clients=1, what=what),
            await _measure(http, "status?state=failed", f"{api}/status?limit=100&state=failed", clients=1, what=what),
            await _measure(http, "status?sort=newest", f"{api}/status?sort=newest&limit=100", clients=1, what=what),
            await _measure(http, "status?sort=newest", f"{api}/status?sort=newest&limit=100", clients=50, what=what),
        ]


def _client(stack: Stack) -> aiohttp.ClientSession:
    """A session that sends the function key and trusts the stack's certificate."""
    context = ssl.create_default_context(cafile=stack.env["SSL_CERT_FILE"])
    connector = aiohttp.TCPConnector(ssl=context)
    return aiohttp.ClientSession(headers={"x-functions-key": stack.endpoints["function_key"]}, connector=connector)


async def _measure(
    http: aiohttp.ClientSession,
    route: str,
    url: str,
    *,
    clients: int,
    what: str | None = None,
    headers: dict[str, str] | None = None,
) -> Row:
    latencies: list[float] = []
    began = time.perf_counter()

    async def client() -> None:
        while time.perf_counter() - began < SECONDS_PER_ROUTE:
            sent = time.perf_counter()
            async with http.get(url, headers=headers, allow_redirects=False) as response:
                await response.read()
                assert response.status in (200, 302), await response.text()
            latencies.append(time.perf_counter() - sent)

    await asyncio.gather(*(client() for _ in range(clients)))
    seconds = time.perf_counter() - began
    # A slow route may have responded only once.
    cuts = statistics.quantiles(latencies, n=100, method="inclusive") if len(latencies) > 1 else latencies * 99
    return {
        "route": route,
        "what": what or "few records",
        "clients": clients,
        "requests/s": len(latencies) / seconds,
        "p50 ms": cuts[49] * 1000,
        "p99 ms": cuts[98] * 1000,
    }


def _done(number: int, count: int) -> Conversion:
    """One of many conversions that have ended."""
    video = f"bulk/{number % 100:03}/{number:06}.mp4"
    id_ = conversion_id("videos", video, "0x1")
    now = utc_now()
    return Conversion(
        video=video,
        etag="0x1",
        id=id_,
        state="succeeded" if number % 50 else "failed",
        task_id=task_id(id_, 1),
        job_id=job_id(now.date()),
        queued_at=now - timedelta(seconds=count - number),
        finished_at=now,
        gif=Gif(name=gif_name(video), bytes=1_204_211, width=480, height=270, frames=48, duration_seconds=4.0),
    )


def add_records(database: Path, conversions: list[Conversion]) -> None:
    """Add copies of the one record to a stopped Azurite's database: seconds instead of minutes by its API."""
    content = json.loads(database.read_text())
    (blobs,) = (each for each in content["collections"] if each["name"] == "$BLOBS_COLLECTION$")
    template = next(blob for blob in blobs["data"] if blob["containerName"] == "conversions")
    _add(blobs, [template | {"name": one.video, "metadata": to_metadata(one)} for one in conversions])
    database.write_text(json.dumps(content))


def add_index(database: Path, conversions: list[Conversion]) -> None:
    """Add the index rows of conversions to a stopped Azurite's database, and count them."""
    content = json.loads(database.read_text())
    (table,) = (each for each in content["collections"] if each["name"].endswith("$conversions"))
    template = next(row for row in table["data"] if row["RowKey"].startswith("count:"))
    counts = Counter(one.state for one in conversions)
    rows: dict[str, dict[str, Any]] = {"count:bulk": {state: counts[state] for state in STATES}}
    for one in conversions:
        rows[row_key(one)] = row_values(one)
        rows[pointer_key(one.video)] = pointer_values(one)
    kept = {name: template["properties"][name] for name in ("PartitionKey", "Timestamp", "Timestamp@odata.type")}
    _add(
        table,
        [template | {"RowKey": key, "properties": kept | {"RowKey": key} | values} for key, values in rows.items()],
    )
    database.write_text(json.dumps(content))


def _add(collection: dict[str, Any], documents: list[dict[str, Any]]) -> None:
    """Add documents to a collection of Azurite's database, with its sorted indices."""
    data = collection["data"]
    for document in documents:
        collection["maxId"] += 1
        data.append(document | {"$loki": collection["maxId"]})
    for name, index in collection["binaryIndices"].items():
        index["values"] = sorted(range(len(data)), key=[each[name] for each in data].__getitem__)


async def _request_counts(stack: Stack, video: str) -> dict[str, dict[str, int]]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.request_counts", video), env={**os.environ, **stack.env}, stdout=PIPE
    )
    counts: dict[str, dict[str, int]] = json.loads((await process.communicate())[0])
    return counts


async def _token(http: aiohttp.ClientSession, stack: Stack) -> dict[str, str]:
    """The headers of a request that goes to storage directly."""
    query = {
        "api-version": "2019-08-01",
        "resource": "https://storage.azure.com",
        "client_id": stack.env["AZURE_CLIENT_ID"],
    }
    header = {"X-IDENTITY-HEADER": stack.env["IDENTITY_HEADER"]}
    async with http.get(stack.env["IDENTITY_ENDPOINT"], params=query, headers=header) as response:
        token = (await response.json())["access_token"]
    return {"Authorization": f"Bearer {token}", "x-ms-version": API_VERSION}


async def _json(http: aiohttp.ClientSession, url: str) -> dict[str, Any]:
    async with http.get(url) as response:
        body: dict[str, Any] = await response.json()
        return body


async def _wait_for_state(http: aiohttp.ClientSession, url: str, state: str) -> None:
    async def reached() -> bool:
        return (await _json(http, url)).get("state") == state

    await wait_until_async(reached, within=TIMEOUT_SECONDS, interval=0.1)


if __name__ == "__main__":
    show("status", run())
