"""CloudEvents on the results topic, one for the end of each conversion."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
import pytest

from local.layout import Layout, read_keys
from local.stack import Stack
from local.tls import certificates
from tests.support.stack_client import TIMEOUT_SECONDS, StackClient
from tests.support.waiting import wait_until_async


@dataclass(frozen=True, kw_only=True)
class Topic:
    """A running topic, and the events it received."""

    url: str
    file: Path
    directory: Path
    """Of the stack whose certificates the topic uses."""

    def events(self, *videos: str) -> list[dict[str, Any]]:
        """The events of these videos so far."""
        events = [json.loads(line) for line in self.file.read_text().splitlines()] if self.file.exists() else []
        return [event for event in events if event["subject"] in videos]

    async def first_event(self, video: str) -> dict[str, Any]:
        """The first event of a video, once it has arrived."""
        events = await wait_until_async(lambda: self.events(video), within=TIMEOUT_SECONDS, interval=0.1)
        return events[0]


@pytest.fixture(scope="module")
async def topic(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Topic]:
    directory = tmp_path_factory.mktemp("stack")
    tls = certificates(directory / "tls")
    file = directory / "events.jsonl"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "local.events.topic", "--exit-with-stdin"),
        *("--tls-cert", tls.chain, "--tls-key", tls.key, "--events", file),
        env={**os.environ, "IDENTITY_TOKEN_KEY": read_keys(Layout(directory))["token_key"]},
        stdin=PIPE,
        stdout=PIPE,
    )
    assert process.stdin
    assert process.stdout
    yield Topic(url=json.loads(await process.stdout.readline())["url"], file=file, directory=directory)
    process.stdin.close()
    assert await process.wait() == 0


@pytest.fixture(scope="module")
async def client(topic: Topic) -> AsyncIterator[StackClient]:
    """A client of a stack whose app publishes to the topic."""
    stack = Stack(directory=topic.directory, settings={"GIFDROP_RESULTS_TOPIC_URL": topic.url})
    async with stack, StackClient(stack.endpoints, stack.env) as client:
        yield client


async def test_each_result_is_published_under_one_id(client: StackClient, topic: Topic, tiny_video: bytes) -> None:
    bodies = {"results/tom & ☃.mp4": tiny_video, "results/notes.mp4": b"not a video", "results/empty.mp4": b""}
    await client.drop_all(bodies)
    events = {name: await topic.first_event(name) for name in bodies}
    assert {name: event["type"] for name, event in events.items()} == {
        "results/tom & ☃.mp4": "gifdrop.GifCreated",
        "results/notes.mp4": "gifdrop.ConversionFailed",
        "results/empty.mp4": "gifdrop.ConversionFailed",
    }
    for name, event in events.items():
        assert event["data"] == await client.final_status(name)
        assert event["specversion"] == "1.0"
        assert event["source"] == f"{client.endpoints['storage']}/videos"
    await client.wait_until_tasks_deleted()
    assert len({event["id"] for event in topic.events(*bodies)}) == len(bodies)


async def test_failed_retry_is_published_under_a_new_id(client: StackClient, topic: Topic) -> None:
    await client.drop("results/retried.mp4", b"not a video")
    first = await topic.first_event("results/retried.mp4")
    assert (await client.post("retry/results/retried.mp4"))[0] == 200

    def other_ids() -> set[str]:
        return {event["id"] for event in topic.events("results/retried.mp4")} - {first["id"]}

    assert await wait_until_async(other_ids, within=TIMEOUT_SECONDS, interval=0.1)


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({}, b"[]", 401),
        ({"Authorization": "Bearer nonsense"}, b"[]", 401),
        ({"Authorization": "forged"}, b"[]", 401),
        ({"Authorization": "token"}, b"[]", 400),
        ({"Authorization": "token", "Content-Type": "application/cloudevents-batch+json"}, b"{}", 400),
        ({"Authorization": "token", "Content-Type": "application/cloudevents-batch+json"}, b'[{"id": "1"}]', 400),
        ({"Authorization": "token", "Content-Type": "application/cloudevents-batch+json"}, b"[", 400),
    ],
)
async def test_topic_rejects_invalid_requests(
    client: StackClient, topic: Topic, headers: dict[str, str], body: bytes, status: int
) -> None:
    token = (await client.credential.get_token("https://eventgrid.azure.net/.default")).token
    # The same claims, signed with another key.
    forged = jwt.encode(jwt.decode(token, options={"verify_signature": False}), "x" * 32, algorithm="HS256")
    values = {"token": f"Bearer {token}", "forged": f"Bearer {forged}"}
    sent = {name: values.get(value, value) for name, value in headers.items()}
    async with client.http.post(topic.url, data=body, headers=sent, ssl=client.tls) as response:
        assert response.status == status
