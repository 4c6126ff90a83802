"""The autoscale formula, evaluated as Batch would on histories of samples."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from batch_emulator.autoscale import History, Result, Situation, evaluate
from infra.autoscale import formula, with_hint
from shared.lifecycle.scaling.hint import with_hold

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SLOTS = 2
TASKS_PER_SLOT = 4
"""With 2 slots per node, one node per 8 tasks."""


def samples(*minutes: tuple[int, int], every: int = 30) -> History:
    """A history from one pair of waiting and running tasks per minute, the last one a minute before NOW."""
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
    hint: tuple[datetime, int] | None = None,
    hold: datetime | None = None,
) -> Result:
    """The result of the formula for a pool whose current nodes equal its targets."""
    text = formula(
        max_dedicated=max_dedicated,
        max_low_priority=max_low_priority,
        min_nodes=min_nodes,
        tasks_per_slot=TASKS_PER_SLOT,
    )
    if hint is not None:
        text = with_hint(text, *hint)
    if hold is not None:
        text = with_hold(text, hold) or ""
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


def test_new_pool_without_samples_stays_empty() -> None:
    assert targets(scaled(History())) == (0, 0)


def test_pool_does_not_shrink_without_samples() -> None:
    assert targets(scaled(History(), dedicated=3, spot=7)) == (3, 7)


def test_pool_does_not_shrink_on_a_few_idle_samples() -> None:
    assert targets(scaled(samples((0, 0), (0, 0)), dedicated=3, spot=7)) == (3, 7)


def test_pool_grows_on_a_few_busy_samples() -> None:
    assert targets(scaled(samples((40, 0)))) == (0, 5)


def test_pool_grows_on_the_first_sample_of_a_burst() -> None:
    quiet = [(0, 0)] * 11
    assert targets(scaled(samples(*quiet, (40, 0)))) == (0, 5)


def test_one_video_gets_one_node() -> None:
    assert targets(scaled(samples(*[(0, 0)] * 11, (1, 0)))) == (0, 1)


@pytest.mark.parametrize(("slots", "nodes"), [(1, 10), (2, 5), (4, 3), (8, 2)])
def test_more_slots_per_node_need_fewer_nodes(slots: int, nodes: int) -> None:
    assert targets(scaled(samples(*[(0, 0)] * 11, (40, 0)), slots=slots)) == (0, nodes)


def test_maximums_hold_for_any_queue_length() -> None:
    assert targets(scaled(samples(*[(0, 0)] * 11, (5000, 0)))) == (4, 10)


def test_dedicated_nodes_are_added_beyond_the_spot_maximum() -> None:
    assert targets(scaled(samples(*[(0, 0)] * 11, (96, 0)))) == (2, 10)


def test_without_spot_all_nodes_are_dedicated() -> None:
    assert targets(scaled(samples(*[(0, 0)] * 11, (24, 0)), max_low_priority=0)) == (3, 0)


def test_without_dedicated_all_nodes_are_spot() -> None:
    assert targets(scaled(steady(200, 20), spot=10, max_dedicated=0)) == (0, 10)


def test_preempted_spot_nodes_are_replaced_by_dedicated_nodes() -> None:
    # Tasks waited for the whole window and nothing runs, although ten spot nodes were requested.
    assert targets(scaled(steady(80, 0), spot=10)) == (4, 10)


def test_dedicated_nodes_stay_while_spot_nodes_are_missing() -> None:
    # The four dedicated nodes run eight tasks, the spot nodes none.
    assert targets(scaled(steady(80, 8), dedicated=4, spot=10, max_dedicated=20)) == (11, 10)


def test_dedicated_nodes_are_removed_when_spot_nodes_return() -> None:
    assert targets(scaled(steady(60, 28), dedicated=4, spot=10)) == (1, 10)
    assert targets(scaled(steady(50, 28), dedicated=4, spot=10)) == (0, 10)


def test_long_queue_on_busy_spot_nodes_adds_no_dedicated_nodes() -> None:
    assert targets(scaled(steady(60, 20), spot=10)) == (0, 10)


def test_short_gap_between_tasks_is_not_a_lost_node() -> None:
    assert targets(scaled(samples(*[(60, 20), (60, 3)] * 6), spot=10)) == (0, 10)


def test_pool_drains_only_after_an_idle_window() -> None:
    assert targets(scaled(samples(*[(0, 0)] * 20, (4, 4), *[(0, 0)] * 3), spot=1)) == (0, 1)
    assert targets(scaled(samples(*[(0, 0)] * 20, (4, 4), *[(0, 0)] * 6), spot=1)) == (0, 0)


def test_one_node_is_kept_while_tasks_ran_in_a_fifth_of_half_an_hour() -> None:
    assert targets(scaled(samples(*[(0, 4), (0, 0)] * 5, *[(0, 0)] * 10), spot=3)) == (0, 1)
    assert targets(scaled(samples(*[(0, 4), (0, 0)] * 5, *[(0, 0)] * 25), spot=3)) == (0, 0)


def test_busy_nodes_are_not_removed() -> None:
    assert targets(scaled(steady(0, 7), dedicated=4, max_low_priority=0)) == (4, 0)


def test_tasks_that_waited_for_four_minutes_get_a_slot_each() -> None:
    assert targets(scaled(steady(3, 2), dedicated=1, max_low_priority=0)) == (3, 0)
    assert targets(scaled(samples(*[(0, 2)] * 10, (3, 2)), dedicated=1, max_low_priority=0)) == (1, 0)


def test_hint_adds_nodes_before_there_are_samples() -> None:
    assert targets(scaled(History(), hint=(NOW, 17))) == (0, 3)
    assert targets(scaled(steady(0, 0), hint=(NOW, 17))) == (0, 3)
    assert targets(scaled(steady(0, 0), hint=(NOW - timedelta(minutes=3), 17))) == (0, 3)


def test_hint_expires_after_four_minutes() -> None:
    assert targets(scaled(steady(0, 0), hint=(NOW - timedelta(minutes=4), 17))) == (0, 0)


def test_hint_does_not_hide_later_samples() -> None:
    assert targets(scaled(samples(*[(0, 0)] * 11, (40, 0)), hint=(NOW - timedelta(minutes=2), 1))) == (0, 5)


def test_hint_of_no_tasks_removes_nodes_at_once() -> None:
    busy_before = samples(*[(0, 0)] * 20, (4, 2), (4, 2))
    assert targets(scaled(busy_before, spot=1)) == (0, 1)
    assert targets(scaled(busy_before, spot=1, hint=(NOW, 0))) == (0, 0)
    assert targets(scaled(busy_before, spot=1, min_nodes=1, hint=(NOW, 0))) == (0, 1)


def test_hint_of_no_tasks_keeps_the_node_of_a_busy_half_hour() -> None:
    assert targets(scaled(steady(0, 1), spot=3, hint=(NOW, 0))) == (0, 1)


def test_hint_does_not_exceed_the_maximums() -> None:
    assert targets(scaled(History(), hint=(NOW, 100_000))) == (4, 10)


def test_formula_without_a_line_for_a_hint_is_refused() -> None:
    with pytest.raises(ValueError, match="no line for a hint"):
        with_hint("$TargetDedicatedNodes = 1;", NOW, 1)


def test_removed_nodes_finish_their_task_first() -> None:
    assert scaled(steady(0, 0), spot=3).deallocation_option == "taskcompletion"


def test_min_nodes_are_kept_while_idle() -> None:
    assert targets(scaled(steady(0, 0), min_nodes=2)) == (0, 2)
    assert targets(scaled(steady(0, 0), min_nodes=2, max_low_priority=0)) == (2, 0)
    assert targets(scaled(History(), min_nodes=1, max_low_priority=0)) == (1, 0)


def test_lowered_maximums_apply_even_without_samples() -> None:
    assert targets(scaled(History(), dedicated=9, spot=30)) == (4, 10)


def test_formula_is_within_the_limits_of_batch() -> None:
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
def test_invalid_node_counts_raise(numbers: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"must be|or more"):
        formula(**numbers)


@pytest.mark.parametrize(
    ("max_dedicated", "max_low_priority", "expected"), [(4, 10, (1, 0)), (4, 0, (1, 0)), (0, 10, (0, 1))]
)
def test_held_pool_keeps_one_node_until_its_time(
    max_dedicated: int, max_low_priority: int, expected: tuple[int, int]
) -> None:
    def targets(hold: datetime) -> tuple[int, int]:
        result = scaled(
            steady(500, 0),
            max_dedicated=max_dedicated,
            max_low_priority=max_low_priority,
            min_nodes=min(3, max_dedicated),
            hold=hold,
        )
        return result.target_dedicated, result.target_low_priority

    assert targets(NOW + timedelta(minutes=1)) == expected
    assert sum(targets(NOW - timedelta(minutes=1))) >= 4
