"""gifdrop's own way to scale: infra/autoscale.txt, and the app's requests to evaluate it now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.autoscale.policy import Hint, Policy, State
from infra.autoscale import TASKS_PER_SLOT, formula, with_hint

if TYPE_CHECKING:
    from collections.abc import Callable


def asks(cap: int, tasks_per_node: int) -> Callable[[State], Hint | None]:
    """When the app has the formula evaluated: too few nodes are coming, or the pool has become idle."""

    def hint(state: State) -> Hint | None:
        if state.target < min(cap, -(-state.open // tasks_per_node)):
            return Hint(state.open)
        if state.target and state.idle_since is not None and state.hinted_at <= state.idle_since:
            return Hint(0)
        return None

    return hint


def gifdrop(cap: int, slots: int, *, spot: int = 0, tasks_per_slot: int = TASKS_PER_SLOT) -> Policy:
    """The formula with the app's requests; `cap` counts dedicated nodes, `spot` is the maximum of the others."""
    text = formula(max_dedicated=cap, max_low_priority=spot, min_nodes=0, tasks_per_slot=tasks_per_slot)
    hint = asks(cap + spot, slots * tasks_per_slot)
    return Policy(name="gifdrop", source="infra/autoscale.txt", formula=text, hint=hint, hinted=with_hint)


def formula_only(cap: int) -> Policy:
    """The formula on Batch's schedule, as if the app had no right to change the pool."""
    text = formula(max_dedicated=cap, max_low_priority=0, min_nodes=0)
    return Policy(name="gifdrop, formula only", source="infra/autoscale.txt", formula=text)
