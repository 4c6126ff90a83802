"""The nodes of the pool, and what can be done to one that runs no tasks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from azure.batch.models import BatchNodeRemoveOptions

from shared.services.azure_errors import azure_errors

if TYPE_CHECKING:
    from datetime import datetime

    from azure.batch.models import BatchNode

    from shared.services.batch.accounts import Accounts
    from shared.settings import Settings

MAX_NODES = 500
"""Nodes of a pool that are looked at."""
_SELECT = ["id", "state", "stateTransitionTime", "schedulingState", "startTaskInfo"]
# The SDK does not export the classes of these options, and raises without them.
_REBOOT: Any = {"nodeRebootOption": "requeue"}
_REIMAGE: Any = {"nodeReimageOption": "requeue"}


@dataclass(frozen=True, kw_only=True)
class Node:
    """A node as Batch lists it."""

    id: str
    state: str
    """In lower case."""
    since: datetime
    """When it got into this state."""
    schedulable: bool
    """Whether it accepts tasks; an operator can switch that off."""
    problem: str = ""
    """Why its start task failed: a code that is the same for the same failure on other nodes."""


class Nodes:
    """The nodes of gifdrop's pool in each account. Every method raises `ServiceError`."""

    def __init__(self, accounts: Accounts, settings: Settings) -> None:
        self._accounts = accounts
        self._pool_id = settings.pool_id

    async def list(self, url: str) -> list[Node]:
        """Up to `MAX_NODES` nodes."""
        found: list[Node] = []
        with azure_errors():
            async for node in self._accounts.client(url).list_nodes(self._pool_id, select=_SELECT):
                found.append(_node(node))
                if len(found) == MAX_NODES:
                    break
        return found

    async def reboot(self, url: str, node_id: str) -> None:
        """Begin to restart a node; its start task runs again."""
        with azure_errors():
            await self._accounts.client(url).begin_reboot_node(self._pool_id, node_id, _REBOOT)

    async def reimage(self, url: str, node_id: str) -> None:
        """Begin to install a node's operating system again."""
        with azure_errors():
            await self._accounts.client(url).begin_reimage_node(self._pool_id, node_id, _REIMAGE)

    async def remove(self, url: str, node_id: str) -> None:
        """Begin to remove a node; the formula decides whether another takes its place."""
        options = BatchNodeRemoveOptions(node_ids=[node_id])
        with azure_errors():
            await self._accounts.client(url).begin_remove_nodes(self._pool_id, options)

    async def stop_resize(self, url: str) -> None:
        """Stop a resize; the pool keeps the nodes that it has, and can be resized again."""
        with azure_errors():
            await self._accounts.client(url).begin_stop_pool_resize(self._pool_id)


def _node(node: BatchNode) -> Node:
    info = node.start_task_info
    failure = info.failure_info if info else None
    problem = f"{failure.code or 'StartTaskFailed'} {info.exit_code}" if info and failure else ""
    assert node.state_transition_time is not None  # noqa: S101
    return Node(
        id=node.id or "",
        state=(node.state or "").lower(),
        since=node.state_transition_time,
        schedulable=(node.scheduling_state or "enabled").lower() == "enabled",
        problem=problem,
    )
