"""The actions that can be due at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from batch_emulator.job import lifecycle as job_lifecycle
from batch_emulator.pool import node_faults

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from batch_emulator.account import Account
    from batch_emulator.due_times import Action

ACTIONS: Mapping[Action, Callable[[Account, str], None]] = {
    "restore node": node_faults.restore,
    "replace node": node_faults.replace,
    "release deletion": job_lifecycle.release_held_deletion,
}
