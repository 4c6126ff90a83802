"""What an emulator with --data still knows after it was killed."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

from azure.batch import models

from local.batch.store import open_store
from tests.batch.kit import Emulator, emulator, make_job, make_pool, run_task, until

if TYPE_CHECKING:
    from pathlib import Path


def kill(started: Emulator) -> None:
    os.kill(started.process.pid, signal.SIGKILL)
    started.end()


def test_what_was_told_to_a_node_survives_a_kill(tmp_path: Path) -> None:
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
        kill(first)
    with emulator("--data", tmp_path) as second, second.client() as client:
        found = client.get_node("p", node.id)
        assert (found.scheduling_state, found.total_tasks_run) == ("disabled", 1)
        client.replace_node_user("p", node.id, "me", models.BatchNodeUserReplaceOptions(ssh_public_key="k"))
        client.create_node_user("p", node.id, models.BatchNodeUserCreateOptions(name="gone"))
        until(lambda: client.get_node("p", node.id).state == "idle")
        client.enable_node_scheduling("p", node.id)
        kill(second)
    with emulator("--data", tmp_path) as third, third.client() as client:
        assert client.get_node("p", node.id).scheduling_state == "enabled"


def test_a_loss_of_power_cannot_break_the_file(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    assert store.database is not None
    mode, sync = (store.database.execute(f"pragma {name}").fetchone()[0] for name in ("journal_mode", "synchronous"))
    assert (mode, sync) == ("wal", 1)
    store.close()
