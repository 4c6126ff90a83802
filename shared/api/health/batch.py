"""Checks a Batch account: reachable, its pool, its autoscaling, the converter's package, its jobs."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from shared.api.health.finding import Finding, finding_of
from shared.quota import Quotas, cores_of, shortages
from shared.services.errors import ServiceError

if TYPE_CHECKING:
    from shared.api.pool import PoolReader
    from shared.services.batch.pool import PoolState
    from shared.services.services import Services
    from shared.settings import Settings

ROLE = "Azure Batch Job Submitter"
MIN_JOB_QUOTA = 100
"""The smallest quota of active jobs that Azure gives; assumed where the account's is not known."""
WARN_JOBS_FRACTION = 0.8
"""Share of the quota of active jobs at which an operator should act."""
MAX_MISSED_EVALUATIONS = 3
"""Evaluation intervals without an autoscale run after which something is wrong."""


async def check_account(url: str, services: Services, pool: PoolReader) -> list[Finding]:
    """All checks of one account; those of a fallback account are named after its host."""
    home = url == services.settings.batch_url
    where = "" if home else f" at {urlsplit(url).hostname}"
    groups = await asyncio.gather(
        _check_pool(url, services, where), _check_package(url, services, where), _check_jobs(url, services, where)
    )
    findings = [finding for group in groups for finding in group]
    if home and findings[0].ok:
        findings.append(await _check_nodes(pool))
    if home:
        findings.append(check_quotas(services.settings))
    return findings


async def _check_pool(url: str, services: Services, where: str) -> list[Finding]:
    name, pool_id = f"pool{where}", services.settings.pool_id
    try:
        pool = await services.pool.state(url)
    except ServiceError as error:
        missing = f"Create the pool {pool_id!r}, or set GIFDROP_POOL_ID to the right one."
        return [finding_of(name, error, role=ROLE, missing=missing)]
    if pool.state != "active":
        message = f"The pool is {pool.state}."
        return [Finding(name=name, message=message, what_to_do="Create the pool again with the Bicep files.")]
    return [
        Finding(name=name, message="The pool exists and is active."),
        check_size(pool, where),
        check_autoscale(pool, datetime.now(UTC), where),
    ]


def check_size(pool: PoolState, where: str = "") -> Finding:
    """Whether the pool gets the nodes that its formula asks for."""
    name = f"pool size{where}"
    errors = pool.present_errors
    if not errors:
        past = f" An earlier resize failed ({pool.resize_errors[0].code})." if pool.resize_errors else ""
        return Finding(name=name, message=f"The pool gets the machines it needs.{past}")
    codes = [error.code for error in errors]
    todo = "Ask Azure for a higher core quota of the Batch account, or lower the cap in the autoscale formula."
    if not any("Quota" in code for code in codes):
        todo = "Batch tries again when it next scales. If this persists, choose another VM size or region."
    message = f"The pool cannot get the machines it needs ({', '.join(codes)}): {errors[0].message}"
    return Finding(name=name, message=message, what_to_do=todo)


def check_autoscale(pool: PoolState, now: datetime, where: str = "") -> Finding:
    """Whether the pool's autoscale formula is evaluated on schedule and without errors."""
    name = f"autoscale{where}"
    if not pool.autoscale_enabled:
        return Finding(name=name, message="Autoscale is off.")
    run = pool.autoscale_run
    if run is None:
        return Finding(name=name, message="The formula has not been evaluated yet.")
    if run.error:
        todo = "Try the formula with `az batch pool autoscale evaluate`, correct infra/autoscale.txt, deploy it."
        return Finding(name=name, message=f"The formula fails: {run.error.message}", what_to_do=todo)
    if now - run.at > MAX_MISSED_EVALUATIONS * pool.autoscale_interval:
        message = f"The formula was last evaluated at {run.at:%Y-%m-%d %H:%M} UTC."
        return Finding(name=name, message=message, what_to_do="Disable the pool's autoscale and enable it again.")
    return Finding(name=name, message="The formula is evaluated on schedule.")


def check_quotas(settings: Settings) -> Finding:
    """Whether the home account was allowed what the formula may ask for, when gifdrop was deployed.

    Only Azure Resource Manager knows quotas, and the app has no role there. What Azure refuses now is in `pool size`.
    """
    cores = cores_of(settings.vm_size or "")
    if settings.core_quota is None or settings.max_nodes is None or cores is None:
        return Finding(name="quota", message="The account's quotas are not known to the app; see `pool size`.")
    quotas = Quotas(cores=settings.core_quota, pools=settings.pool_quota, jobs=settings.job_quota)
    missing = shortages(quotas, nodes=settings.max_nodes, cores=cores)
    if missing:
        todo = "Ask Azure for a higher quota of the Batch account or lower maxDedicatedNodes; then deploy again."
        return Finding(name="quota", message=f"At the last deployment: {' '.join(missing)}", what_to_do=todo)
    message = f"The quota at the last deployment, {settings.core_quota} cores, allows {settings.max_nodes} nodes."
    return Finding(name="quota", message=message)


async def _check_package(url: str, services: Services, where: str) -> list[Finding]:
    settings = services.settings
    name, wanted = f"package{where}", f"{settings.package_id} {settings.package_version}"
    upload = "Upload the converter's package (infra/deploy.sh does), or correct GIFDROP_PACKAGE_VERSION."
    try:
        versions = await services.pool.package_versions(url, settings.package_id)
    except ServiceError as error:
        return [finding_of(name, error, role=ROLE, missing=upload)]
    if settings.package_version not in versions:
        return [Finding(name=name, message=f"The package {wanted} does not exist.", what_to_do=upload)]
    return [Finding(name=name, message=f"The package {wanted} exists.")]


async def _check_jobs(url: str, services: Services, where: str) -> list[Finding]:
    name = f"jobs{where}"
    try:
        count = await services.jobs.count_active(url)
    except ServiceError as error:
        return [finding_of(name, error, role=ROLE)]
    message = f"{count} active job{'' if count == 1 else 's'} in the account."
    home = url == services.settings.batch_url
    quota = (services.settings.job_quota if home else None) or MIN_JOB_QUOTA
    if count < quota * WARN_JOBS_FRACTION:
        return [Finding(name=name, message=message)]
    todo = "Terminate jobs that are no longer needed, or ask Azure for a higher quota of active jobs."
    return [Finding(name=name, message=message, what_to_do=todo)]


async def _check_nodes(reader: PoolReader) -> Finding:
    """Nodes that will never run a task."""
    pool = await reader.current()
    failures = pool["start_task_failures"]
    if failures:
        todo = "Read the start task's log on the node, correct the start task, and reboot or remove the node."
        return Finding(name="machines", message=f"{failures[0]['message']}.", what_to_do=todo)
    states = pool["node_states"]
    bad = sum(states.get(state, 0) for state in ("unusable", "offline", "unknown"))
    if bad:
        message = f"{bad} of the pool's machines cannot be used."
        return Finding(name="machines", message=message, what_to_do="Reboot them, or remove them from the pool.")
    return Finding(name="machines", message=" ".join(pool["notes"]))
