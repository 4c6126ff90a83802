"""The Batch emulator: adding, listing and running tasks, and memory per task. `python -m bench.batch_emulator`."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import secrets
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import psutil
from azure.batch import BatchClient, models
from azure.batch.aio import BatchClient as AsyncBatchClient
from azure.core.credentials import AzureNamedKeyCredential

from bench import goal_row
from bench.table import show

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bench import Row

LISTED = 10_000
ROUNDS, RUN = 3, 2_000
NODES, SLOTS = 4, 4
_ROOT = Path(__file__).parents[1]
# A task has two directories and two files: what they cost depends on the file system.
_MEMORY = Path("/dev/shm")  # noqa: S108
_KEY = base64.b64encode(secrets.token_bytes(64)).decode()


def _row(figure: str, value: float, unit: str) -> Row:
    return {"figure": figure, "value": value, "unit": unit}


def _credential() -> AzureNamedKeyCredential:
    return AzureNamedKeyCredential("devbatchaccount", _KEY)


def _task(index: int, command: str) -> models.BatchTaskCreateOptions:
    """A task of about the size of the app's."""
    name = f"{index:032x}-1"
    identity = models.BatchNodeIdentityReference(resource_id="/subscriptions/s/resourceGroups/g/providers/i/nodes")
    video = f"https://account.blob.core.windows.net/videos/folder/video-{index}.mp4"
    outputs = [
        models.OutputFile(
            file_pattern=pattern,
            destination=models.OutputFileDestination(
                container=models.OutputFileBlobContainerDestination(
                    container_url="https://account.blob.core.windows.net/staging",
                    path=f"{name}/{pattern}",
                    identity_reference=identity,
                )
            ),
            upload_options=models.OutputFileUploadConfiguration(upload_condition="tasksuccess"),
        )
        for pattern in ("out.gif", "result.json")
    ]
    return models.BatchTaskCreateOptions(
        id=name,
        command_line=command,
        display_name=f"folder/video-{index}.mp4",
        resource_files=[models.ResourceFile(http_url=video, file_path="input.mp4", identity_reference=identity)],
        output_files=outputs,
    )


def _job(client: BatchClient, name: str, *, nodes: int) -> None:
    machine = models.VirtualMachineConfiguration(
        image_reference=models.BatchVmImageReference(publisher="canonical", offer="ubuntu-24_04-lts", sku="server"),
        node_agent_sku_id="batch.node.ubuntu 24.04",
    )
    client.create_pool(
        models.BatchPoolCreateOptions(
            id=name,
            vm_size="s",
            virtual_machine_configuration=machine,
            target_dedicated_nodes=nodes,
            task_slots_per_node=SLOTS,
        )
    )
    while sum(node.state == "idle" for node in client.list_nodes(name)) < nodes:
        time.sleep(0.02)
    client.create_job(models.BatchJobCreateOptions(id=name, pool_info=models.BatchPoolInfo(pool_id=name)))


async def _add(url: str, job: str, tasks: list[models.BatchTaskCreateOptions]) -> None:
    async with AsyncBatchClient(url, _credential()) as client:
        await client.create_tasks(job, tasks, max_concurrency=4)


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _listing(client: BatchClient, url: str, process: psutil.Process) -> list[Row]:
    _job(client, "listed", nodes=0)
    tasks = [_task(index, "/bin/true") for index in range(LISTED)]
    before = process.memory_info().rss
    adding = _timed(lambda: asyncio.run(_add(url, "listed", tasks)))
    memory = (process.memory_info().rss - before) / LISTED
    listing = _timed(lambda: list(client.list_tasks("listed", select=["id", "state", "executionInfo"])))
    return [
        _row(f"add {LISTED} tasks by collections of 100", LISTED / adding, "tasks/s"),
        _row("memory per task", memory / 1024, "KiB"),
        _row(f"list {LISTED} tasks with select", listing, "s"),
    ]


def _running(client: BatchClient, url: str, *, where: str) -> list[Row]:
    """Rounds of tasks and of plain subprocesses in turn, so that all meet the same load of the machine."""
    _job(client, "run", nodes=NODES)
    works = [lambda: _run_while_adding(client, url), lambda: _run_queued(client, url), _run_plain]
    rounds = [[work() for work in works] for _ in range(ROUNDS)]
    added, queued, plain = (RUN / statistics.median(seconds) for seconds in zip(*rounds, strict=True))
    return [
        _row(f"{RUN} tasks of /bin/true on {NODES} nodes with {SLOTS} slots, files {where}", added, "tasks/s"),
        _row("the same, added before", queued, "tasks/s"),
        _row(f"the same commands in a pool of {NODES * SLOTS} threads", plain, "commands/s"),
        goal_row(f"tasks to commands, files {where}", _ratio(rounds, 0), "", 0.75, at_least=True),
        goal_row(f"tasks added before to commands, files {where}", _ratio(rounds, 1), "", 0.75, at_least=True),
    ]


def _ratio(rounds: list[list[float]], column: int) -> float:
    return statistics.median(seconds[-1] / seconds[column] for seconds in rounds)


def _run_while_adding(client: BatchClient, url: str) -> float:
    """Seconds from the first request until the last task has ended."""
    tasks, done = _short_tasks(client)

    def run() -> None:
        asyncio.run(_add(url, "run", tasks))
        _wait_for_tasks(client, done)

    return _timed(run)


def _run_queued(client: BatchClient, url: str) -> float:
    """Seconds from enabling the job, to which the tasks are added before, until the last task has ended."""
    tasks, done = _short_tasks(client)
    client.begin_disable_job("run", models.BatchJobDisableOptions(disable_tasks="wait"))
    while client.get_job("run").state != "disabled":
        time.sleep(0.02)
    asyncio.run(_add(url, "run", tasks))

    def run() -> None:
        client.begin_enable_job("run")
        _wait_for_tasks(client, done)

    return _timed(run)


def _short_tasks(client: BatchClient) -> tuple[list[models.BatchTaskCreateOptions], int]:
    """New tasks of /bin/true, and how many tasks the job has completed after them."""
    before = client.get_job_task_counts("run").task_counts.completed
    done = before + RUN
    names = [f"t{number}" for number in range(before, done)]
    return [models.BatchTaskCreateOptions(id=name, command_line="/bin/true") for name in names], done


def _wait_for_tasks(client: BatchClient, done: int) -> None:
    while client.get_job_task_counts("run").task_counts.completed < done:
        time.sleep(0.05)


def _run_plain() -> float:
    def run(_index: int) -> None:
        subprocess.run(["/bin/true"], check=True)

    with ThreadPoolExecutor(NODES * SLOTS) as pool:
        return _timed(lambda: list(pool.map(run, range(RUN))))


@contextmanager
def _emulator(*options: str) -> Iterator[tuple[str, psutil.Process]]:
    """The URL of a new emulator, and its process."""
    command = [sys.executable, "-m", "batch_emulator", "--port", "0", "--exit-with-stdin", *options]
    environment = os.environ | {"BATCH_ACCOUNT_KEY": _KEY}
    with subprocess.Popen(
        command, cwd=_ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as emulator:
        assert emulator.stdout is not None
        yield json.loads(emulator.stdout.readline())["url"], psutil.Process(emulator.pid)
        emulator.terminate()


def run() -> list[Row]:
    """All rows, measured on new emulators."""
    with _emulator() as (url, process), BatchClient(url, _credential()) as client:
        rows = _listing(client, url, process) + _running(client, url, where="on disk")
    with (
        TemporaryDirectory(dir=_MEMORY) as nodes,
        _emulator("--node-root", nodes) as (url, _),
        BatchClient(url, _credential()) as client,
    ):
        return rows + _running(client, url, where="in memory")


if __name__ == "__main__":
    show("batch_emulator", run())
