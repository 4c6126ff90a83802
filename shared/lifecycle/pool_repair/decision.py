"""What to repair, given the nodes, their ages and past repairs: pure functions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from shared.services.batch.nodes import Node

NodeStep = Literal["reboot", "reimage", "remove"]
Step = NodeStep | Literal["stop resize"]
NODE_STEPS: tuple[NodeStep, ...] = get_args(NodeStep)
"""What is done to a node that stays unusable, one after the other."""

BROKEN_STATES = {"unusable", "starttaskfailed", "offline", "unknown"}
WORKING_STATES = {"idle", "running"}
COMING_STATES = {"creating", "starting", "waitingforstarttask", "rebooting", "reimaging"}
HOUR = timedelta(hours=1)
MEMORY = timedelta(hours=6)
"""How long a repair of a node counts as one that did not help."""
INTERVALS_UNTIL_STUCK = 3
"""Times `repair_seconds` after which a resize without any node is stopped, and a node is tried while all fail alike."""


@dataclass(frozen=True, kw_only=True)
class Repair:
    """Something that was done, or tried, to a pool."""

    at: datetime
    account: str
    step: Step
    node: str = ""
    """Empty for the pool itself."""
    reason: str = ""
    refused: str = ""
    """Why Batch did not do it, empty if it did."""


@dataclass(frozen=True, kw_only=True)
class Situation:
    """A pool as it is now."""

    account: str
    now: datetime
    nodes: Sequence[Node]
    resizing_since: datetime | None = None
    """When the present resize began; `None` in a steady pool."""
    waiting: int = 0
    """Tasks that wait for a node."""
    waiting_slots: int = 0
    """Task slots that they need."""
    slots_per_node: int = 1


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How soon and how often nodes are repaired."""

    repair_after: timedelta
    repairs_per_hour: int


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to do, and what an operator should know."""

    repairs: tuple[Repair, ...] = ()
    hold: bool | None = None
    """The breaker. True: all nodes fail alike, and the pool should keep one. False: a node works. `None`: unknown."""
    findings: tuple[str, ...] = ()


def decide(pool: Situation, past: Sequence[Repair], limits: Limits) -> Plan:
    """The repairs that are due now, at most `repairs_per_hour` with those of the last hour."""
    past = [repair for repair in past if repair.account == pool.account]
    recent = [repair for repair in past if pool.now - repair.at < HOUR]
    budget = limits.repairs_per_hour - len(recent)
    broken = sorted(
        (node for node in pool.nodes if node.state in BROKEN_STATES and pool.now - node.since >= limits.repair_after),
        key=lambda node: node.since,
    )
    findings = list(_scheduling(pool))
    if _resize_is_stuck(pool, limits):
        findings.append("The pool is being resized for long, and has no node that runs tasks.")
        if not _tried_lately("", past, pool.now, limits) and budget > 0:
            stop = Repair(at=pool.now, account=pool.account, step="stop resize", reason="no node for long")
            return Plan(repairs=(stop,), findings=tuple(findings))
    works = any(node.state in WORKING_STATES for node in pool.nodes)
    hold = not works and _all_fail_alike(broken, recent)
    if hold:
        findings.append(
            f"All nodes fail alike ({_problem(broken[0])}): the pool is held at one node, which is tried every"
            f" {INTERVALS_UNTIL_STUCK * limits.repair_after.total_seconds() / 60:.0f} minutes."
        )
        broken = broken[:1] if _may_probe(broken[0], past, pool.now, limits) else []
    due = [_next_repair(node, pool, past) for node in broken if not _tried_lately(node.id, past, pool.now, limits)]
    # Batch removes nodes from a steady pool only.
    due = [repair for repair in due if repair.step != "remove" or pool.resizing_since is None]
    left = max(0, budget)
    if len(due) > left:
        findings.append(f"Nodes that need a repair: {len(due)}. Left of {limits.repairs_per_hour} an hour: {left}.")
    return Plan(repairs=tuple(due[:left]), hold=hold or (False if works else None), findings=tuple(findings))


def _all_fail_alike(broken: Sequence[Node], recent: Sequence[Repair]) -> bool:
    """Whether, while no node works, repairing one after the other makes no sense.

    Several have the same problem, or none of several repairs has led to a node that works.
    """
    if not broken:
        return False
    alike = len({_problem(node) for node in broken}) == 1
    return (alike and len(broken) > 1) or len([each for each in recent if each.node]) >= len(NODE_STEPS)


def _may_probe(node: Node, past: Sequence[Repair], now: datetime, limits: Limits) -> bool:
    pause = INTERVALS_UNTIL_STUCK * limits.repair_after
    return now - node.since >= pause and all(now - repair.at >= pause for repair in past if repair.node)


def _tried_lately(node_id: str, past: Sequence[Repair], now: datetime, limits: Limits) -> bool:
    return any(repair.node == node_id and now - repair.at < limits.repair_after for repair in past)


def _next_repair(node: Node, pool: Situation, past: Sequence[Repair]) -> Repair:
    tried = [repair for repair in past if repair.node == node.id and pool.now - repair.at < MEMORY]
    step = NODE_STEPS[min(len(tried), len(NODE_STEPS) - 1)]
    return Repair(at=pool.now, account=pool.account, step=step, node=node.id, reason=_problem(node))


def _resize_is_stuck(pool: Situation, limits: Limits) -> bool:
    """Whether tasks wait for a resize that has gone on for long and brings no node.

    A resize may also wait for tasks that end on nodes to be removed: those nodes are running.
    """
    if pool.resizing_since is None or not pool.waiting:
        return False
    some = WORKING_STATES | COMING_STATES
    stuck = not any(node.state in some for node in pool.nodes)
    return stuck and pool.now - pool.resizing_since >= INTERVALS_UNTIL_STUCK * limits.repair_after


def _scheduling(pool: Situation) -> Sequence[str]:
    """Why nothing is scheduled although tasks wait and nodes are idle."""
    idle = [node for node in pool.nodes if node.state == "idle"]
    if not pool.waiting or not idle:
        return ()
    if not any(node.schedulable for node in pool.nodes if node.state in WORKING_STATES):
        return ("Tasks wait, and scheduling is disabled on every node. Enable it: az batch node scheduling enable.",)
    if pool.waiting_slots > pool.waiting * pool.slots_per_node:
        return (f"Tasks wait that need more than the {pool.slots_per_node} task slots of a node: none can run.",)
    return ()


def _problem(node: Node) -> str:
    return f"{node.state} {node.problem}".strip()
