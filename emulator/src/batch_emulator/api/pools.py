"""Operations on pools."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from batch_emulator.errors import BatchError
from batch_emulator.pool import autoscale as pool_autoscale
from batch_emulator.pool import creation as pool_creation
from batch_emulator.pool import lifecycle as pool_lifecycle
from batch_emulator.pool import resize as pool_resize
from batch_emulator.schema import pools as bodies
from batch_emulator.wire import listing
from batch_emulator.wire.call import empty_response, entity_response, json_response

if TYPE_CHECKING:
    from aiohttp import web

    from batch_emulator.entity import Doc
    from batch_emulator.pool.model import Pool
    from batch_emulator.wire.call import Call

_RESPONSE_PROPERTIES = [
    "url",
    "eTag",
    "lastModified",
    "creationTime",
    "state",
    "stateTransitionTime",
    "allocationState",
    "allocationStateTransitionTime",
    "currentDedicatedNodes",
    "currentLowPriorityNodes",
    "currentNodeCommunicationMode",
    "resizeErrors",
    "autoScaleRun",
    "identity",
    "stats",
]
POOLS = listing.kind(
    "pools",
    [*bodies.create.properties, *_RESPONSE_PROPERTIES],
    "id displayName state stateTransitionTime creationTime lastModified allocationState vmSize enableAutoScale",
)
_NODE_STATES = [
    "creating",
    "idle",
    "offline",
    "preempted",
    "rebooting",
    "reimaging",
    "running",
    "starting",
    "startTaskFailed",
    "leavingPool",
    "unknown",
    "unusable",
    "waitingForStartTask",
    "deallocated",
    "deallocating",
    "upgradingOS",
]
COUNTS = listing.kind("poolnodecounts", [], "poolId", max_items=10)


async def create_pool(call: Call) -> web.Response:
    pool = pool_creation.create(call.account, await call.body(bodies.create))
    return _with_warning(empty_response(201, pool, location=pool.doc["url"]), pool)


async def list_pools(call: Call) -> web.Response:
    return listing.page(call, POOLS, ((pool.seq, pool.doc) for pool in call.account.pools.values()))


async def get_pool(call: Call) -> web.Response:
    pool = call.pool()
    doc = listing.project(pool.doc, listing.selected(call, POOLS))
    return _with_warning(entity_response(call, pool, "pools", doc), pool)


def _with_warning(response: web.Response, pool: Pool) -> web.Response:
    if pool.warning is not None:
        response.headers["Warning"] = f'299 batch-emulator "{pool.warning}"'
    return response


async def pool_exists(call: Call) -> web.Response:
    return empty_response(200, call.pool())


async def delete_pool(call: Call) -> web.Response:
    pool = call.pool()
    pool_lifecycle.check_changeable(pool)
    pool_lifecycle.start_delete(pool)
    return empty_response(202)


async def update_pool(call: Call) -> web.Response:
    pool = call.pool()
    pool_lifecycle.check_changeable(pool)
    _change(pool, await call.body(bodies.update))
    pool.touch()
    return empty_response(200, pool)


async def replace_pool_properties(call: Call) -> web.Response:
    pool = call.pool()
    pool_lifecycle.check_changeable(pool)
    changes = await call.body(bodies.replace)
    for name in ("startTask", "applicationPackageReferences", "metadata"):
        pool.doc.pop(name, None)
    _change(pool, changes)
    pool.touch()
    return empty_response(204, pool)


def _change(pool: Pool, changes: Doc) -> None:
    if "startTask" in changes:
        changes["startTask"] = pool_creation.start_task(changes["startTask"])
    pool.doc |= changes


async def resize_pool(call: Call) -> web.Response:
    pool = call.pool()
    pool_lifecycle.check_changeable(pool)
    change = await call.body(bodies.resize)
    if pool.doc["enableAutoScale"]:
        raise BatchError("OperationInvalidForCurrentState", "Automatic scaling is enabled on the pool.")
    if pool.doc["allocationState"] != "steady":
        raise BatchError("PoolBeingResized", "The pool is being resized.")
    if "targetDedicatedNodes" not in change and "targetLowPriorityNodes" not in change:
        raise BatchError("MissingRequiredProperty", PropertyName="targetDedicatedNodes")
    pool_resize.resize(
        pool,
        dedicated=change.get("targetDedicatedNodes"),
        low_priority=change.get("targetLowPriorityNodes"),
        option=change.get("nodeDeallocationOption", "requeue"),
        timeout=change.get("resizeTimeout"),
    )
    return empty_response(202, pool)


async def stop_pool_resize(call: Call) -> web.Response:
    pool = call.pool()
    pool_lifecycle.check_changeable(pool)
    pool_resize.stop(pool)
    return empty_response(202, pool)


async def enable_pool_auto_scale(call: Call) -> web.Response:
    pool = call.pool()
    pool_lifecycle.check_changeable(pool)
    change = await call.body(bodies.enable_autoscale)
    pool_autoscale.enable(pool, change.get("autoScaleFormula"), change.get("autoScaleEvaluationInterval"))
    return empty_response(200, pool)


async def disable_pool_auto_scale(call: Call) -> web.Response:
    pool = call.pool()
    pool_lifecycle.check_changeable(pool)
    pool_autoscale.disable(pool)
    return empty_response(200, pool)


async def evaluate_pool_auto_scale(call: Call) -> web.Response:
    pool = call.pool()
    formula = (await call.body(bodies.evaluate_autoscale))["autoScaleFormula"]
    if not pool.doc["enableAutoScale"]:
        raise BatchError("OperationInvalidForCurrentState", "Automatic scaling is not enabled on the pool.")
    run, _ = pool_autoscale.evaluate_only(pool, formula)
    head = {"odata.metadata": f"{call.base}/$metadata#Microsoft.Azure.Batch.Protocol.Entities.AutoScaleRun"}
    return json_response(head | run)


async def remove_nodes(call: Call) -> web.Response:
    pool = call.pool()
    pool_lifecycle.check_changeable(pool)
    change = await call.body(bodies.remove_nodes)
    if pool.doc["allocationState"] != "steady":
        raise BatchError("PoolBeingResized", "The pool is being resized.")
    chosen = [call.account.node(pool.id, name) for name in change["nodeList"]]
    pool_resize.remove_nodes(pool, chosen, change.get("nodeDeallocationOption", "requeue"))
    return empty_response(202, pool)


async def list_pool_node_counts(call: Call) -> web.Response:
    return listing.page(call, COUNTS, ((pool.seq, _node_counts(pool)) for pool in call.account.pools.values()))


def _node_counts(pool: Pool) -> Doc:
    counts: Doc = {"poolId": pool.id}
    for name, dedicated in (("dedicated", True), ("lowPriority", False)):
        states = Counter(node.state for node in pool.nodes.values() if node.dedicated == dedicated)
        counts[name] = {state: states[state.lower()] for state in _NODE_STATES} | {"total": states.total()}
    return counts
