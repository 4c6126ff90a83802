"""Pools."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from local.batch.domain import pool_life, scaling
from local.batch.errors import BatchError
from local.batch.schema import pools as bodies
from local.batch.wire import listing
from local.batch.wire.call import answer, done, show

if TYPE_CHECKING:
    from aiohttp import web

    from local.batch.wire.call import Call

_ANSWERED = [
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
    "resizeErrors",
    "autoScaleRun",
    "identity",
    "stats",
]
POOLS = listing.kind(
    "pools",
    [*bodies.create.properties, *_ANSWERED],
    "id displayName state stateTransitionTime creationTime lastModified allocationState vmSize enableAutoScale",
)
COUNTS = listing.kind("poolnodecounts", [], "poolId", largest=10)


async def create_pool(call: Call) -> web.Response:
    pool = pool_life.create(call.account, await call.body(bodies.create))
    return done(201, pool, location=pool.doc["url"])


async def list_pools(call: Call) -> web.Response:
    return listing.page(call, POOLS, ((pool.seq, pool.doc) for pool in call.account.pools.values()))


async def get_pool(call: Call) -> web.Response:
    pool = call.pool()
    return show(call, pool, "pools", listing.project(pool.doc, listing.selected(call, POOLS)))


async def pool_exists(call: Call) -> web.Response:
    return done(200, call.pool())


async def delete_pool(call: Call) -> web.Response:
    pool = call.pool()
    pool_life.open_for_changes(pool)
    pool.move_to("deleting")
    call.account.keep(asyncio.create_task(pool_life.delete(pool)))
    return done(202)


async def update_pool(call: Call) -> web.Response:
    pool = call.pool()
    pool_life.open_for_changes(pool)
    pool.doc |= await call.body(bodies.update)
    pool.touch()
    return done(200, pool)


async def replace_pool_properties(call: Call) -> web.Response:
    pool = call.pool()
    pool_life.open_for_changes(pool)
    changes = await call.body(bodies.replace)
    for name in ("startTask", "applicationPackageReferences", "metadata"):
        pool.doc.pop(name, None)
    pool.doc |= changes
    pool.touch()
    return done(204, pool)


async def resize_pool(call: Call) -> web.Response:
    pool = call.pool()
    pool_life.open_for_changes(pool)
    change = await call.body(bodies.resize)
    if pool.doc["enableAutoScale"]:
        raise BatchError("OperationInvalidForCurrentState", "Automatic scaling is enabled on the pool.")
    if pool.doc["allocationState"] != "steady":
        raise BatchError("PoolBeingResized", "The pool is being resized.")
    if "targetDedicatedNodes" not in change and "targetLowPriorityNodes" not in change:
        raise BatchError("MissingRequiredProperty", PropertyName="targetDedicatedNodes")
    pool_life.resize(
        pool,
        dedicated=change.get("targetDedicatedNodes"),
        low_priority=change.get("targetLowPriorityNodes"),
        option=change.get("nodeDeallocationOption", "requeue"),
    )
    return done(202, pool)


async def stop_pool_resize(call: Call) -> web.Response:
    pool = call.pool()
    pool_life.open_for_changes(pool)
    pool_life.stop_resize(pool)
    return done(202, pool)


async def enable_pool_auto_scale(call: Call) -> web.Response:
    pool = call.pool()
    pool_life.open_for_changes(pool)
    change = await call.body(bodies.enable_autoscale)
    scaling.enable(pool, change.get("autoScaleFormula"), change.get("autoScaleEvaluationInterval"))
    return done(200, pool)


async def disable_pool_auto_scale(call: Call) -> web.Response:
    pool = call.pool()
    pool_life.open_for_changes(pool)
    scaling.disable(pool)
    return done(200, pool)


async def evaluate_pool_auto_scale(call: Call) -> web.Response:
    pool = call.pool()
    formula = (await call.body(bodies.evaluate_autoscale))["autoScaleFormula"]
    if not pool.doc["enableAutoScale"]:
        raise BatchError("OperationInvalidForCurrentState", "Automatic scaling is not enabled on the pool.")
    run, _ = scaling.attempt(pool, formula)
    head = {"odata.metadata": f"{call.base}/$metadata#Microsoft.Azure.Batch.Protocol.Entities.AutoScaleRun"}
    return answer(head | run)


async def remove_nodes(call: Call) -> web.Response:
    pool = call.pool()
    pool_life.open_for_changes(pool)
    change = await call.body(bodies.remove_nodes)
    if pool.doc["allocationState"] != "steady":
        raise BatchError("PoolBeingResized", "The pool is being resized.")
    chosen = [call.account.node(pool.id, name) for name in change["nodeList"]]
    pool_life.remove_nodes(pool, chosen, change.get("nodeDeallocationOption", "requeue"))
    return done(202, pool)


async def list_pool_node_counts(call: Call) -> web.Response:
    return listing.page(call, COUNTS, ((pool.seq, pool.node_counts()) for pool in call.account.pools.values()))
