"""Lets the pools that a deployment replaced shrink to nothing: python -m infra.old_pools GROUP POOL

POOL is the pool of the deployment. Others of gifdrop in the group's Batch accounts keep their formula, with a minimum
of 0 nodes: they finish their tasks, and a day's job that runs on one still gets nodes. Standard library only.
"""

import json
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from infra.az import AzError, az

API_VERSION = "2024-07-01"
PREFIX = "gifdrop-"
FLOOR = re.compile(r"^(minNodes = )(\d+)(;)$", re.MULTILINE)
"""The line of infra/autoscale.txt that keeps nodes while idle."""


def without_floor(pool: Mapping[str, Any], current: str) -> dict[str, Any] | None:
    """The scale settings of a replaced pool with a minimum of 0 nodes, None if the pool needs no change."""
    scale = pool["properties"].get("scaleSettings", {}).get("autoScale")
    if pool["name"] == current or not pool["name"].startswith(PREFIX) or not scale:
        return None
    formula = FLOOR.sub(r"\g<1>0\g<3>", scale["formula"])
    return None if formula == scale["formula"] else {"autoScale": {**scale, "formula": formula}}


def main(arguments: Sequence[str]) -> int:
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    group, current = arguments
    try:
        remove_floors(group, current)
    except AzError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def remove_floors(group: str, current: str) -> None:
    """Set the minimum of every replaced pool to 0 nodes. Raises AzError."""
    for account in az("batch", "account", "list", "--resource-group", group):
        place = f"{account['id']}/pools"
        pools = az("rest", "--method", "get", "--url", f"{place}?api-version={API_VERSION}")["value"]
        if current not in {pool["name"] for pool in pools}:
            continue  # an account that is not part of this deployment: its pools may be in use
        for pool in pools:
            scale = without_floor(pool, current)
            if scale is None:
                continue
            body = json.dumps({"properties": {"scaleSettings": scale}})
            url = f"{place}/{pool['name']}?api-version={API_VERSION}"
            az("rest", "--method", "patch", "--url", url, "--body", body)
            print(f"Pool {pool['name']} in {account['name']} is replaced by {current}: it now shrinks to 0 nodes.")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
