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
    # Strings: pathlib takes a tenth of the time of a short task.
    root = str(node.root)
    directory = f"{root}/{task_directory}"
    found = {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "C.UTF-8",
        "HOME": f"{directory}/wd",
        "USER": "_azbatch",
        "AZ_BATCH_ACCOUNT_NAME": machine.account,
        "AZ_BATCH_ACCOUNT_URL": f"{machine.url}/",
        "AZ_BATCH_POOL_ID": node.pool_id,
        "AZ_BATCH_NODE_ID": node.id,
        "AZ_BATCH_NODE_IS_DEDICATED": "true" if node.dedicated else "false",
        "AZ_BATCH_NODE_ROOT_DIR": root,
        "AZ_BATCH_NODE_SHARED_DIR": f"{root}/shared",
        "AZ_BATCH_NODE_STARTUP_DIR": f"{root}/startup",
        "AZ_BATCH_NODE_MOUNTS_DIR": f"{root}/fsmounts",
        "AZ_BATCH_TASK_DIR": directory,
        "AZ_BATCH_TASK_WORKING_DIR": f"{directory}/wd",
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
        found["AZ_BATCH_JOB_PREP_DIR"] = f"{root}/{preparation}"
        found["AZ_BATCH_JOB_PREP_WORKING_DIR"] = f"{root}/{preparation}/wd"
    found |= packages
    found |= {setting["name"]: setting.get("value", "") for setting in settings}
    return found
