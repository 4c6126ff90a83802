"""The flow of Microsoft's Python tutorial: upload, pool with a start task, tasks with SAS inputs, results, clean-up."""

from __future__ import annotations

import datetime as dt

from azure.batch import BatchClient, models
from azure.storage.blob import BlobSasPermissions, generate_blob_sas

from support.resources import pool_options
from support.secure import AZURITE_KEY, SecureEmulator
from support.tokens import Bearer
from support.waiting import wait_until


def test_tutorial_works_as_published(secure: SecureEmulator) -> None:
    container = secure.storage.create_container("tutorial-input")
    inputs = []
    for index in range(3):
        blob = container.upload_blob(f"taskdata{index}.txt", f"data of {index}".encode())
        token = generate_blob_sas(
            secure.storage.account_name or "",
            container.container_name,
            blob.blob_name,
            account_key=AZURITE_KEY,
            permission=BlobSasPermissions(read=True),
            expiry=dt.datetime.now(dt.UTC) + dt.timedelta(hours=2),
        )
        inputs.append(models.ResourceFile(http_url=f"{blob.url}?{token}", file_path=blob.blob_name))
    with BatchClient(secure.url, Bearer(), connection_verify=str(secure.ca)) as client:
        start = models.BatchStartTask(
            command_line="/bin/bash -c 'echo prepared'",
            wait_for_success=True,
            user_identity=models.UserIdentity(
                auto_user=models.AutoUserSpecification(scope="pool", elevation_level="admin")
            ),
        )
        client.create_pool(pool_options("tutorial", start_task=start, target_dedicated_nodes=2))
        client.create_job(
            models.BatchJobCreateOptions(id="tutorial", pool_info=models.BatchPoolInfo(pool_id="tutorial"))
        )
        client.create_tasks(
            "tutorial",
            [
                models.BatchTaskCreateOptions(
                    id=f"Task{index}",
                    command_line=f"/bin/bash -c 'cat {file.file_path}'",
                    resource_files=[file],
                )
                for index, file in enumerate(inputs)
            ],
        )
        wait_until(lambda: all(task.state == models.BatchTaskState.COMPLETED for task in client.list_tasks("tutorial")))
        for task in client.list_tasks("tutorial"):
            assert task.node_info is not None
            assert client.get_node("tutorial", task.node_info.node_id or "").start_task_info is not None
            text = b"".join(client.download_task_file("tutorial", task.id, "stdout.txt")).decode()
            assert text == f"data of {task.id.removeprefix('Task')}"
        client.begin_delete_job("tutorial", polling_interval=0).wait()
        client.begin_delete_pool("tutorial", polling_interval=0).wait()
    secure.storage.delete_container("tutorial-input")
