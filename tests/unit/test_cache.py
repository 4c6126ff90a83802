"""The cache: one fetch for concurrent callers, and values that expire."""

import asyncio

import pytest

from shared.cache import Cache


async def test_cache_shares_one_fetch_among_concurrent_callers() -> None:
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


async def test_cache_raises_an_error_to_every_waiting_caller_and_does_not_keep_it() -> None:
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


async def test_cache_finishes_a_fetch_for_the_others_when_a_caller_is_cancelled() -> None:
    cache: Cache[str, int] = Cache(seconds=60, size=8)
    go = asyncio.Event()

    async def fetch() -> int:
        await go.wait()
        return 1

    cancelled, waiting = (asyncio.ensure_future(cache.get("a", fetch)) for _ in range(2))
    await asyncio.sleep(0)
    cancelled.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    go.set()
    assert await waiting == 1


async def test_cache_fetches_again_what_keep_refuses() -> None:
    cache: Cache[str, int] = Cache(seconds=60, size=8)
    values = iter([1, 2, 3])

    async def fetch() -> int:
        return next(values)

    assert [await cache.get("a", fetch, keep=lambda value: value == 2) for _ in range(4)] == [1, 2, 2, 2]


async def test_cache_evicts_the_oldest_entry_when_full() -> None:
    cache: Cache[int, int] = Cache(seconds=60, size=2)

    async def fetch() -> int:
        return 7

    for number in range(3):
        await cache.get(number, fetch)
    assert [cache.peek(number) for number in range(3)] == [None, 7, 7]


async def test_cache_fetches_an_expired_value_again() -> None:
    cache: Cache[str, int] = Cache(seconds=0, size=2)
    values = iter([1, 2])
    assert [await cache.get("a", lambda: asyncio.sleep(0, next(values))) for _ in range(2)] == [1, 2]
