"""Many who ask for the same thing at once cost what one costs."""

import asyncio

import pytest

from shared.cache import Cache


async def test_all_who_ask_at_once_share_one_fetch() -> None:
    cache: Cache[str, int] = Cache(seconds=60, size=8)
    fetched = 0

    async def fetch() -> int:
        nonlocal fetched
        fetched += 1
        await asyncio.sleep(0)
        return fetched

    assert await asyncio.gather(*(cache.get("a", fetch) for _ in range(50))) == [1] * 50
    assert await cache.get("a", fetch) == 1
    assert await cache.get("b", fetch) == 2


async def test_a_failure_is_told_to_all_who_wait_and_then_forgotten() -> None:
    cache: Cache[str, int] = Cache(seconds=60, size=8)
    down = iter([True, False])

    async def fetch() -> int:
        await asyncio.sleep(0)
        if next(down):
            raise OSError("down")
        return 7

    found = await asyncio.gather(*(cache.get("a", fetch) for _ in range(3)), return_exceptions=True)
    assert [type(each) for each in found] == [OSError] * 3
    assert await cache.get("a", fetch) == 7


async def test_one_who_gives_up_does_not_take_the_value_from_the_others() -> None:
    cache: Cache[str, int] = Cache(seconds=60, size=8)
    go = asyncio.Event()

    async def fetch() -> int:
        await go.wait()
        return 1

    impatient, patient = (asyncio.ensure_future(cache.get("a", fetch)) for _ in range(2))
    await asyncio.sleep(0)
    impatient.cancel()
    with pytest.raises(asyncio.CancelledError):
        await impatient
    go.set()
    assert await patient == 1


async def test_what_is_not_to_be_kept_is_fetched_again() -> None:
    cache: Cache[str, int] = Cache(seconds=60, size=8)
    values = iter([1, 2, 3])

    async def fetch() -> int:
        return next(values)

    assert [await cache.get("a", fetch, keep=lambda value: value == 2) for _ in range(4)] == [1, 2, 2, 2]


async def test_the_oldest_makes_room() -> None:
    cache: Cache[int, int] = Cache(seconds=60, size=2)

    async def fetch() -> int:
        return 7

    for number in range(3):
        await cache.get(number, fetch)
    assert [cache.peek(number) for number in range(3)] == [None, 7, 7]


async def test_a_value_that_is_too_old_is_fetched_again() -> None:
    cache: Cache[str, int] = Cache(seconds=0, size=2)
    values = iter([1, 2])
    assert [await cache.get("a", lambda: asyncio.sleep(0, next(values))) for _ in range(2)] == [1, 2]
