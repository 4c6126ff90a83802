"""What is wrong with a deployed resource group, judged from what Azure says about it. Reads nothing itself.

What GET health can see, too, is judged by the same code, so both say the same.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from shared.api.health.batch import check_autoscale, check_size
from shared.api.health.finding import Finding
from shared.conversion import Problem
from shared.services.batch.pool import DEFAULT_AUTOSCALE_INTERVAL, AutoscaleRun, NodeCounts, PoolState

MAIN = Path(__file__).with_name("main.bicep")
FUNCTIONS = ("on_video_uploaded", "on_result_uploaded", "complete_conversions", "reconcile_conversions")
SUBSCRIPTIONS = {"on-video-uploaded": "on_video_uploaded", "on-result-uploaded": "on_result_uploaded"}
TIMERS = ("complete_conversions", "reconcile_conversions")
MAX_SILENCE = timedelta(minutes=20)
"""Time without a reconciliation after which its schedule counts as stopped; it runs every five minutes."""
MAX_RESIZE = timedelta(minutes=45)
"""Time after which a pool that still changes its size counts as stuck."""
RUN_INFRA = "Run 'infra/deploy.sh -g GROUP infra'."


@dataclass(frozen=True)
class Grant:
    """A role that the templates give."""

    principal: str
    """app, pool, batch or topic."""
    role: str
    account: str
    """data, host or packages: a storage account; batch: the Batch account."""
    container: str = ""
    """Empty: the whole account."""


def expected_grants(text: str) -> list[Grant]:
    """The grants of access.bicep, but for those that depend on parameters: the operator's end by themselves."""
    declared = re.search(r"^var containers = \{$(.*?)^\}$", MAIN.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    containers = dict(re.findall(r"(\w+): '([^']+)'", declared[1])) if declared else {}
    found = [Grant("app", "Azure Batch Job Submitter", "batch")]
    for module in re.finditer(r"^module \w+ 'grants\.bicep' = \{$(.*?)^\}$", text, re.MULTILINE | re.DOTALL):
        account = re.search(r"account: (\w+)Account", module[1])
        grants = re.findall(
            r"principal: (\w+)PrincipalId\s+role: '([^']+)'\s+container: (?:''|containers\.(\w+))", module[1]
        )
        if account:
            found += [
                Grant(who, role, account[1], containers.get(container, container)) for who, role, container in grants
            ]
    return found


def check_roles(
    expected: Iterable[Grant],
    assignments: Sequence[Mapping[str, Any]],
    principals: Mapping[str, str],
    accounts: Mapping[str, str],
) -> list[Finding]:
    """Which of the expected roles are missing.

    principals: Object id of app, pool, batch and topic.
    accounts: Name of the data, host, packages and batch account.
    """
    held = {
        # Custom roles have the deployment's name in parentheses.
        (item["principalId"], re.sub(r" \([^)]*\)$", "", item["roleDefinitionName"] or ""), item["scope"].lower())
        for item in assignments
    }
    missing = []
    for grant in expected:
        name = accounts[grant.account]
        where, end = f"the account {name}", f"accounts/{name}".lower()
        if grant.container:
            where, end = f"the container {grant.container}", f"{end}/blobservices/default/containers/{grant.container}"
        found = any(
            who == principals.get(grant.principal) and role == grant.role and scope.endswith(end)
            for who, role, scope in held
        )
        if not found:
            message = f"The identity of the {grant.principal} lacks the role {grant.role!r} on {where}."
            missing.append(Finding(name="roles", message=message, what_to_do=RUN_INFRA))
    return missing or [Finding(name="roles", message="All roles on storage and Batch are assigned.")]


def check_functions(functions: Sequence[Mapping[str, Any]], settings: Mapping[str, str]) -> list[Finding]:
    """Whether the app has its functions, and none is disabled."""
    names = {item["name"].rpartition("/")[2]: item for item in functions}
    found = []
    missing = [name for name in FUNCTIONS if name not in names]
    if missing:
        message = f"The app has no function {', '.join(missing)}."
        todo = (
            "Run 'infra/deploy.sh -g GROUP publish events'; if they stay missing, read the app's log: it cannot start."
        )
        found.append(Finding(name="functions", message=message, what_to_do=todo))
    for name in FUNCTIONS:
        off = settings.get(f"AzureWebJobs.{name}.Disabled", "").lower() in ("true", "1")
        if off or (names.get(name) or {}).get("isDisabled"):
            what = "Its schedule is stopped." if name in TIMERS else "Its events are not handled."
            todo = f"Enable it: remove the app setting AzureWebJobs.{name}.Disabled."
            found.append(Finding(name="functions", message=f"The function {name} is disabled. {what}", what_to_do=todo))
    return found or [Finding(name="functions", message="All functions exist and are enabled.")]


def check_app(app: Mapping[str, Any]) -> Finding:
    """Whether the app runs."""
    state = app.get("state")
    if state == "Running" and app.get("enabled", True):
        return Finding(name="app", message="The function app is running.")
    todo = "Start it: az functionapp start --resource-group GROUP --name NAME."
    return Finding(name="app", message=f"The function app is {state}.", what_to_do=todo)


def check_subscriptions(subscriptions: Sequence[Mapping[str, Any]]) -> list[Finding]:
    """Whether both event subscriptions exist and lead to their function."""
    known = {item["name"]: item for item in subscriptions}
    found = []
    for name, function in SUBSCRIPTIONS.items():
        item = known.get(name)
        todo = "Run 'infra/deploy.sh -g GROUP events'."
        if item is None:
            message = f"There is no event subscription {name}: videos wait for the reconciliation."
            found.append(Finding(name="subscriptions", message=message, what_to_do=todo))
            continue
        state = item.get("provisioningState")
        target = str((item.get("destination") or {}).get("resourceId") or "")
        if state != "Succeeded":
            message = f"The event subscription {name} is {state}."
            found.append(Finding(name="subscriptions", message=message, what_to_do=todo))
        elif not target.endswith(f"/functions/{function}"):
            message = f"The event subscription {name} does not lead to {function}, but to {target or 'nothing'}."
            found.append(Finding(name="subscriptions", message=message, what_to_do=todo))
    return found or [Finding(name="subscriptions", message="Both event subscriptions exist.")]


def check_deliveries(metrics: Mapping[str, Any]) -> list[Finding]:
    """Whether Event Grid could deliver during the last hours."""
    totals = {
        item["name"]["value"]: sum(
            point.get("total") or 0 for series in item["timeseries"] for point in series.get("data") or ()
        )
        for item in metrics.get("value") or ()
    }
    found = []
    lost = totals.get("DroppedEventCount", 0)
    dead = totals.get("DeadLetteredCount", 0)
    failed, good = totals.get("DeliveryAttemptFailCount", 0), totals.get("DeliverySuccessCount", 0)
    if lost:
        todo = f"Event Grid lacks its role on the container 'deadletters'. {RUN_INFRA}"
        found.append(Finding(name="delivery", message=f"{lost:.0f} events were dropped.", what_to_do=todo))
    if dead:
        todo = "Read why in the container 'deadletters'. Nothing is lost: the reconciliation submits these videos."
        found.append(Finding(name="delivery", message=f"{dead:.0f} events became dead letters.", what_to_do=todo))
    if failed and failed >= good:
        message = f"Event Grid is not delivering: {failed:.0f} attempts failed, {good:.0f} events arrived."
        todo = "Check that the app runs, then run 'infra/deploy.sh -g GROUP events'."
        found.append(Finding(name="delivery", message=message, what_to_do=todo))
    return found or [Finding(name="delivery", message=f"Event Grid delivered {good:.0f} events.")]


def check_package(state: str | None, version: str) -> Finding:
    """Whether tasks can get the converter's package of the app's settings."""
    upload = "Run 'infra/deploy.sh -g GROUP upload'."
    if state is None:
        return Finding(name="package", message=f"The package gifdrop {version} does not exist.", what_to_do=upload)
    if state.lower() != "active":
        message = f"The package gifdrop {version} is {state.lower()}, not active: its upload did not end."
        return Finding(name="package", message=message, what_to_do=upload)
    return Finding(name="package", message=f"The package gifdrop {version} is active.")


def pool_state(pool: Mapping[str, Any]) -> PoolState:
    """The pool that Azure Resource Manager shows, as Batch shows it."""
    properties = pool["properties"]
    scale = (properties.get("scaleSettings") or {}).get("autoScale")
    run = properties.get("autoScaleRun")
    operation = properties.get("resizeOperationStatus") or {}
    error = (run or {}).get("error")
    return PoolState(
        id=pool["name"],
        state="active" if properties.get("provisioningState") == "Succeeded" else "deleting",
        allocation_state=(properties.get("allocationState") or "").lower() or None,
        nodes=NodeCounts(
            dedicated=properties.get("currentDedicatedNodes") or 0,
            low_priority=properties.get("currentLowPriorityNodes") or 0,
        ),
        targets=NodeCounts(
            dedicated=operation.get("targetDedicatedNodes") or 0,
            low_priority=operation.get("targetLowPriorityNodes") or 0,
        ),
        task_slots_per_node=properties.get("taskSlotsPerNode"),
        autoscale_enabled=scale is not None,
        formula=(scale or {}).get("formula") or "",
        autoscale_interval=duration((scale or {}).get("evaluationInterval")),
        autoscale_run=AutoscaleRun(
            at=datetime.fromisoformat(run["evaluationTime"]),
            results=run.get("results"),
            error=Problem(code=error["code"], message=error["message"]) if error else None,
        )
        if run
        else None,
        resize_errors=tuple(
            Problem(code=item["code"], message=item["message"]) for item in operation.get("errors") or ()
        ),
    )


def duration(text: str | None) -> timedelta:
    """An ISO 8601 duration of hours, minutes and seconds, as an autoscale interval has it."""
    found = re.fullmatch(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?", text or "")
    if not found or not any(found.groups()):
        return DEFAULT_AUTOSCALE_INTERVAL
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)


def check_pools(pools: Sequence[Mapping[str, Any]], wanted: str, now: datetime) -> list[Finding]:
    """Whether the app's pool works, and whether an earlier pool still has nodes."""
    found = []
    pool = next((item for item in pools if item["name"] == wanted), None)
    if pool is None:
        return [Finding(name="pool", message=f"The app's pool {wanted} does not exist.", what_to_do=RUN_INFRA)]
    state = pool_state(pool)
    found.append(Finding(name="pool", message="The pool exists and is active."))
    found += [check_size(state), check_autoscale(state, now)]
    if not state.autoscale_enabled:
        message = f"Autoscale of the pool {wanted} is off: it keeps its size of {state.nodes.total} nodes."
        found.append(Finding(name="pool", message=message, what_to_do=RUN_INFRA))
    started = (pool["properties"].get("resizeOperationStatus") or {}).get("startTime")
    if state.allocation_state == "resizing" and started and now - datetime.fromisoformat(started) > MAX_RESIZE:
        message = f"The pool is stuck: it has been resizing since {started}."
        todo = "az batch pool autoscale disable, az batch pool resize --abort, then run the step 'infra'."
        found.append(Finding(name="pool", message=message, what_to_do=todo))
    for other in pools:
        nodes = pool_state(other).nodes.total
        if other["name"] != wanted and nodes:
            message = f"The earlier pool {other['name']} still has {nodes} nodes."
            todo = "Once its tasks have ended: az batch pool delete --pool-id (docs/operations.md, Rotating the pool)."
            found.append(Finding(name="pool", message=message, what_to_do=todo))
    return found


def check_schedule(last: datetime | None, now: datetime) -> Finding:
    """Whether the reconciliation runs. `last` is when it last logged its result."""
    if last is not None and now - last <= MAX_SILENCE:
        return Finding(name="schedule", message=f"The last reconciliation ended at {last:%Y-%m-%d %H:%M} UTC.")
    since = f"since {last:%Y-%m-%d %H:%M} UTC" if last else "for a day"
    message = f"The schedule has stopped: there was no reconciliation {since}."
    todo = (
        "Read the app's log (Application Insights > Failures): the host may not start. After a deployment, wait ten"
        " minutes. If Log Analytics has reached its daily cap, raise logDailyCapGb."
    )
    return Finding(name="schedule", message=message, what_to_do=todo)
