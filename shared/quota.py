"""Whether the quotas of a Batch account allow the nodes that the pool's formula may ask for."""

import re
from dataclasses import dataclass

POOLS = 2
"""The pool, and its successor while it is rotated."""
JOBS = 2
"""Today's, and the one before until it is drained."""
MIN_NAMED_VERSION = 3
"""From this version on, the names of VM sizes have the number of cores without exception."""


@dataclass(frozen=True, kw_only=True)
class Quotas:
    """What an account may have; `None` where it is not known or not limited."""

    cores: int | None = None
    """Dedicated cores of all families."""
    family_cores: int | None = None
    """Dedicated cores of the nodes' VM family."""
    pools: int | None = None
    jobs: int | None = None
    """Active jobs and job schedules."""


def cores_of(vm_size: str) -> int | None:
    """Cores of a VM size by its name, `None` if the name need not have them (`Standard_DS3_v2` has four)."""
    found = re.fullmatch(r"standard_[a-z]+([0-9]+)[a-z0-9-]*(?:_[a-z0-9]+)*_v([0-9]+)", vm_size, re.IGNORECASE)
    return int(found[1]) if found and int(found[2]) >= MIN_NAMED_VERSION else None


def shortages(quotas: Quotas, *, nodes: int, cores: int) -> list[str]:
    """What the quotas do not allow, in sentences, for so many dedicated nodes with so many cores each."""
    limits = {"dedicated cores of the VM family": quotas.family_cores, "dedicated cores": quotas.cores}
    found = [
        f"The autoscale formula may ask for {nodes} nodes with {cores} cores each, {nodes * cores} cores; the quota of "
        f"{name} is {limit}, enough for {limit // cores}."
        for name, limit in limits.items()
        if limit is not None and limit < nodes * cores
    ]
    if quotas.pools is not None and quotas.pools < POOLS:
        found.append(f"The quota of pools is {quotas.pools}; rotating the pool needs {POOLS}.")
    if quotas.jobs is not None and quotas.jobs < JOBS:
        found.append(f"The quota of active jobs is {quotas.jobs}; gifdrop needs {JOBS}, one a day until it is drained.")
    return found
