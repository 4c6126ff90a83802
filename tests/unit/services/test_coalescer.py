"""Items of concurrent callers share a request; each caller gets the outcome of its own item."""

import asyncio
from collections.abc import Sequence

import pytest

from shared.services.coalescer import Coalescer

MAX_ITEMS = 3
REFUSED = ValueError("refused")


class Sender:
    """Stands in for a service: `requests` holds the items of each request."""

    def __init__(self) -> None:
        self.requests: list[list[str]] = []
        self.errors: dict[str, Exception] = {}
        """Item -> its error."""
        self.failures: list[Exception] = []
        """What the next requests raise as a whole."""
        self.go = asyncio.Event()
        self.go.set()

    async def send(self, items: Sequence[str]) -> list[Exception | None]:
        self.requests.append(list(items))
        await self.go.wait()
        if self.failures:
            raise self.failures.pop(0)
        return [self.errors.get(item) for item in items]


def coalescer(sender: Sender, *, gather_seconds: float = 0.0) -> Coalescer[str]:
    return Coalescer(sender.send, max_items=MAX_ITEMS, gather_seconds=gather_seconds)


async def submit_all(requests: Coalescer[str], items: str) -> list[BaseException | None]:
    return await asyncio.gather(*(requests.submit(item) for item in items), return_exceptions=True)


def submit_soon(requests: Coalescer[str], items: str) -> list[asyncio.Task[None]]:
    return [asyncio.create_task(requests.submit(item), name=item) for item in items]


async def idle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.fixture
def sleeps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits that are asked for, none of which takes any time."""
    asked: list[float] = []
    sleep = asyncio.sleep

    async def record(seconds: float) -> None:
        if seconds:
            asked.append(seconds)
        await sleep(0)

    monkeypatch.setattr("shared.services.coalescer.asyncio.sleep", record)
    return asked


async def test_single_item_waits_for_nothing(sleeps: list[float]) -> None:
    sender = Sender()
    await coalescer(sender, gather_seconds=3600).submit("a")
    assert (sender.requests, sleeps) == ([["a"]], [])


async def test_items_that_arrive_one_after_the_other_wait_for_nothing(sleeps: list[float]) -> None:
    sender = Sender()
    requests = coalescer(sender, gather_seconds=3600)
    for item in "abc":
        await requests.submit(item)
    assert (sender.requests, sleeps) == ([["a"], ["b"], ["c"]], [])


async def test_request_soon_after_a_shared_one_waits_for_more_items(sleeps: list[float]) -> None:
    sender = Sender()
    requests = coalescer(sender, gather_seconds=3600)
    await submit_all(requests, "ab")
    await requests.submit("c")
    assert (sender.requests, sleeps) == ([["a", "b"], ["c"]], [3600])


async def test_full_request_waits_for_nothing(sleeps: list[float]) -> None:
    sender = Sender()
    requests = coalescer(sender, gather_seconds=3600)
    await submit_all(requests, "ab")
    await submit_all(requests, "cde")
    assert (sender.requests, sleeps) == ([["a", "b"], ["c", "d", "e"]], [])


async def test_items_that_arrive_during_a_request_share_the_next() -> None:
    sender = Sender()
    sender.go.clear()
    requests = coalescer(sender)
    tasks = submit_soon(requests, "a")
    await idle()
    tasks += submit_soon(requests, "bc")
    await idle()
    assert sender.requests == [["a"]]
    sender.go.set()
    await asyncio.gather(*tasks)
    assert sender.requests == [["a"], ["b", "c"]]


async def test_only_one_request_is_under_way_at_a_time() -> None:
    sender = Sender()
    sender.go.clear()
    requests = coalescer(sender)
    tasks = submit_soon(requests, "abcdefgh")
    await idle()
    assert sender.requests == [["a", "b", "c"]]
    sender.go.set()
    await asyncio.gather(*tasks)


async def test_request_has_at_most_max_items_in_the_order_of_arrival() -> None:
    sender = Sender()
    assert await submit_all(coalescer(sender), "abcdefg") == [None] * 7
    assert sender.requests == [["a", "b", "c"], ["d", "e", "f"], ["g"]]


async def test_each_item_has_its_own_error() -> None:
    sender = Sender()
    sender.errors = {"b": REFUSED}
    assert await submit_all(coalescer(sender), "abc") == [None, REFUSED, None]


async def test_failed_request_fails_its_items_and_no_others() -> None:
    sender = Sender()
    sender.failures = [REFUSED]
    requests = coalescer(sender)
    assert await submit_all(requests, "abcd") == [REFUSED, REFUSED, REFUSED, None]
    await requests.submit("e")
    assert sender.requests == [["a", "b", "c"], ["d"], ["e"]]


@pytest.mark.parametrize("cancelled", ["a", "b", "c"])
async def test_cancelled_caller_harms_nobody(cancelled: str) -> None:
    """`a` is being sent when a caller is cancelled; the others wait."""
    sender = Sender()
    sender.go.clear()
    requests = coalescer(sender)
    tasks = submit_soon(requests, "a")
    await idle()
    tasks += submit_soon(requests, "bc")
    await idle()
    (victim,) = (task for task in tasks if task.get_name() == cancelled)
    victim.cancel()
    sender.go.set()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [
        asyncio.CancelledError if task is victim else type(None) for task in tasks
    ]
    # It was accepted before its caller was cancelled, so it is sent.
    assert sender.requests == [["a"], ["b", "c"]]
    await requests.submit("d")
    assert sender.requests[-1] == ["d"]


async def test_error_of_a_cancelled_caller_is_dropped() -> None:
    sender = Sender()
    sender.errors = {"a": REFUSED}
    sender.go.clear()
    requests = coalescer(sender)
    impatient, patient = submit_soon(requests, "ab")
    await idle()
    impatient.cancel()
    sender.go.set()
    await patient
    assert impatient.cancelled()


async def test_item_submitted_upon_a_response_is_sent_without_another_caller() -> None:
    sender = Sender()
    requests = coalescer(sender)

    async def submit_twice() -> None:
        await requests.submit("a")
        await requests.submit("b")

    await asyncio.wait_for(submit_twice(), timeout=5)
    assert sender.requests == [["a"], ["b"]]
