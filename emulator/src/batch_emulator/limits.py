"""The quotas of the account."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from batch_emulator.options import Options


@dataclass(slots=True)
class Limits:
    """The quotas in force."""

    active_jobs: int
    pools: int
    nodes: int

    @classmethod
    def from_options(cls, options: Options) -> Limits:
        """The quotas that the emulator was started with."""
        return cls(options.max_active_jobs, options.max_pools, options.max_nodes)
