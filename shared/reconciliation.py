"""What events, crashes and hands have missed: inputs, records, tasks and staging are compared and made to agree.

Everything decided here from a listing is decided again from fresh reads before anything is changed, so a listing
that is old by the time it is used costs a few calls and does no harm.
"""

from __future__ import annotations

import json
import logging
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from shared.blobs import all_blobs
from shared.completion import TASK_FIELDS, after_trouble, complete
from shared.conversion import Problem, now
from shared.crew import crew
from shared.ending import settle
from shared.jobs import JobRef
from shared.merge import merged
from shared.names import JOB_PREFIX, gif_name, is_video, job_day
from shared.notification import notify
from shared.publication import blob_etag, discard, unpublish
from shared.records import brief, load, save
from shared.submission import start, submit
from shared.task import PROGRESS_FILE

if TYPE_CHECKING:
    from azure.batch.models import BatchJob, BatchTask

    from shared.blobs import Blob
    from shared.clients import Clients

log = logging.getLogger(__name__)

_GONE = Problem(code="VideoGone", message="The video was removed before it could be converted.")
_HUNG = Problem(code="Hung", message="The conversion made no progress for too long, again and again.")


@dataclass(kw_only=True)
class Report:
    """What one reconciliation found and did."""

    videos: int = 0
    submitted: int = 0
    restarted: int = 0
    gone: int = 0
    moved: int = 0
    hung: int = 0
    orphans: int = 0
    jobs_deleted: int = 0
    unreachable: list[str] = field(default_factory=list)


async def reconcile(clients: Clients) -> Report:
    """Make inputs, records, tasks and staging agree, and log in one line what that took."""
    report = Report()
    # Tasks before records: a record written later is younger than the grace time, so its task is not missed.
    tasks = await _survey_tasks(clients, report)
    await _compare_videos(clients, tasks, report)
    if not report.unreachable:  # otherwise some of what is in staging may belong to tasks that were not seen
        await _clear_staging(clients, tasks, report)
    log.info("reconciled %s", json.dumps(asdict(report)))
    return report


async def _survey_tasks(clients: Clients, report: Report) -> set[str]:
    """The ids of all tasks there are; on the way, what is wrong with tasks and jobs is put right."""
    from azure.core.exceptions import AzureError, ResourceNotFoundError

    tasks: set[str] = set()
    async with crew() as hand_over:
        for url in clients.settings.batch_urls:
            batch = clients.batch_at(url)
            try:
                async for job in batch.list_jobs(filter=f"startswith(id,'{JOB_PREFIX}')", select=["id", "state"]):
                    here = JobRef(batch_url=url, id=job.id)
                    before = len(tasks)
                    with suppress(ResourceNotFoundError):  # the job was deleted this moment, with its tasks
                        async for task in batch.list_tasks(job.id, select=TASK_FIELDS):
                            tasks.add(task.id)
                            if task.state == "active" and job.state in ("disabling", "disabled"):
                                await hand_over(f"task {task.id}", _move(task, here, clients, report))
                            elif task.state == "active" and _was_lost(task):
                                await hand_over(f"task {task.id}", complete(task, here, clients))
                            elif task.state == "running" and _is_old(task, clients.settings.hung_seconds):
                                await hand_over(f"task {task.id}", _restart_if_hung(task, here, clients, report))
                    if len(tasks) == before and _is_past(job):
                        await hand_over(f"job {job.id}", _delete_job(here, clients, report))
            except AzureError:
                log.exception("%s cannot be surveyed", url)
                report.unreachable.append(url)
    return tasks


async def _compare_videos(clients: Clients, tasks: set[str], report: Report) -> None:
    settings = clients.settings
    videos = (blob async for blob in all_blobs(clients, settings.input_container) if is_video(blob.name))
    records = (blob async for blob in all_blobs(clients, settings.records_container) if is_video(blob.name))
    grace = settings.grace_seconds
    async with crew() as hand_over:
        async for name, video, record in merged(videos, records, key=lambda blob: blob.name):
            report.videos += video is not None
            known = brief(record) if record else None
            if video and _age(video) > grace and (known is None or known.etag != video.etag):
                await hand_over(repr(name), _submit(name, clients, report))
            elif known and record and not known.final and known.task_id not in tasks and _age(record) > grace:
                if known.batch_url in report.unreachable:
                    continue  # an account that does not answer may still have the task
                await hand_over(repr(name), _restart(name, known.task_id, clients, report))


async def _submit(video: str, clients: Clients, report: Report) -> None:
    await submit(video, clients)
    report.submitted += 1


async def _restart(video: str, task: str | None, clients: Clients, report: Report) -> None:
    """Add the missing task of a conversion once more, unless its video is gone."""
    from azure.core.exceptions import ResourceNotFoundError

    replacing = await blob_etag(clients.gifs, gif_name(video))
    stored = await load(clients.records, video)
    conversion = stored.conversion
    if conversion is None or conversion.final or conversion.task_id != task:
        return
    try:
        await clients.videos.get_blob_client(video).get_blob_properties()
    except ResourceNotFoundError:
        gone = replace(conversion, state="failed", error=_GONE, finished_at=now())
        await notify(gone, clients)  # first, for once it is recorded nobody looks at it again
        await save(clients.records, gone, over=stored.etag)
        await unpublish(video, clients, replacing=replacing)
        report.gone += 1
        return
    lost = replace(conversion, state="queued", batch_url=None, job_id=None, node_id=None, started_at=None)
    await start(lost, clients, over=stored.etag)
    report.restarted += 1


async def _move(task: BatchTask, job: JobRef, clients: Clients, report: Report) -> None:
    """Take a waiting task out of a job that somebody disabled, and add it to one that runs.

    A crash in between leaves a record without a task, which the next reconciliation restarts.
    """
    await complete(task, job, clients)  # a task that is nobody's any more is deleted, not moved
    stored = await load(clients.records, task.display_name or "")
    conversion = stored.conversion
    if conversion is None or conversion.final or conversion.task_id != task.id:
        return
    clients.jobs.forget(job)
    await clients.batch_at(job.batch_url).delete_task(job.id, task.id)
    await start(conversion, clients, over=stored.etag)
    report.moved += 1


async def _restart_if_hung(task: BatchTask, job: JobRef, clients: Clients, report: Report) -> None:
    """Give up a task whose progress file has not changed for long, in favour of another attempt."""
    from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError

    try:
        batch = clients.batch_at(job.batch_url)
        progress = await batch.get_task_file_properties(job.id, task.id, PROGRESS_FILE)
        if datetime.now(UTC) - progress.last_modified < timedelta(seconds=clients.settings.hung_seconds):
            return
    except (ResourceNotFoundError, ResourceExistsError) as error:  # 404 and 409: there is nothing to be had
        log.warning("task %s shows no progress: %s", task.id, error)
    video = task.display_name or ""
    replacing = await blob_etag(clients.gifs, gif_name(video)) if is_video(video) else None
    stored = await load(clients.records, video)
    conversion = stored.conversion
    if conversion is None or conversion.final or conversion.task_id != task.id:
        return
    # The record first: from then on the old task is nobody's, whatever it still does.
    ended = after_trouble(conversion, _HUNG)
    etag = await save(clients.records, ended, over=stored.etag)
    if ended.final:
        await settle(ended, clients, replacing=replacing)
    else:
        await start(ended, clients, over=etag)
    await discard(task.id, job, clients)
    report.hung += 1


async def _delete_job(job: JobRef, clients: Clients, report: Report) -> None:
    """Delete a job of an earlier day without tasks. One that got a task this instant loses it: it is then restarted."""
    await clients.batch_at(job.batch_url).begin_delete_job(job.id)
    report.jobs_deleted += 1


async def _clear_staging(clients: Clients, tasks: set[str], report: Report) -> None:
    """Delete what lies in staging for long and belongs to no task."""
    async with crew() as hand_over:
        async for blob in all_blobs(clients, clients.settings.staging_container):
            if blob.name.split("/")[0] not in tasks and _age(blob) > clients.settings.orphan_seconds:
                await hand_over(blob.name, clients.staging.delete_blob(blob.name))
                report.orphans += 1


def _age(blob: Blob) -> float:
    return (datetime.now(UTC) - blob.last_modified).total_seconds()


def _is_old(task: BatchTask, seconds: float) -> bool:
    started = task.execution_info.start_time if task.execution_info else None
    return started is not None and datetime.now(UTC) - started > timedelta(seconds=seconds)


def _was_lost(task: BatchTask) -> bool:
    """Whether a waiting task has run before, on a node that was lost."""
    return bool(task.execution_info and task.execution_info.requeue_count)


def _is_past(job: BatchJob) -> bool:
    """Whether a job's day has been over for an hour: the clocks of two machines differ by less."""
    day = job_day(job.id)
    return day is not None and day < (datetime.now(UTC) - timedelta(hours=1)).date() and job.state != "deleting"
