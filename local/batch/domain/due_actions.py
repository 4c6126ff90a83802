"""The actions that can be due at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.batch.domain import job_lifecycle, node_faults

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from local.batch.domain.due_times import Action
    from local.batch.domain.model import Account

ACTIONS: Mapping[Action, Callable[[Account, str], None]] = {
    "restore node": node_faults.restore,
    "replace node": node_faults.replace,
    "release deletion": job_lifecycle.release_held_deletion,
}
