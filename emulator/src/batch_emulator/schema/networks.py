"""The network configuration of a pool: stored and returned, but not used."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from batch_emulator.schema.checks import anything, invalid

if TYPE_CHECKING:
    from batch_emulator.entity import Doc

_SUBNET = re.compile(
    r"/subscriptions/(?P<subscription>[^/]+)/resourceGroups/[^/]+"
    r"/providers/Microsoft\.(Classic)?Network/virtualNetworks/[^/]+/subnets/[^/]+",
    re.IGNORECASE,
)
_NO_SUBSCRIPTION = "00000000-0000-0000-0000-000000000000"


def network(given: object, path: str) -> Doc:
    """A network configuration with the defaults that Batch adds."""
    value = anything(given, path)
    if not isinstance(value, dict):
        raise invalid(path, given, "An object is expected")
    subnet = value.get("subnetId")
    match = _SUBNET.fullmatch(str(subnet)) if subnet is not None else None
    if subnet is not None and match is None:
        raise invalid("subnetId", subnet, "The id of a subnet is expected")
    if match is not None and match["subscription"] == _NO_SUBSCRIPTION:
        raise invalid("subnetId", subnet, "The specified subnetId is in a different subscription")
    for nat in value.get("endpointConfiguration", {}).get("inboundNATPools", []):
        for rule in nat.get("networkSecurityGroupRules", []):
            rule.setdefault("sourcePortRanges", ["*"])
    return {"dynamicVNetAssignmentScope": "none", "enableAcceleratedNetworking": False} | value
