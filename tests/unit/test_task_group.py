"""The bounded task group: its limit, and what failures of its tasks and of its own block lead to."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial

import pytest

from shared.task_group import bounded_task_group


class ExpectedError(Exception):
    pass


async def fail(error: Exception) -> None:
    await asyncio.sleep(0)
    raise error


async def fail_in_the_block(work: Callable[[], Awaitable[None]]) -> None:
    """A group whose block fails while `work` runs."""
    async with bounded_task_group() as start_soon:
        await start_soon("a task", work)
        await asyncio.sleep(0)
        raise ExpectedError("of the block")


async def test_task_group_waits_for_all_its_tasks() -> None:
    done = []

    async def work(number: int) -> None:
        await asyncio.sleep(0)
        done.append(number)

    async with bounded_task_group() as start_soon:
        for number in range(50):
            await start_soon(f"task {number}", work, number)
    assert sorted(done) == list(range(50))


async def test_task_group_runs_no_more_tasks_at_a_time_than_its_limit() -> None:
    active = peak = 0

    async def work() -> None:
        nonlocal active, peak
        active += 1
        peak = max(peak, active)
        for _ in range(3):
            await asyncio.sleep(0)
        active -= 1

    async with bounded_task_group(limit=3) as start_soon:
        for number in range(20):
            await start_soon(f"task {number}", work)
    assert (active, peak) == (0, 3)


async def test_start_soon_waits_for_room() -> None:
    release = asyncio.Event()
    async with bounded_task_group(limit=1) as start_soon:
        await start_soon("the first", release.wait)
        second = asyncio.ensure_future(start_soon("the second", asyncio.sleep, 0))
        for _ in range(5):
            await asyncio.sleep(0)
        assert not second.done()
        release.set()
        await second


async def test_failed_task_cancels_no_other_and_is_logged_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    done = []

    async def work() -> None:
        for _ in range(5):
            await asyncio.sleep(0)
        done.append(True)

    async with bounded_task_group(limit=2) as start_soon:
        await start_soon("the first task", work)
        await start_soon("the second task", fail, ValueError("broken"))
        await start_soon("the third task", work)
    assert done == [True, True]
    (record,) = [each for each in caplog.records if each.name == "shared.task_group"]
    assert (record.levelno, record.getMessage()) == (logging.ERROR, "the second task failed")
    assert record.exc_info
    assert isinstance(record.exc_info[1], ValueError)


async def test_expected_error_is_logged_in_one_line_at_info(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "shared.task_group")
    async with bounded_task_group(expected=ExpectedError) as start_soon:
        await start_soon("the task", fail, ExpectedError("changed meanwhile"))
    (record,) = [each for each in caplog.records if each.name == "shared.task_group"]
    assert (record.levelno, record.getMessage()) == (logging.INFO, "the task stopped: changed meanwhile")
    assert not record.exc_info


async def test_exception_of_the_block_is_raised_as_itself() -> None:
    with pytest.raises(ExpectedError, match="of the block"):
        await fail_in_the_block(partial(fail, ValueError("of the task")))


async def test_exception_group_of_the_block_is_raised_as_itself() -> None:
    group = ExceptionGroup("of the block", [ValueError("inside")])
    with pytest.raises(ExceptionGroup) as caught:
        async with bounded_task_group():
            raise group
    assert caught.value is group


async def test_exception_of_the_block_cancels_its_tasks() -> None:
    cancelled = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    with pytest.raises(ExpectedError):
        await fail_in_the_block(work)
    assert cancelled.is_set()
