"""The state that an emulator with --data keeps when it is killed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azure.batch import models

from batch_emulator import clock
from batch_emulator.options import Options
from batch_emulator.server import running
from batch_emulator.store import open_store
from support.emulators import emulator
from support.inprocess import make_job_with_task, make_pool_in
from support.resources import file_text, make_job, make_pool, run_task
from support.waiting import wait_until, wait_until_async

if TYPE_CHECKING:
    from pathlib import Path


def test_node_users_and_scheduling_state_survive_a_kill(tmp_path: Path) -> None:
    with emulator("--data", tmp_path) as first, first.client() as client:
        make_pool(client, "p", start_task=models.BatchStartTask(command_line="true", wait_for_success=True))
        (node,) = client.list_nodes("p")
        run_task(client, make_job(client, "j", "p"), "t", "true")
        client.create_node_user("p", node.id, models.BatchNodeUserCreateOptions(name="me"))
        client.create_node_user("p", node.id, models.BatchNodeUserCreateOptions(name="gone"))
        client.delete_node_user("p", node.id, "gone")
        client.disable_node_scheduling(
            "p", node.id, models.BatchNodeDisableSchedulingOptions(node_disable_scheduling_option="requeue")
        )
        first.kill()
    with emulator("--data", tmp_path) as second, second.client() as client:
        found = client.get_node("p", node.id)
        assert (found.scheduling_state, found.total_tasks_run) == ("disabled", 1)
        client.replace_node_user("p", node.id, "me", models.BatchNodeUserReplaceOptions(ssh_public_key="k"))
        client.create_node_user("p", node.id, models.BatchNodeUserCreateOptions(name="gone"))
        wait_until(lambda: client.get_node("p", node.id).state == "offline")
        client.enable_node_scheduling("p", node.id)
        second.kill()
    with emulator("--data", tmp_path) as third, third.client() as client:
        assert client.get_node("p", node.id).scheduling_state == "enabled"


def test_database_survives_a_power_loss_by_its_journal_settings(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    assert store.database is not None
    mode, sync = (store.database.execute(f"pragma {name}").fetchone()[0] for name in ("journal_mode", "synchronous"))
    assert (mode, sync) == ("wal", 1)
    store.close()


def test_accepted_jobs_and_tasks_survive_a_kill(tmp_path: Path) -> None:
    count = 150
    with emulator("--data", tmp_path) as first, first.client() as client:
        job = make_job(client, "kept", make_pool(client, "kept"), uses_task_dependencies=True, priority=7)
        run_task(client, job, "before", "echo before")
        depends = models.BatchTaskDependencies(task_ids=["before", "t3"])
        last = models.BatchTaskCreateOptions(id="last", command_line="true", depends_on=depends)
        client.create_task(job, last)
        client.create_tasks(
            job, [models.BatchTaskCreateOptions(id=f"t{i}", command_line="sleep 0.01") for i in range(count)]
        )
        client.create_task(job, models.BatchTaskCreateOptions(id="long", command_line="sleep 1"))
        wait_until(lambda: client.get_job_task_counts(job).task_counts.completed > 5)
        first.kill()
    with emulator("--data", tmp_path) as second, second.client() as client:
        assert client.get_job(job).priority == 7
        assert client.get_job(job).url.startswith(second.url)
        assert file_text(client, job, "before") == "before\n"
        wait_until(lambda: client.get_job_task_counts(job).task_counts.succeeded == count + 3)
        assert {task.id for task in client.list_tasks(job, select=["id"])} == (
            {"before", "last", "long"} | {f"t{i}" for i in range(count)}
        )


async def test_retention_time_counts_from_the_end_of_a_task_also_after_a_restart(tmp_path: Path) -> None:
    options = Options(port=0, data=tmp_path)
    async with running(options) as first:
        pool = await make_pool_in(first.account, "p", nodes=1)
        task = make_job_with_task(first.account, pool, "true", constraints={"retentionTime": "PT30M"})
        await wait_until_async(lambda: task.state == "completed")
        directory = first.account.node_root / task.doc["nodeInfo"]["nodeId"] / task.directory
        assert directory.exists()
        task.info["endTime"] = clock.after(-3600)
        task.save()
    async with running(options):
        await wait_until_async(lambda: not directory.exists())
