"""The Azure resources that Bicep creates in the cloud, for the local stack: identities, containers, the pool."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from infra.autoscale import formula
from local.identity.managed_identity import Identity

POOL = "gifdrop"
CONTAINERS = {
    "GIFDROP_INPUT_CONTAINER": "videos",
    "GIFDROP_OUTPUT_CONTAINER": "gifs",
    "GIFDROP_STAGING_CONTAINER": "staging",
    "GIFDROP_RECORDS_CONTAINER": "conversions",
    "GIFDROP_LOGS_CONTAINER": "logs",
    "GIFDROP_DEADLETTER_CONTAINER": "deadletters",
}
"""App setting -> container name."""
TABLES = {"GIFDROP_INDEX_TABLE": "conversions"}
"""App setting -> table name."""


@dataclass(frozen=True, kw_only=True)
class EventSubscription:
    """A subscription of a function to the blobs created in a container.

    container: The app setting that names the container.
    """

    name: str
    function: str
    container: str
    subject_ends_with: str = ""


EVENT_SUBSCRIPTIONS = (
    EventSubscription(name="on-video-uploaded", function="on_video_uploaded", container="GIFDROP_INPUT_CONTAINER"),
    EventSubscription(
        name="on-result-uploaded",
        function="on_result_uploaded",
        container="GIFDROP_STAGING_CONTAINER",
        subject_ends_with="/result.json",
    ),
)
_GROUP = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/local"
_IDENTITY = f"{_GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities"


def _identity(name: str, number: int) -> Identity:
    return Identity(
        client_id=f"00000000-0000-0000-0000-0000000000{number:02x}",
        principal_id=f"00000000-0000-0000-0000-1000000000{number:02x}",
        resource_id=f"{_IDENTITY}/{name}" if name else "",
    )


SYSTEM_IDENTITY = _identity("", 1)
APP_IDENTITY = _identity("gifdrop-app", 2)
POOL_IDENTITY = _identity("gifdrop-pool", 3)
EVENTS_IDENTITY = _identity("gifdrop-events", 4)
IDENTITIES = (SYSTEM_IDENTITY, APP_IDENTITY, POOL_IDENTITY, EVENTS_IDENTITY)


def pool_definition() -> dict[str, Any]:
    """The pool as Batch's data plane returns it, with the identity that only Azure Resource Manager can assign."""
    return {
        "id": POOL,
        "vmSize": "standard_d2s_v5",
        "virtualMachineConfiguration": {
            "imageReference": {
                "publisher": "canonical",
                "offer": "ubuntu-24_04-lts",
                "sku": "server",
                "version": "latest",
            },
            "nodeAgentSKUId": "batch.node.ubuntu 24.04",
        },
        # The converter uses two threads.
        "taskSlotsPerNode": max(2, (os.cpu_count() or 2) // 2),
        "taskSchedulingPolicy": {"nodeFillType": "pack"},
        "enableAutoScale": True,
        "autoScaleFormula": formula(max_dedicated=1, max_low_priority=0, min_nodes=1),
        "autoScaleEvaluationInterval": "PT5M",
        "identity": {
            "type": "UserAssigned",
            "userAssignedIdentities": [
                {"resourceId": POOL_IDENTITY.resource_id, "clientId": POOL_IDENTITY.client_id},
            ],
        },
    }
