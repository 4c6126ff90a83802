"""The pool's formula, evaluated as Batch would, on histories of samples."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from infra.autoscale import formula
from local.batch.autoscale import History, Result, Situation, evaluate

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SLOTS = 2
QUEUE = 4
"""Tasks that a slot gets before another node is asked for, so that a node stands for 8 tasks."""


def samples(*minutes: tuple[int, int], every: int = 30) -> History:
    """One pair of waiting and running tasks for each minute, the last one a minute before now."""
    history = History()
    for ago, (waiting, running) in zip(range(len(minutes), 0, -1), minutes, strict=True):
        for second in range(0, 60, every):
            history.record(
                NOW - timedelta(minutes=ago + 1, seconds=-second - 1),
                {
                    "$ActiveTasks": float(waiting),
                    "$RunningTasks": float(running),
                    "$PendingTasks": float(waiting + running),
                },
            )
    return history


def steady(waiting: int, running: int, minutes: int = 12) -> History:
    return samples(*[(waiting, running)] * minutes)


def scaled(
    history: History,
    *,
    dedicated: int = 0,
    spot: int = 0,
    max_dedicated: int = 4,
    max_low_priority: int = 10,
    min_nodes: int = 0,
    slots: int = SLOTS,
) -> Result:
    """What the formula makes of a pool that has so many nodes as its targets."""
    text = formula(
        max_dedicated=max_dedicated, max_low_priority=max_low_priority, min_nodes=min_nodes, tasks_per_slot=QUEUE
    )
    situation = Situation(
        now=NOW,
        history=history,
        current_dedicated=dedicated,
        target_dedicated=dedicated,
        current_low_priority=spot,
        target_low_priority=spot,
        task_slots_per_node=slots,
    )
    return evaluate(text, situation)


def targets(result: Result) -> tuple[int, int]:
    """Dedicated and spot nodes."""
    return result.target_dedicated, result.target_low_priority


def test_a_new_pool_without_any_sample_stays_empty() -> None:
    assert targets(scaled(History())) == (0, 0)


def test_missing_samples_do_not_shrink_a_pool() -> None:
    assert targets(scaled(History(), dedicated=3, spot=7)) == (3, 7)


def test_a_few_samples_of_quiet_do_not_shrink_a_pool() -> None:
    assert targets(scaled(samples((0, 0), (0, 0), (0, 0)), dedicated=3, spot=7)) == (3, 7)


def test_a_few_samples_of_work_are_enough_to_grow() -> None:
    assert targets(scaled(samples((40, 0)))) == (0, 5)


def test_a_burst_is_answered_on_its_first_sample() -> None:
    quiet = [(0, 0)] * 11
    assert targets(scaled(samples(*quiet, (40, 0)))) == (0, 5)


def test_one_video_gets_one_node() -> None:
    assert targets(scaled(samples(*[(0, 0)] * 11, (1, 0)))) == (0, 1)


@pytest.mark.parametrize(("slots", "nodes"), [(1, 10), (2, 5), (4, 3), (8, 2)])
def test_more_slots_on_a_node_mean_fewer_nodes(slots: int, nodes: int) -> None:
    assert targets(scaled(samples(*[(0, 0)] * 11, (40, 0)), slots=slots)) == (0, nodes)


def test_the_caps_hold_however_long_the_queue_is() -> None:
    assert targets(scaled(samples(*[(0, 0)] * 11, (5000, 0)))) == (4, 10)


def test_dedicated_nodes_take_what_spot_nodes_cannot() -> None:
    assert targets(scaled(samples(*[(0, 0)] * 11, (96, 0)))) == (2, 10)


def test_without_spot_all_nodes_are_dedicated() -> None:
    assert targets(scaled(samples(*[(0, 0)] * 11, (24, 0)), max_low_priority=0)) == (3, 0)


def test_without_dedicated_all_nodes_are_spot() -> None:
    assert targets(scaled(steady(200, 20), spot=10, max_dedicated=0)) == (0, 10)


def test_preempted_spot_nodes_are_replaced_by_dedicated_ones() -> None:
    # Tasks have waited for the whole window and nothing runs, though ten spot nodes were asked for.
    assert targets(scaled(steady(80, 0), spot=10)) == (4, 10)


def test_dedicated_nodes_stay_as_long_as_the_spot_nodes_are_away() -> None:
    # The four dedicated nodes run eight tasks; the spot nodes none.
    assert targets(scaled(steady(80, 8), dedicated=4, spot=10, max_dedicated=20)) == (11, 10)


def test_dedicated_nodes_go_when_the_spot_nodes_are_back() -> None:
    assert targets(scaled(steady(60, 28), dedicated=4, spot=10)) == (1, 10)
    assert targets(scaled(steady(50, 28), dedicated=4, spot=10)) == (0, 10)


def test_a_long_queue_on_busy_spot_nodes_asks_for_no_stand_ins() -> None:
    assert targets(scaled(steady(60, 20), spot=10)) == (0, 10)


def test_a_moment_between_two_tasks_does_not_look_like_a_lost_node() -> None:
    assert targets(scaled(samples(*[(60, 20), (60, 3)] * 6), spot=10)) == (0, 10)


def test_a_pool_drains_only_after_a_quiet_window() -> None:
    assert targets(scaled(samples(*[(4, 4)] * 4, *[(0, 0)] * 8), spot=1)) == (0, 1)
    assert targets(scaled(samples(*[(4, 4)] * 4, *[(0, 0)] * 12), spot=1)) == (0, 0)


def test_nodes_that_go_finish_their_task_first() -> None:
    assert scaled(steady(0, 0), spot=3).deallocation_option == "taskcompletion"


def test_the_floor_keeps_nodes_while_nothing_waits() -> None:
    assert targets(scaled(steady(0, 0), min_nodes=2)) == (0, 2)
    assert targets(scaled(steady(0, 0), min_nodes=2, max_low_priority=0)) == (2, 0)
    assert targets(scaled(History(), min_nodes=1, max_low_priority=0)) == (1, 0)


def test_lower_caps_win_over_a_pool_that_is_kept_for_want_of_samples() -> None:
    assert targets(scaled(History(), dedicated=9, spot=30)) == (4, 10)


def test_batch_accepts_its_size() -> None:
    text = formula(max_dedicated=1000, max_low_priority=1000, min_nodes=1000)
    assert len(text.encode()) <= 8 * 1024
    assert text.count(";") <= 100
    assert not re.search(r"\{\{\w", text)


@pytest.mark.parametrize(
    "numbers",
    [
        {"max_dedicated": -1, "max_low_priority": 1, "min_nodes": 0},
        {"max_dedicated": 0, "max_low_priority": 0, "min_nodes": 0},
        {"max_dedicated": 1, "max_low_priority": 1, "min_nodes": 3},
        {"max_dedicated": 1, "max_low_priority": 1, "min_nodes": 0, "tasks_per_slot": 0},
    ],
)
def test_numbers_that_make_no_pool_are_refused(numbers: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"must be|or more"):
        formula(**numbers)
