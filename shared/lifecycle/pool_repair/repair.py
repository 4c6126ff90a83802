"""Looks at each pool, decides, notes what it will do, and does it."""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import asdict, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from shared.lifecycle.pool_repair.decision import INTERVALS_UNTIL_STUCK, Limits, Plan, Situation, decide
from shared.lifecycle.pool_repair.journal import load_journal, save_journal
from shared.lifecycle.scaling.hint import held_until, with_hold
from shared.lifecycle.scaling.scale import open_tasks
from shared.services.errors import ConflictError, ServiceError
from shared.timestamps import utc_now

if TYPE_CHECKING:
    from shared.lifecycle.pool_repair.decision import Repair
    from shared.lifecycle.pool_repair.journal import Journal
    from shared.services.batch.pool import PoolState
    from shared.services.services import Services

log = logging.getLogger(__name__)

REPAIR_TIMEOUT_SECONDS = 60.0


async def repair_pools(services: Services) -> None:
    """Repair the pool of each account, for `REPAIR_TIMEOUT_SECONDS` at most. A failure is logged and ignored."""
    if services.settings.repair == "off":
        return
    try:
        async with asyncio.timeout(REPAIR_TIMEOUT_SECONDS):
            await _repair_pools(services)
    except ConflictError:
        log.info("another process repairs the pools")
    except (ServiceError, TimeoutError) as error:
        log.warning("the pools are left to the next repair: %s", error or "no response in time")
    except Exception:  # a fault of the repair must not keep conversions from being reconciled
        log.exception("the pools are not repaired")


async def _repair_pools(services: Services) -> None:
    journal = await load_journal(services)
    findings: list[str] = []
    for url in services.settings.batch_urls:
        try:
            state, plan = await _plan(url, journal, services)
        except ServiceError as error:
            log.warning("the pool at %s cannot be looked at: %s", url, error)
            continue
        findings += plan.findings
        if plan.repairs:
            # Before they are done: after a crash they count as done, rather than being done again and again.
            journal = replace(journal, repairs=(*journal.repairs, *plan.repairs))
            journal = await save_journal(journal, services)
        journal = await _carry_out(plan.repairs, journal, services)
        await _hold(url, state, services, hold=plan.hold)
    if tuple(findings) != journal.findings:
        journal = await save_journal(replace(journal, findings=tuple(findings)), services)


async def _plan(url: str, journal: Journal, services: Services) -> tuple[PoolState, Plan]:
    settings = services.settings
    state, nodes, tasks = await asyncio.gather(
        services.pool.state(url), services.nodes.list(url), open_tasks(url, services)
    )
    if state.state != "active":
        return state, Plan()
    situation = Situation(
        account=url,
        now=utc_now(),
        nodes=nodes,
        resizing_since=None if state.steady else state.allocation_changed_at,
        waiting=tasks.waiting,
        waiting_slots=tasks.waiting_slots,
        slots_per_node=state.task_slots_per_node or 1,
    )
    limits = Limits(repair_after=timedelta(seconds=settings.repair_seconds), repairs_per_hour=settings.repairs_per_hour)
    return state, decide(situation, journal.repairs, limits)


async def _carry_out(repairs: tuple[Repair, ...], journal: Journal, services: Services) -> Journal:
    """Do what was noted. What Batch refuses is noted, too: the next repair of the node is then the next step."""
    refusals: dict[Repair, Repair] = {}
    for repair in repairs:
        done = repair
        try:
            await _do(repair, services)
        except ServiceError as error:
            refusals[repair] = done = replace(repair, refused=f"{error.code} {error}".strip())
        log.info("repair %s", json.dumps(asdict(done) | {"at": repair.at.isoformat()}))
    if not refusals:
        return journal
    noted = tuple(refusals.get(repair, repair) for repair in journal.repairs)
    return await save_journal(replace(journal, repairs=noted), services)


async def _do(repair: Repair, services: Services) -> None:
    match repair.step:
        case "reboot":
            await services.nodes.reboot(repair.account, repair.node)
        case "reimage":
            await services.nodes.reimage(repair.account, repair.node)
        case "remove":
            await services.nodes.remove(repair.account, repair.node)
        case "stop resize":
            await services.nodes.stop_resize(repair.account)


async def _hold(url: str, state: PoolState, services: Services, *, hold: bool | None) -> None:
    """Begin, prolong or end the hold of a pool. It is part of the formula's text, and ends by itself."""
    now, pause = utc_now(), timedelta(seconds=INTERVALS_UNTIL_STUCK * services.settings.repair_seconds)
    until = held_until(state.formula)
    if hold is None or until is None or not state.steady:
        return
    if until > now + pause / 2 if hold else until <= now:
        return
    text = with_hold(state.formula, now + pause * 2 if hold else now)
    if text is None or not services.autoscale.reserve(url):
        return
    try:
        accepted = await services.autoscale.enable(url, text, interval=state.autoscale_interval)
    except ServiceError as error:
        log.warning("the hold of the pool at %s cannot be changed: %s", url, error)
        return
    log.info("hold %s", json.dumps({"account": url, "hold": hold, "accepted": accepted}))
