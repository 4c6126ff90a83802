"""The checks of a Batch account: reachable, its pool, its autoscaling, the converter's package, its jobs."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from shared.health.finding import Finding, explained
from shared.pool import FIELDS, pool_status

if TYPE_CHECKING:
    from azure.batch.aio import BatchClient
    from azure.batch.models import BatchPool

    from shared.clients import Clients
    from shared.settings import Settings

ROLE = "Azure Batch Job Submitter"
MANY_JOBS = 80
"""Active jobs from which on an account comes near the least quota that Azure gives, 100."""
LATE = 3
"""Evaluation intervals without an autoscale run after which something is wrong."""


async def check_account(url: str, clients: Clients) -> list[Finding]:
    """All checks of one account; those of a fallback bear its host's name."""
    settings = clients.settings
    where = "" if url == settings.batch_url else f" at {urlsplit(url).hostname}"
    batch = clients.batch_at(url)
    groups = await asyncio.gather(_pool(batch, settings, where), _package(batch, settings, where), _jobs(batch, where))
    findings = [finding for group in groups for finding in group]
    if not where and findings[0].ok:
        findings.append(await _machines(clients))
    return findings


async def _pool(batch: BatchClient, settings: Settings, where: str) -> list[Finding]:
    from azure.core.exceptions import AzureError

    name = f"pool{where}"
    try:
        pool = await batch.get_pool(
            settings.pool_id, select=[*FIELDS, "enableAutoScale", "autoScaleEvaluationInterval"]
        )
    except AzureError as error:
        missing = f"Make the pool {settings.pool_id!r}, or name the right one in GIFDROP_POOL_ID."
        return [explained(name, error, role=ROLE, missing=missing)]
    if pool.state != "active":
        message = f"The pool is {pool.state}."
        return [Finding(name=name, message=message, what_to_do="Make the pool anew with the Bicep files.")]
    return [
        Finding(name=name, message="The pool is there and active."),
        _resize(pool, where),
        autoscale(pool, datetime.now(UTC), where),
    ]


def _resize(pool: BatchPool, where: str) -> Finding:
    name = f"pool size{where}"
    errors = pool.resize_errors or []
    if not errors:
        return Finding(name=name, message="The pool gets the machines it wants.")
    codes = ", ".join(error.code or "unknown" for error in errors)
    todo = "Ask Azure for a higher core quota of the Batch account, or lower the cap in the autoscale formula."
    if not any("Quota" in (error.code or "") for error in errors):
        todo = "Batch tries again when it next scales. If this stays, choose another VM size or region."
    message = f"The pool cannot get the machines it wants ({codes}): {errors[0].message or 'no reason is given'}"
    return Finding(name=name, message=message, what_to_do=todo)


def autoscale(pool: BatchPool, now: datetime, where: str = "") -> Finding:
    """Whether the pool's autoscale formula is being evaluated, and comes to something."""
    name = f"autoscale{where}"
    if not pool.enable_auto_scale:
        return Finding(name=name, message="The pool does not scale by itself.")
    run = pool.auto_scale_run
    interval = pool.auto_scale_evaluation_interval or timedelta(minutes=15)
    if run is None:
        return Finding(name=name, message="The formula has not been evaluated yet.")
    if run.error:
        todo = "Try the formula with `az batch pool autoscale evaluate`, put infra/autoscale.txt right, deploy it."
        return Finding(name=name, message=f"The formula fails: {run.error.message or run.error.code}", what_to_do=todo)
    if now - run.timestamp > LATE * interval:
        message = f"The formula was last evaluated at {run.timestamp:%Y-%m-%d %H:%M} UTC."
        return Finding(name=name, message=message, what_to_do="Disable the pool's autoscale and enable it again.")
    return Finding(name=name, message="The formula is evaluated as it should be.")


async def _package(batch: BatchClient, settings: Settings, where: str) -> list[Finding]:
    from azure.core.exceptions import AzureError

    name, wanted = f"package{where}", f"{settings.package_id} {settings.package_version}"
    upload = "Upload the converter's package (infra/deploy.sh does), or name its version in GIFDROP_PACKAGE_VERSION."
    try:
        application = await batch.get_application(settings.package_id)
    except AzureError as error:
        return [explained(name, error, role=ROLE, missing=upload)]
    if settings.package_version not in application.versions:
        return [Finding(name=name, message=f"The package {wanted} is not there.", what_to_do=upload)]
    return [Finding(name=name, message=f"The package {wanted} is there.")]


async def _jobs(batch: BatchClient, where: str) -> list[Finding]:
    from azure.core.exceptions import AzureError

    name = f"jobs{where}"
    try:
        count = len([job async for job in batch.list_jobs(filter="state eq 'active'", select=["id"])])
    except AzureError as error:
        return [explained(name, error, role=ROLE)]
    message = f"{count} active job{'' if count == 1 else 's'} in the account."
    if count < MANY_JOBS:
        return [Finding(name=name, message=message)]
    todo = "Terminate jobs that are done with, or ask Azure for a higher quota of active jobs, which may be 100."
    return [Finding(name=name, message=message, what_to_do=todo)]


async def _machines(clients: Clients) -> Finding:
    """Nodes that will never run a task, as the pool's own answer tells."""
    pool = await pool_status(clients)
    failures = pool["start_task_failures"]
    if failures:
        todo = "Read the start task's log on the node, put it right, and reboot or remove the node."
        return Finding(name="machines", message=f"{failures[0]['message']}.", what_to_do=todo)
    states = pool["node_states"]
    bad = sum(states.get(state, 0) for state in ("unusable", "offline", "unknown"))
    if bad:
        message = f"{bad} of the pool's machines cannot be used."
        return Finding(name="machines", message=message, what_to_do="Reboot them, or remove them from the pool.")
    return Finding(name="machines", message=" ".join(pool["notes"]))
