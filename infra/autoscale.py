"""Renders the pool's autoscale formula for the local stack, tests and simulation, as Bicep does for Azure."""

import re
from datetime import UTC, datetime
from pathlib import Path

HINT = re.compile(r'^hintTime = time\("[^"]*"\); hintTasks = \d+;$', re.MULTILINE)
"""The line of the formula that the app rewrites."""
TEMPLATE = Path(__file__).with_name("autoscale.txt")
TASKS_PER_SLOT = 4


def formula(*, max_dedicated: int, max_low_priority: int, min_nodes: int, tasks_per_slot: int = TASKS_PER_SLOT) -> str:
    """The formula with its limits in nodes; `tasks_per_slot` is how many tasks may wait per slot before it adds a node.

    Raises ValueError for a negative count, `tasks_per_slot` below 1, no nodes at all, or `min_nodes` above the maximum.
    """
    if min(max_dedicated, max_low_priority, min_nodes) < 0 or tasks_per_slot < 1:
        raise ValueError("node counts are 0 or more, tasks_per_slot is 1 or more")
    if not max_dedicated + max_low_priority >= max(1, min_nodes):
        raise ValueError("max_dedicated and max_low_priority together must be at least 1 and at least min_nodes")
    text = TEMPLATE.read_text(encoding="utf-8")
    for name, value in {
        "maxDedicated": max_dedicated,
        "maxLowPriority": max_low_priority,
        "minNodes": min_nodes,
        "tasksPerSlot": tasks_per_slot,
    }.items():
        text = text.replace(f"{{{{{name}}}}}", str(value))
    return text


def with_hint(text: str, at: datetime, tasks: int) -> str:
    """The formula, knowing that there were `tasks` queued and running tasks `at` a time. Raises ValueError."""
    if tasks < 0:
        raise ValueError("a number of tasks is 0 or more")
    line = f'hintTime = time("{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"); hintTasks = {tasks};'
    hinted, found = HINT.subn(line, text)
    if found != 1:
        raise ValueError("the formula has no line for a hint")
    return hinted
