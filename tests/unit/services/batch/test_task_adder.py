"""Tasks that arrive together share a request; each succeeds or fails by itself."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from azure.core.exceptions import HttpResponseError, ServiceResponseError

from shared.services.batch.task_adder import MAX_TASKS_PER_REQUEST, TaskAdder
from shared.services.errors import ServiceError


def failure(status: int, code: str) -> HttpResponseError:
    error = HttpResponseError(code)
    error.status_code = status
    error.error = cast("Any", SimpleNamespace(code=code, message=code))
    return error


class Client:
    """Stands in for a BatchClient: `requests` holds the task ids of each request."""

    def __init__(self) -> None:
        self.requests: list[list[str]] = []
        self.refuse: dict[str, HttpResponseError] = {}
        """Task id -> how it is refused; "collection" is every collection."""
        self.go = asyncio.Event()
        self.go.set()

    async def create_task(self, job_id: str, task: Any) -> None:
        self.requests.append([task.id])
        await self.go.wait()
        if error := self.refuse.get(task.id):
            raise error

    async def create_task_collection(self, job_id: str, group: Any) -> Any:
        self.requests.append([task.id for task in group.task_values])
        await self.go.wait()
        if error := self.refuse.get("collection"):
            raise error
        return SimpleNamespace(result_values=[self._result(task.id) for task in reversed(group.task_values)])

    def _result(self, task_id: str) -> Any:
        refusal = self.refuse.get(task_id)
        if refusal is None:
            return SimpleNamespace(task_id=task_id, status="success", error=None)
        code = refusal.error.code if refusal.error else None
        error = SimpleNamespace(code=code, message=SimpleNamespace(value="a sentence"))
        return SimpleNamespace(task_id=task_id, status="clienterror", error=error)


def spec(id_: str) -> Any:
    return SimpleNamespace(id=id_)


def adder(client: Client, *, gather_seconds: float = 0) -> TaskAdder:
    return TaskAdder(cast("Any", client), "job", gather_seconds=gather_seconds)


async def add_all(adder: TaskAdder, ids: list[str]) -> list[object]:
    return await asyncio.gather(*(adder.add(spec(id_)) for id_ in ids), return_exceptions=True)


async def test_single_task_is_sent_at_once_by_itself() -> None:
    client = Client()
    await adder(client).add(spec("a"))
    assert client.requests == [["a"]]


async def test_tasks_that_arrive_one_after_the_other_wait_for_no_more() -> None:
    client = Client()
    tasks = adder(client, gather_seconds=3600)
    for id_ in ("a", "b", "c"):
        await tasks.add(spec(id_))
    assert client.requests == [["a"], ["b"], ["c"]]


async def test_request_after_a_collection_waits_for_more_tasks() -> None:
    client = Client()
    tasks = adder(client, gather_seconds=0.05)
    await add_all(tasks, ["a", "b"])
    third = asyncio.ensure_future(tasks.add(spec("c")))
    for _ in range(3):
        await asyncio.sleep(0)
    assert client.requests == [["a", "b"]]
    await add_all(tasks, ["d"])
    await third
    assert client.requests == [["a", "b"], ["c", "d"]]


async def test_request_has_no_more_tasks_than_batch_accepts() -> None:
    client = Client()
    ids = [f"{number}" for number in range(250)]
    assert await add_all(adder(client), ids) == [None] * 250
    assert max(len(request) for request in client.requests) == MAX_TASKS_PER_REQUEST
    assert sorted(id_ for request in client.requests for id_ in request) == sorted(ids)
    assert len(client.requests) == 3


async def test_each_task_of_a_collection_has_its_own_error() -> None:
    client = Client()
    client.refuse = {"b": failure(400, "InvalidPropertyValue"), "c": failure(409, "TaskExists")}
    results = await add_all(adder(client), ["a", "b", "c"])
    assert [getattr(result, "code", None) for result in results] == [None, "InvalidPropertyValue", None]


@pytest.mark.parametrize("code", ["RequestBodyTooLarge", "InvalidRequestBody"])
async def test_refused_collection_is_sent_task_by_task(code: str) -> None:
    client = Client()
    client.refuse = {"collection": failure(413, code), "b": failure(400, "InvalidPropertyValue")}
    results = await add_all(adder(client), ["a", "b", "c"])
    assert [getattr(result, "code", None) for result in results] == [None, "InvalidPropertyValue", None]
    assert client.requests[0] == ["a", "b", "c"]


async def test_throttled_collection_is_not_sent_again() -> None:
    client = Client()
    client.refuse = {"collection": failure(429, "TooManyRequests")}
    results = await add_all(adder(client), ["a", "b"])
    assert [cast("ServiceError", result).status for result in results] == [429, 429]
    assert client.requests == [["a", "b"]]


async def test_lost_response_is_the_error_of_every_task() -> None:
    client = Client()
    client.refuse = {"collection": cast("Any", ServiceResponseError("connection reset"))}
    results = await add_all(adder(client), ["a", "b"])
    assert [type(result) for result in results] == [ServiceError, ServiceError]
