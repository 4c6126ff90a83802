"""Retries by people: who may, and how often."""

import asyncio
from collections.abc import Coroutine
from hashlib import sha256
from typing import Any

import pytest

from shared.api.errors import ApiError
from shared.api.retry import MAX_RETRIES_OF_ALL_PER_MINUTE, MAX_RETRIES_PER_MINUTE
from shared.lifecycle.refusal import RefusedError
from shared.lifecycle.retry import MAX_RETRIED_ATTEMPTS, retry, retry_all
from tests.simulation.steps import VIDEO, let_pass, run_tasks, upload_and_submit
from tests.simulation.world import World

KEY = "the key of an operator"


async def failed_video(world: World) -> None:
    """A video that has failed: it is empty."""
    await submitted(world, b"")


async def submitted(world: World, body: bytes) -> None:
    """A video whose event was handled, with an open gate."""
    world.gate.open = True
    world.videos.put(VIDEO, body)
    world.deliver(VIDEO)
    while world.running:
        await world.idle()


async def code_of(world: World, headers: dict[str, str]) -> str | None:
    """The error code of a retry, `None` if it was accepted."""
    try:
        await world.app.retries.one(VIDEO, headers)
    except ApiError as error:
        return error.code
    return None


async def refusal(work: Coroutine[Any, Any, object]) -> tuple[str, str]:
    """The code and the message of a refused change."""
    with pytest.raises(RefusedError) as refused:
        await work
    return refused.value.code, str(refused.value)


@pytest.mark.parametrize("name", ["notes.txt", "b.mp4"])
async def test_retry_of_an_unknown_video_is_refused(world: World, name: str) -> None:
    world.gate.open = True
    world.videos.put("notes.txt", b"")
    assert await refusal(retry(name, world.app.services)) == ("UnknownVideo", "There is no video of this name.")


async def test_retry_of_an_open_conversion_is_refused(world: World) -> None:
    await upload_and_submit(world, b"good1")
    world.gate.open = True
    message = "This video is being converted. Wait until that has ended."
    assert await refusal(retry(VIDEO, world.app.services)) == ("NotFailed", message)


async def test_retry_of_a_deleted_video_is_refused(world: World) -> None:
    await failed_video(world)
    del world.videos.blobs[VIDEO]
    message = "The video was deleted; upload it again."
    assert await refusal(retry(VIDEO, world.app.services)) == ("VideoGone", message)


async def test_retry_of_a_video_that_changes_meanwhile_is_refused(world: World) -> None:
    await submitted(world, b"bad")
    await run_tasks(world)
    world.gate.open = False
    work = asyncio.ensure_future(refusal(retry(VIDEO, world.app.services)))
    await let_pass(world, until="put conversions")
    stored = world.records.blobs[VIDEO]
    world.records.put(VIDEO, stored.body, stored.metadata)
    await let_pass(world)
    assert await work == ("Changed", "The video's status has just changed; check it again.")


async def test_retry_converts_a_newer_version_whose_event_was_lost_as_its_first_attempt(world: World) -> None:
    await failed_video(world)
    failed = world.record(VIDEO)
    assert failed
    world.videos.put(VIDEO, b"good2")
    record = await retry(VIDEO, world.app.services)
    assert record.id != failed.id
    assert (record.attempt, record.state, [task.id for task in world.batch.tasks]) == (1, "queued", [record.task_id])


async def test_retry_of_all_takes_those_that_failed_with_the_code(world: World) -> None:
    await failed_video(world)
    world.videos.put("b.mp4", b"bad")
    world.deliver("b.mp4")
    while world.running:
        await world.idle()
    await run_tasks(world)
    services = world.app.services
    assert [await retry_all(code, services) for code in ("Other", "NotAVideo", "EmptyFile", None)] == [0, 1, 1, 1]


@pytest.mark.parametrize("headers", [{}, {"x-gifdrop-operator-key": ""}, {"x-gifdrop-operator-key": f"{KEY}!"}])
async def test_retry_without_the_operators_key_is_refused(headers: dict[str, str]) -> None:
    world = World(operator_sha256=sha256(KEY.encode()).hexdigest())
    await failed_video(world)
    assert await code_of(world, headers) == "OperatorKeyRequired"
    with pytest.raises(ApiError) as refused:
        await world.app.retries.many({}, headers)
    assert (refused.value.code, refused.value.status) == ("OperatorKeyRequired", 403)


async def test_retry_with_the_operators_key_is_accepted() -> None:
    world = World(operator_sha256=sha256(KEY.encode()).hexdigest())
    await failed_video(world)
    headers = {"x-gifdrop-operator-key": KEY}
    assert await code_of(world, headers) is None
    assert await world.app.retries.many({}, headers) == {"retried": 1}


async def test_retries_are_limited_in_a_minute() -> None:
    world = World()
    await failed_video(world)
    codes = [await code_of(world, {}) for _ in range(MAX_RETRIES_PER_MINUTE + 1)]
    assert codes == [None] * MAX_RETRIES_PER_MINUTE + ["TooManyRetries"]


async def test_retries_of_all_are_limited_in_a_minute() -> None:
    world = World()
    await failed_video(world)
    for _ in range(MAX_RETRIES_OF_ALL_PER_MINUTE):
        await world.app.retries.many({}, {})
    with pytest.raises(ApiError) as refused:
        await world.app.retries.many({}, {})
    assert (refused.value.code, refused.value.status) == ("TooManyRetries", 429)
    assert 0 < int(refused.value.headers["Retry-After"]) <= 60


async def test_video_is_not_retried_for_ever() -> None:
    world = World(give_up_seconds=60)
    world.gate.open = True
    world.videos.put(VIDEO, b"bad")
    world.deliver(VIDEO)
    while world.running:
        await world.idle()
    for _ in range(MAX_RETRIED_ATTEMPTS - 1):
        await run_tasks(world)
        world.restart()  # the limit of a minute is not what is tested
        assert await code_of(world, {}) is None
    await run_tasks(world)
    world.restart()
    assert await code_of(world, {}) == "TooManyAttempts"
    message = f"The video was tried {MAX_RETRIED_ATTEMPTS} times. Upload it again."
    assert await refusal(retry(VIDEO, world.app.services)) == ("TooManyAttempts", message)
    world.videos.put(VIDEO, b"good2")
    assert (await retry(VIDEO, world.app.services)).attempt == 1
