"""Creates nodes."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from batch_emulator import clock
from batch_emulator.node.model import Node

if TYPE_CHECKING:
    from batch_emulator.entity import Doc
    from batch_emulator.pool.model import Pool

_LATEST = "1.0.0"
_LOGIN_PORT = 50000


def create(pool: Pool, *, dedicated: bool) -> Node:
    """A new node of `pool`, not yet in it."""
    name = f"tvmps_{secrets.token_hex(16)}_{'d' if dedicated else 'p'}"
    stamp = clock.now()
    doc: Doc = {
        "id": name,
        "url": f"{pool.doc['url']}/nodes/{name}",
        "state": "creating",
        "schedulingState": "enabled",
        "stateTransitionTime": stamp,
        "lastBootTime": stamp,
        "allocationTime": stamp,
        "ipAddress": "127.0.0.1",
        "ipv6Address": "::1",
        "affinityId": f"TVM:{name}",
        "vmSize": pool.doc["vmSize"],
        "isDedicated": dedicated,
        "totalTasksRun": 0,
        "totalTasksSucceeded": 0,
        "runningTasksCount": 0,
        "runningTaskSlotsCount": 0,
        "endpointConfiguration": {"inboundEndpoints": _inbound_endpoints(pool)},
        "nodeAgentInfo": {"version": "1.0.0", "lastUpdateTime": stamp},
        "virtualMachineInfo": {"imageReference": _exact(pool.image)},
    }
    if "startTask" in pool.doc:
        doc["startTask"] = pool.doc["startTask"]
    return Node(doc, pool, pool.account.node_root / name, on_change=pool.account.save_node)


def _exact(image: Doc) -> Doc:
    """An image of the marketplace with the version that `latest` stands for."""
    if "version" not in image:
        return image
    return image | {"exactVersion": _LATEST if image["version"].lower() == "latest" else image["version"]}


def _inbound_endpoints(pool: Pool) -> list[Doc]:
    """Endpoints of the next node: one for each inbound NAT pool, and the one for remote login."""
    network = pool.doc.get("networkConfiguration", {}).get("endpointConfiguration", {})
    windows = "windows" in pool.doc.get("virtualMachineConfiguration", {}).get("nodeAgentSKUId", "").lower()
    login = {"name": "SSHRule", "protocol": "tcp", "backendPort": 3389 if windows else 22}
    number = len(pool.nodes)
    return [
        {
            "name": f"{each['name']}.{number}",
            "protocol": each["protocol"].lower(),
            "publicIPAddress": "127.0.0.1",
            "publicFQDN": "localhost",
            "frontendPort": each.get("frontendPortRangeStart", _LOGIN_PORT) + number,
            "backendPort": each["backendPort"],
        }
        for each in [*network.get("inboundNATPools", []), login]
    ]
