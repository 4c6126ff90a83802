"""The end of each conversion is told to a custom Event Grid topic, by CloudEvents."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local.stack import Stack
from local.tls import certificates
from tests.integration.kit import PATIENCE, Person


@dataclass(frozen=True, kw_only=True)
class Topic:
    """The topic's address, and what it has been told."""

    url: str
    file: Path

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.file.read_text().splitlines()] if self.file.exists() else []

    async def told(self, video: str) -> dict[str, Any]:
        """The event of a video, once it has come."""
        async with asyncio.timeout(PATIENCE):
            while True:
                for event in self.events():
                    if event["subject"] == video:
                        return event
                await asyncio.sleep(0.1)


@pytest.fixture(scope="module")
async def topic(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Topic, Path]]:
    """A running topic, and the directory of the stack whose certificates it has."""
    directory = tmp_path_factory.mktemp("stack")
    tls = certificates(directory / "tls")
    file = directory / "events.jsonl"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "local.events.topic", "--exit-with-stdin"),
        *("--tls-cert", tls.chain, "--tls-key", tls.key, "--events", file),
        stdin=PIPE,
        stdout=PIPE,
    )
    assert process.stdin
    assert process.stdout
    yield Topic(url=json.loads(await process.stdout.readline())["url"], file=file), directory
    process.stdin.close()
    assert await process.wait() == 0


@pytest.fixture(scope="module")
async def teller(topic: tuple[Topic, Path]) -> AsyncIterator[Person]:
    """A person with a stack of their own, whose app tells the topic."""
    stack = Stack(directory=topic[1], settings={"GIFDROP_RESULTS_TOPIC_URL": topic[0].url})
    async with stack, Person(stack.endpoints, stack.env) as person:
        yield person


async def test_a_gif_and_a_failure_are_told_each_under_one_id(
    teller: Person, topic: tuple[Topic, Path], video: bytes
) -> None:
    bodies = {"told/tom & ☃.mp4": video, "told/notes.mp4": b"no video", "told/empty.mp4": b""}
    await asyncio.gather(*(teller.drop(name, body) for name, body in bodies.items()))
    events = {name: await topic[0].told(name) for name in bodies}
    assert {name: event["type"] for name, event in events.items()} == {
        "told/tom & ☃.mp4": "gifdrop.GifCreated",
        "told/notes.mp4": "gifdrop.ConversionFailed",
        "told/empty.mp4": "gifdrop.ConversionFailed",
    }
    for name, event in events.items():
        assert event["data"] == await teller.ended(name)
        assert event["specversion"] == "1.0"
        assert event["source"] == f"{teller.endpoints['storage']}/videos"
    await teller.no_tasks()
    assert len({event["id"] for event in topic[0].events() if event["subject"] in bodies}) == len(bodies)


async def test_another_attempt_that_fails_is_told_under_an_id_of_its_own(
    teller: Person, topic: tuple[Topic, Path]
) -> None:
    await teller.drop("told/again.mp4", b"still no video")
    first = await topic[0].told("told/again.mp4")
    url = f"{teller.endpoints['functions']}/api/retry/told/again.mp4"
    async with teller.http.post(url, headers={"x-functions-key": teller.endpoints["function_key"]}) as response:
        assert response.status == 200
    async with asyncio.timeout(PATIENCE):
        while len(ids := {e["id"] for e in topic[0].events() if e["subject"] == "told/again.mp4"}) < 2:
            await asyncio.sleep(0.1)
    assert first["id"] in ids


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({}, b"[]", 401),
        ({"Authorization": "Bearer nonsense"}, b"[]", 401),
        ({"Authorization": "token"}, b"[]", 400),
        ({"Authorization": "token", "Content-Type": "application/cloudevents-batch+json"}, b"{}", 400),
        ({"Authorization": "token", "Content-Type": "application/cloudevents-batch+json"}, b'[{"id": "1"}]', 400),
        ({"Authorization": "token", "Content-Type": "application/cloudevents-batch+json"}, b"[", 400),
    ],
)
async def test_the_topic_takes_nothing_else(
    teller: Person, topic: tuple[Topic, Path], headers: dict[str, str], body: bytes, status: int
) -> None:
    token = (await teller.credential.get_token("https://eventgrid.azure.net/.default")).token
    sent = {name: f"Bearer {token}" if value == "token" else value for name, value in headers.items()}
    async with teller.http.post(topic[0].url, data=body, headers=sent, ssl=teller.tls) as response:
        assert response.status == status
