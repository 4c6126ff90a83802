"""After a task's outcome a conversion has ended or is queued for another attempt."""

from datetime import UTC, datetime, timedelta

import pytest
from azure.batch.models import BatchTask, BatchTaskExecutionInfo

from shared.completion import MOST_ATTEMPTS, after
from shared.conversion import Conversion, Gif, Problem
from shared.outcome import Converted, Interrupted, Outcome, Rejected, Trouble

START = datetime(2026, 11, 21, tzinfo=UTC)
GIF = Gif(name="tom.gif", bytes=1, width=2, height=3, frames=4, duration_seconds=5)
WHY = Problem(code="Why", message="Because.")


def ended(outcome: Outcome, *, retries_left: int = 2, attempt: int = 5, spent: float | None = None) -> Conversion:
    execution = BatchTaskExecutionInfo(
        retry_count=0, requeue_count=0, start_time=START, end_time=START + timedelta(seconds=7)
    )
    conversion = Conversion(
        video="tom.mp4",
        etag="0",
        id="a" * 32,
        attempt=attempt,
        retries_left=retries_left,
        state="running",
        job_id="j",
        compute_seconds=spent,
    )
    task = BatchTask()
    task.execution_info = execution
    return after(conversion, task, outcome)


def test_a_converted_video_has_succeeded() -> None:
    conversion = ended(Converted(gif=GIF))
    assert (conversion.state, conversion.gif, conversion.error) == ("succeeded", GIF, None)
    assert conversion.finished_at


def test_a_rejected_video_has_failed_at_once() -> None:
    conversion = ended(Rejected(error=WHY))
    assert (conversion.state, conversion.attempt, conversion.error) == ("failed", 5, WHY)


@pytest.mark.parametrize("retries_left", [1, 2])
def test_the_machines_trouble_is_worth_another_attempt(retries_left: int) -> None:
    conversion = ended(Trouble(error=WHY), retries_left=retries_left)
    assert (conversion.state, conversion.attempt, conversion.error) == ("queued", 6, None)
    assert conversion.retries_left == retries_left - 1
    assert conversion.task_id == f"{'a' * 32}-6"
    assert conversion.job_id is None


def test_what_was_ended_by_hand_is_tried_again_without_using_up_the_retries() -> None:
    conversion = ended(Interrupted(error=WHY), retries_left=0)
    assert (conversion.state, conversion.attempt, conversion.retries_left) == ("queued", 6, 0)


def test_what_is_ended_by_hand_again_and_again_is_given_up() -> None:
    conversion = ended(Interrupted(error=WHY), attempt=MOST_ATTEMPTS)
    assert (conversion.state, conversion.error) == ("failed", WHY)


def test_the_last_attempts_trouble_is_told() -> None:
    conversion = ended(Trouble(error=WHY), retries_left=0)
    assert (conversion.state, conversion.attempt, conversion.error) == ("failed", 5, WHY)


def test_the_time_on_nodes_adds_up_over_attempts() -> None:
    assert ended(Converted(gif=GIF), spent=3.5).compute_seconds == 10.5
