"""The environment variables that Batch gives to a command line."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from batch_emulator.machine.task_token import task_token

if TYPE_CHECKING:
    from batch_emulator.entity import Doc
    from batch_emulator.machine.host import Host
    from batch_emulator.machine.machine import Machine


def variables(
    machine: Machine,
    node: Host,
    *,
    task_directory: str,
    settings: list[Doc],
    packages: dict[str, str],
    job_id: str | None,
    task_id: str | None,
    preparation: str | None,
    with_token: bool = False,
) -> dict[str, str]:
    """The complete environment; of the emulator's own it contains only the search path."""
    root = node.root
    directory = root / task_directory
    found = {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "C.UTF-8",
        "HOME": str(directory / "wd"),
        "USER": "_azbatch",
        "AZ_BATCH_ACCOUNT_NAME": machine.account,
        "AZ_BATCH_ACCOUNT_URL": f"{machine.url}/",
        "AZ_BATCH_POOL_ID": node.pool_id,
        "AZ_BATCH_NODE_ID": node.id,
        "AZ_BATCH_NODE_IS_DEDICATED": "true" if node.dedicated else "false",
        "AZ_BATCH_NODE_ROOT_DIR": str(root),
        "AZ_BATCH_NODE_SHARED_DIR": str(root / "shared"),
        "AZ_BATCH_NODE_STARTUP_DIR": str(root / "startup"),
        "AZ_BATCH_NODE_MOUNTS_DIR": str(root / "fsmounts"),
        "AZ_BATCH_TASK_DIR": str(directory),
        "AZ_BATCH_TASK_WORKING_DIR": str(directory / "wd"),
        "AZ_BATCH_TASK_USER": "_azbatch",
        "AZ_BATCH_TASK_USER_IDENTITY": "PoolNonAdmin",
    }
    if job_id is not None:
        found["AZ_BATCH_JOB_ID"] = job_id
        if with_token:
            found["AZ_BATCH_AUTHENTICATION_TOKEN"] = task_token(machine.key, job_id)
    if task_id is not None:
        found["AZ_BATCH_TASK_ID"] = task_id
    if preparation is not None:
        prepared = root / preparation
        found["AZ_BATCH_JOB_PREP_DIR"] = str(prepared)
        found["AZ_BATCH_JOB_PREP_WORKING_DIR"] = str(prepared / "wd")
    found |= packages
    found |= {setting["name"]: setting.get("value", "") for setting in settings}
    return found
