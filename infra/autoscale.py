"""The pool's autoscale formula, filled in for the local stack, the tests and the simulation as Bicep does for Azure."""

from pathlib import Path

TEMPLATE = Path(__file__).with_name("autoscale.txt")
TASKS_PER_SLOT = 4


def formula(*, max_dedicated: int, max_low_priority: int, min_nodes: int, tasks_per_slot: int = TASKS_PER_SLOT) -> str:
    """The formula with its caps and floor in nodes and the queue that one task slot gets before a node is added.

    Raises ValueError for a negative number, an empty queue, no node at all, or a floor above both caps together.
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
