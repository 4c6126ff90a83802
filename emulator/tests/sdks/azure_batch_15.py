"""azure-batch 15, synchronous and (`aio_`) asynchronous, for the scenario."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from azure.batch import BatchClient, models
from azure.batch.aio import BatchClient as AsyncBatchClient
from azure.core import MatchConditions
from azure.core.credentials import AzureNamedKeyCredential
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from sdks.scenario import Doc, RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable


class Sdk15:
    """The synchronous client; `resolve` is where the asynchronous one awaits."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def resolve(self, value: Any) -> Any:
        return value

    def listed(self, pages: Any) -> list[Any]:
        return list(pages)

    def content(self, stream: Any) -> bytes:
        return b"".join(self.resolve(stream))

    def _call(self, name: str, *arguments: object, **settings: object) -> Any:
        return self._refusing(lambda: self.resolve(getattr(self._client, name)(*arguments, **settings)))

    def _list(self, name: str, *arguments: object, **settings: object) -> list[Doc]:
        found = self._refusing(lambda: self.listed(getattr(self._client, name)(*arguments, **settings)))
        return [each.as_dict() for each in found]

    @staticmethod
    def _refusing(work: Callable[[], Any]) -> Any:
        try:
            return work()
        except HttpResponseError as error:
            code = error.error.code if error.error else None
            raise RefusedError(f"{error.status_code} {code}") from error

    def pool_add(self, body: Doc) -> None:
        self._call("create_pool", models.BatchPoolCreateOptions(body))

    def pool_get(self, pool: str) -> Doc:
        return self._call("get_pool", pool).as_dict()  # type: ignore[no-any-return]

    def pool_exists(self, pool: str) -> bool:
        try:
            return bool(self.resolve(self._client.pool_exists(pool)))
        except ResourceNotFoundError:
            return False

    def pool_list(self) -> list[Doc]:
        return self._list("list_pools")

    def pool_resize(self, pool: str, body: Doc) -> None:
        self._call("begin_resize_pool", pool, models.BatchPoolResizeOptions(body), polling_interval=0)

    def pool_patch(self, pool: str, body: Doc) -> None:
        self._call("update_pool", pool, models.BatchPoolUpdateOptions(body))

    def pool_enable_autoscale(self, pool: str, formula: str) -> None:
        self._call("enable_pool_auto_scale", pool, models.BatchPoolEnableAutoScaleOptions(auto_scale_formula=formula))

    def pool_evaluate_autoscale(self, pool: str, formula: str) -> Doc:
        options = models.BatchPoolEvaluateAutoScaleOptions(auto_scale_formula=formula)
        return self._call("evaluate_pool_auto_scale", pool, options).as_dict()  # type: ignore[no-any-return]

    def pool_disable_autoscale(self, pool: str) -> None:
        self._call("disable_pool_auto_scale", pool)

    def pool_delete(self, pool: str) -> None:
        self._call("begin_delete_pool", pool, polling_interval=0)

    def node_list(self, pool: str) -> list[Doc]:
        return self._list("list_nodes", pool)

    def node_counts(self) -> list[Doc]:
        return self._list("list_pool_node_counts")

    def node_reboot(self, pool: str, node: str) -> None:
        self._call("begin_reboot_node", pool, node, {"nodeRebootOption": "requeue"}, polling_interval=0)

    def job_add(self, body: Doc) -> None:
        self._call("create_job", models.BatchJobCreateOptions(body))

    def job_get(self, job: str) -> Doc:
        return self._call("get_job", job).as_dict()  # type: ignore[no-any-return]

    def job_patch(self, job: str, body: Doc, etag: str) -> None:
        options = models.BatchJobUpdateOptions(body)
        self._call("update_job", job, options, etag=etag, match_condition=MatchConditions.IfNotModified)

    def job_disable(self, job: str, how: str) -> None:
        self._call("begin_disable_job", job, models.BatchJobDisableOptions(disable_tasks=how), polling_interval=0)

    def job_enable(self, job: str) -> None:
        self._call("begin_enable_job", job, polling_interval=0)

    def job_terminate(self, job: str, reason: str) -> None:
        self._call("begin_terminate_job", job, options={"terminateReason": reason}, polling_interval=0)

    def job_delete(self, job: str) -> None:
        self._call("begin_delete_job", job, polling_interval=0)

    def task_counts(self, job: str) -> Doc:
        return self._call("get_job_task_counts", job).as_dict()  # type: ignore[no-any-return]

    def task_add(self, job: str, body: Doc) -> None:
        self._call("create_task", job, models.BatchTaskCreateOptions(body))

    def task_add_collection(self, job: str, bodies: list[Doc]) -> list[Doc]:
        group = models.BatchTaskGroup({"value": bodies})
        return self._call("create_task_collection", job, group).as_dict()["value"]  # type: ignore[no-any-return]

    def task_list(self, job: str, query: str, select: str, page: int) -> list[Doc]:
        return self._list("list_tasks", job, filter=query, select=select.split(","), max_results=page)

    def task_get(self, job: str, task: str) -> Doc:
        return self._call("get_task", job, task).as_dict()  # type: ignore[no-any-return]

    def task_terminate(self, job: str, task: str) -> None:
        self._call("terminate_task", job, task)

    def task_reactivate(self, job: str, task: str) -> None:
        self._call("reactivate_task", job, task)

    def task_delete(self, job: str, task: str) -> None:
        self._call("delete_task", job, task)

    def file_list(self, job: str, task: str) -> list[str]:
        return sorted(each["name"] for each in self._list("list_task_files", job, task, recursive=True))

    def file_read(self, job: str, task: str, path: str, span: str | None) -> bytes:
        return self.content(self._client.download_task_file(job, task, path, ocp_range=span))

    def file_size(self, job: str, task: str, path: str) -> int:
        return int(self._call("get_task_file_properties", job, task, path).content_length)

    def schedule_add(self, body: Doc) -> None:
        self._call("create_job_schedule", models.BatchJobScheduleCreateOptions(body))

    def schedule_get(self, schedule: str) -> Doc:
        return self._call("get_job_schedule", schedule).as_dict()  # type: ignore[no-any-return]

    def schedule_delete(self, schedule: str) -> None:
        self._call("begin_delete_job_schedule", schedule, polling_interval=0)

    def applications(self) -> list[str]:
        return [each["id"] for each in self._list("list_applications")]

    def images(self) -> list[Doc]:
        return self._list("list_supported_images")


class AsyncSdk15(Sdk15):
    """The asynchronous client; its calls run one after another."""

    def __init__(self, make: Callable[[], AsyncBatchClient]) -> None:
        self._loop = asyncio.new_event_loop()

        async def started() -> AsyncBatchClient:
            return make()

        super().__init__(self._loop.run_until_complete(started()))

    def resolve(self, value: Any) -> Any:
        return self._loop.run_until_complete(value)

    def listed(self, pages: Any) -> list[Any]:
        async def every() -> list[Any]:
            return [each async for each in pages]

        return self.resolve(every())  # type: ignore[no-any-return]

    def content(self, stream: Any) -> bytes:
        async def whole() -> bytes:
            return b"".join([chunk async for chunk in await stream])

        return self.resolve(whole())  # type: ignore[no-any-return]

    def close(self) -> None:
        """Close the connections."""
        self.resolve(self._client.close())
        self._loop.close()


def make(url: str, account: str, key: str) -> Sdk15:
    """A client with the shared key."""
    return Sdk15(BatchClient(url, AzureNamedKeyCredential(account, key)))


def make_async(url: str, account: str, key: str) -> AsyncSdk15:
    """An asynchronous client with the shared key."""
    return AsyncSdk15(lambda: AsyncBatchClient(url, AzureNamedKeyCredential(account, key)))
