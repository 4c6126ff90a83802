"""The pool's state in sentences."""

from typing import Any, cast

import pytest

from shared.api.pool import notes_on, unreadable_pool, waiting_for
from shared.api.schemas import PoolResponse

QUOTA = {"code": "AccountCoreQuotaReached", "message": "The core quota is reached."}
START_TASK = {"code": "StartTaskFailed", "message": "the start task of node-1 ended with exit code 1"}
NONE = {"dedicated": 0, "low_priority": 0}
TWO = {"dedicated": 1, "low_priority": 1}
FIVE = {"dedicated": 1, "low_priority": 4}


def pool(**changes: object) -> PoolResponse:
    """A steady pool with two machines, one of them running, except for these changes."""
    steady = {
        "id": "gifdrop",
        "state": "active",
        "allocation_state": "steady",
        "nodes": TWO,
        "targets": TWO,
        "node_states": {"running": 1, "idle": 1},
        "task_slots_per_node": 1,
        "autoscale": None,
        "resize_errors": [],
        "start_task_failures": [],
        "notes": [],
        "error": None,
        "as_of": "2026-11-21T10:00:00.000Z",
    }
    return cast("PoolResponse", steady | changes)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({}, "its turn on a machine"),
        ({"node_states": {}}, "its turn on a machine"),
        ({"targets": FIVE}, "its turn on a machine; the pool has 2 and is getting 3 more"),
        ({"node_states": {"starting": 2}}, "a machine that is ready; none is at the moment"),
        ({"node_states": {"unusable": 2}, "targets": FIVE}, "a machine that is ready; none is at the moment"),
        ({"nodes": NONE, "node_states": {}}, "a machine; the pool is getting one"),
        ({"nodes": NONE, "targets": NONE, "node_states": {}}, "a machine; the pool adds one when it next scales"),
        (
            {"nodes": NONE, "node_states": {}, "resize_errors": [QUOTA]},
            "more machines, which the pool cannot get: The core quota is reached.",
        ),
    ],
)
def test_waiting_for_names_what_the_pool_lacks(changes: dict[str, Any], sentence: str) -> None:
    assert waiting_for(pool(**changes)) == sentence


def test_waiting_for_an_unreadable_pool_says_why() -> None:
    unreadable = unreadable_pool("gifdrop", "PoolNotFound", "Batch has no pool 'gifdrop'.")
    assert waiting_for(unreadable) == "Batch: Batch has no pool 'gifdrop'."
    assert unreadable["notes"] == ["Batch has no pool 'gifdrop'."]


@pytest.mark.parametrize(
    ("changes", "notes"),
    [
        ({}, ["2 machines, 1 running."]),
        ({"node_states": {"idle": 2}}, ["2 machines, idle."]),
        (
            {"nodes": {"dedicated": 1, "low_priority": 0}, "targets": {"dedicated": 1, "low_priority": 0}},
            ["1 machine, 1 running."],
        ),
        (
            {"nodes": NONE, "targets": NONE, "node_states": {}},
            ["The pool has no machines at the moment; it adds some when videos wait."],
        ),
        (
            {"targets": FIVE, "allocation_state": "resizing"},
            ["The pool is scaling from 2 machines to 5 machines."],
        ),
        ({"allocation_state": "resizing"}, ["2 machines, 1 running."]),
        ({"state": "deleting"}, ["The pool is being deleted.", "2 machines, 1 running."]),
        (
            {"targets": FIVE, "resize_errors": [QUOTA]},
            ["The pool cannot get the machines it needs: The core quota is reached.", "2 machines, 1 running."],
        ),
        (
            {"autoscale": {"at": "", "results": None, "error": {"code": "E", "message": "syntax error"}}},
            ["The autoscale formula failed: syntax error", "2 machines, 1 running."],
        ),
        ({"autoscale": {"at": "", "results": "$x=1", "error": None}}, ["2 machines, 1 running."]),
        (
            {"node_states": {"startTaskFailed": 2}, "start_task_failures": [START_TASK]},
            [
                "2 machines could not be prepared: the start task of node-1 ended with exit code 1",
                "2 machines, idle.",
            ],
        ),
        (
            {"node_states": {"startTaskFailed": 1, "running": 1}},
            ["1 machine could not be prepared: no reason is given.", "2 machines, 1 running."],
        ),
        (
            {"node_states": {"unusable": 1, "offline": 1, "unknown": 1}},
            ["3 machines cannot be used.", "2 machines, idle."],
        ),
        (
            {"node_states": {"preempted": 1, "running": 1}},
            [
                "1 machine preempted by Azure; the pool replaces them when capacity is free.",
                "2 machines, 1 running.",
            ],
        ),
    ],
)
def test_notes_have_the_problems_first(changes: dict[str, Any], notes: list[str]) -> None:
    assert notes_on(pool(**changes)) == notes
