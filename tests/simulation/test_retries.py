"""Retries by people: who may, and how often."""

from hashlib import sha256

import pytest

from shared.api.errors import ApiError
from shared.api.retry import MAX_RETRIES_OF_ALL_PER_MINUTE, MAX_RETRIES_PER_MINUTE
from shared.lifecycle.retry import MAX_RETRIED_ATTEMPTS
from tests.simulation.steps import VIDEO, run_tasks
from tests.simulation.world import World

KEY = "the key of an operator"


async def failed_video(world: World) -> None:
    """A video that has failed: it is empty."""
    world.gate.open = True
    world.videos.put(VIDEO, b"")
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
