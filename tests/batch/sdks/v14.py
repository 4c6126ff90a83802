"""azure-batch 14, for the scenario. Runs with the interpreter of an environment that holds that version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from azure.batch import BatchServiceClient, batch_auth, models  # type: ignore[attr-defined,unused-ignore]

from tests.batch.sdks.scenario import Doc, RefusedError, main

if TYPE_CHECKING:
    from collections.abc import Callable


def _refusing(work: Callable[[], Any]) -> Any:
    try:
        return work()
    except models.BatchErrorException as error:  # type: ignore[attr-defined,unused-ignore]
        raise RefusedError(f"{error.response.status_code} {error.error.code}") from error


def _wire(entity: Any) -> Doc:
    return entity.serialize(keep_readonly=True)  # type: ignore[no-any-return]


def _list(pages: Any) -> list[Doc]:
    return _refusing(lambda: [_wire(each) for each in pages])  # type: ignore[no-any-return]


def _model(name: str, body: Doc) -> Any:
    return getattr(models, name).deserialize(body)


class Sdk14:
    """The client made by AutoRest, as most published samples use it."""

    def __init__(self, client: Any) -> None:
        self._c = client

    def pool_add(self, body: Doc) -> None:
        _refusing(lambda: self._c.pool.add(_model("PoolAddParameter", body)))

    def pool_get(self, pool: str) -> Doc:
        return _wire(_refusing(lambda: self._c.pool.get(pool)))

    def pool_exists(self, pool: str) -> bool:
        return bool(self._c.pool.exists(pool))

    def pool_list(self) -> list[Doc]:
        return _list(self._c.pool.list())

    def pool_resize(self, pool: str, body: Doc) -> None:
        _refusing(lambda: self._c.pool.resize(pool, _model("PoolResizeParameter", body)))

    def pool_patch(self, pool: str, body: Doc) -> None:
        _refusing(lambda: self._c.pool.patch(pool, _model("PoolPatchParameter", body)))

    def pool_enable_autoscale(self, pool: str, formula: str) -> None:
        _refusing(lambda: self._c.pool.enable_auto_scale(pool, formula))

    def pool_evaluate_autoscale(self, pool: str, formula: str) -> Doc:
        return _wire(_refusing(lambda: self._c.pool.evaluate_auto_scale(pool, formula)))

    def pool_disable_autoscale(self, pool: str) -> None:
        _refusing(lambda: self._c.pool.disable_auto_scale(pool))

    def pool_delete(self, pool: str) -> None:
        _refusing(lambda: self._c.pool.delete(pool))

    def node_list(self, pool: str) -> list[Doc]:
        return _list(self._c.compute_node.list(pool))

    def node_counts(self) -> list[Doc]:
        return _list(self._c.account.list_pool_node_counts())

    def node_reboot(self, pool: str, node: str) -> None:
        _refusing(lambda: self._c.compute_node.reboot(pool, node, "requeue"))

    def job_add(self, body: Doc) -> None:
        _refusing(lambda: self._c.job.add(_model("JobAddParameter", body)))

    def job_get(self, job: str) -> Doc:
        return _wire(_refusing(lambda: self._c.job.get(job)))

    def job_patch(self, job: str, body: Doc, etag: str) -> None:
        options = models.JobPatchOptions(if_match=etag)  # type: ignore[attr-defined,unused-ignore]
        _refusing(lambda: self._c.job.patch(job, _model("JobPatchParameter", body), options))

    def job_disable(self, job: str, how: str) -> None:
        _refusing(lambda: self._c.job.disable(job, how))

    def job_enable(self, job: str) -> None:
        _refusing(lambda: self._c.job.enable(job))

    def job_terminate(self, job: str, reason: str) -> None:
        _refusing(lambda: self._c.job.terminate(job, reason))

    def job_delete(self, job: str) -> None:
        _refusing(lambda: self._c.job.delete(job))

    def task_counts(self, job: str) -> Doc:
        return _wire(_refusing(lambda: self._c.job.get_task_counts(job)))

    def task_add(self, job: str, body: Doc) -> None:
        _refusing(lambda: self._c.task.add(job, _model("TaskAddParameter", body)))

    def task_add_collection(self, job: str, bodies: list[Doc]) -> list[Doc]:
        tasks = [_model("TaskAddParameter", body) for body in bodies]
        raw: Any = self._c.task.add_collection
        try:
            return _wire(_refusing(lambda: raw(job, tasks)))["value"]  # type: ignore[no-any-return]
        except models.CreateTasksErrorException as error:  # type: ignore[attr-defined,unused-ignore]
            return [_wire(each) for each in error.failure_tasks]

    def task_list(self, job: str, query: str, select: str, page: int) -> list[Doc]:
        options = models.TaskListOptions(  # type: ignore[attr-defined,unused-ignore]
            filter=query, select=select, max_results=page
        )
        return _list(self._c.task.list(job, options))

    def task_get(self, job: str, task: str) -> Doc:
        return _wire(_refusing(lambda: self._c.task.get(job, task)))

    def task_terminate(self, job: str, task: str) -> None:
        _refusing(lambda: self._c.task.terminate(job, task))

    def task_reactivate(self, job: str, task: str) -> None:
        _refusing(lambda: self._c.task.reactivate(job, task))

    def task_delete(self, job: str, task: str) -> None:
        _refusing(lambda: self._c.task.delete(job, task))

    def file_list(self, job: str, task: str) -> list[str]:
        return sorted(each.name for each in self._c.file.list_from_task(job, task, recursive=True))

    def file_read(self, job: str, task: str, path: str, span: str | None) -> bytes:
        options = models.FileGetFromTaskOptions(ocp_range=span)  # type: ignore[attr-defined,unused-ignore]
        return b"".join(self._c.file.get_from_task(job, task, path, options))

    def file_size(self, job: str, task: str, path: str) -> int:
        reply = self._c.file.get_properties_from_task(job, task, path, raw=True)
        return int(reply.headers["Content-Length"])

    def schedule_add(self, body: Doc) -> None:
        _refusing(lambda: self._c.job_schedule.add(_model("JobScheduleAddParameter", body)))

    def schedule_get(self, schedule: str) -> Doc:
        return _wire(_refusing(lambda: self._c.job_schedule.get(schedule)))

    def schedule_delete(self, schedule: str) -> None:
        _refusing(lambda: self._c.job_schedule.delete(schedule))

    def applications(self) -> list[str]:
        return [str(each.id) for each in self._c.application.list()]

    def images(self) -> list[Doc]:
        return _list(self._c.account.list_supported_images())


def make(url: str, account: str, key: str) -> Sdk14:
    """A client with the shared key."""
    return Sdk14(BatchServiceClient(batch_auth.SharedKeyCredentials(account, key), batch_url=url))


if __name__ == "__main__":
    main(make)
