"""Every transition of a conversion between its states."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from shared.conversion import HUNG, MAX_ATTEMPTS, VIDEO_GONE, Conversion, Gif, JobRef, Problem, State
from shared.names import task_id
from shared.options import Options

START = datetime(2026, 11, 21, 10, tzinfo=UTC)
END = datetime(2026, 11, 21, 11, tzinfo=UTC)
ID = "a" * 32
JOB = JobRef(batch_url="https://batch", id="gifdrop-2026-11-21")
GIF = Gif(name="tom.gif", bytes=1, width=2, height=3, frames=4, duration_seconds=5)
WHY = Problem(code="Why", message="Because.")


def conversion(*, attempt: int = 1, retries_left: int = 2, state: State = "queued", id_: str = ID) -> Conversion:
    """A conversion whose task is not added yet."""
    return Conversion(
        video="tom.mp4",
        etag="0",
        id=id_,
        state=state,
        attempt=attempt,
        retries_left=retries_left,
        task_id=task_id(id_, attempt),
        queued_at=START,
    )


def running(*, attempt: int = 1, retries_left: int = 2) -> Conversion:
    """A conversion whose task runs on a node."""
    queued = conversion(attempt=attempt, retries_left=retries_left)
    return queued.running(JOB, node_id="node", started_at=START, preempted=1)


@pytest.mark.parametrize(
    ("state", "final"), [("queued", False), ("running", False), ("succeeded", True), ("failed", True)]
)
def test_conversion_is_final_once_it_succeeded_or_failed(state: State, final: bool) -> None:
    assert conversion(state=state).final == final


def test_conversion_owns_only_the_task_of_its_present_attempt() -> None:
    second = conversion(attempt=2)
    assert second.owns_task(f"{ID}-2")
    assert not second.owns_task(f"{ID}-1")


def test_refused_conversion_owns_no_task() -> None:
    assert not conversion().refused(WHY, at=END).owns_task(f"{ID}-1")


@pytest.mark.parametrize(
    ("older", "superseded"),
    [
        (None, False),
        (conversion(id_=ID), False),
        (conversion(id_="b" * 32), True),
        (conversion(id_="b" * 32, state="running"), True),
        (conversion(id_="b" * 32, state="succeeded"), False),
        (conversion(id_="b" * 32, state="failed"), False),
    ],
)
def test_conversion_supersedes_an_open_one_of_another_version(older: Conversion | None, superseded: bool) -> None:
    assert conversion().supersedes(older) == superseded


def test_with_options_changes_nothing_but_the_options() -> None:
    changed = running().with_options(Options(width=320))
    assert changed.options == Options(width=320)
    assert changed.with_options(Options()) == running()


def test_assigned_to_sets_the_job_and_leaves_the_conversion_queued() -> None:
    assert conversion().job is None
    assert replace(conversion(), job_id="gifdrop-2026-11-21").job is None
    assert replace(conversion(), batch_url="https://batch").job is None
    added = conversion().assigned_to(JOB)
    assert (added.state, added.job, added.task_id) == ("queued", JOB, f"{ID}-1")


def test_running_sets_the_job_the_node_and_the_start() -> None:
    got = running()
    assert (got.state, got.job, got.node_id, got.started_at, got.preempted) == ("running", JOB, "node", START, 1)


def test_requeued_leaves_the_node_and_keeps_the_job_and_the_attempt() -> None:
    got = running().requeued(preempted=2)
    assert (got.state, got.node_id, got.started_at, got.preempted) == ("queued", None, None, 2)
    assert (got.job, got.attempt, got.task_id) == (JOB, 1, f"{ID}-1")


def test_requeued_changes_nothing_unless_the_conversion_runs() -> None:
    queued = conversion().assigned_to(JOB)
    assert queued.requeued(preempted=2) == queued


def test_task_lost_leaves_the_job_and_keeps_the_attempt() -> None:
    got = running(attempt=3, retries_left=1).task_lost()
    assert (got.state, got.batch_url, got.job_id, got.node_id, got.started_at) == ("queued", None, None, None, None)
    assert (got.attempt, got.retries_left, got.task_id) == (3, 1, f"{ID}-3")


def test_spent_adds_up_the_time_on_nodes_over_attempts() -> None:
    first = running().spent(3.5)
    assert first.compute_seconds == 3.5
    assert first.next_attempt(retries_left=1).spent(7.12345).compute_seconds == 10.623


def test_succeeded_has_the_gif_and_no_error() -> None:
    got = running().succeeded(GIF, at=END, sandbox="seccomp", notes=("note",))
    assert (got.state, got.gif, got.error, got.finished_at) == ("succeeded", GIF, None, END)
    assert (got.sandbox, got.notes) == ("seccomp", ("note",))


def test_failed_has_the_error_and_keeps_the_task() -> None:
    got = running().failed(WHY, at=END)
    assert (got.state, got.gif, got.error, got.finished_at) == ("failed", None, WHY, END)
    assert got.task_id == f"{ID}-1"


def test_refused_has_failed_without_a_task() -> None:
    got = conversion().refused(WHY, at=END)
    assert (got.state, got.error, got.finished_at, got.task_id) == ("failed", WHY, END, None)


def test_gone_has_failed_because_the_video_was_deleted() -> None:
    got = conversion().gone(at=END)
    assert (got.state, got.error, got.finished_at) == ("failed", VIDEO_GONE, END)


@pytest.mark.parametrize("retries_left", [1, 2])
def test_transient_failure_uses_up_a_retry(retries_left: int) -> None:
    got = running(retries_left=retries_left).after_transient_failure(WHY, at=END)
    assert (got.state, got.attempt, got.retries_left, got.error) == ("queued", 2, retries_left - 1, None)


def test_transient_failure_without_retries_left_is_final() -> None:
    got = running(retries_left=0).after_transient_failure(WHY, at=END)
    assert (got.state, got.attempt, got.error, got.finished_at) == ("failed", 1, WHY, END)


@pytest.mark.parametrize("retries_left", [0, 2])
def test_interruption_uses_up_no_retry(retries_left: int) -> None:
    got = running(attempt=MAX_ATTEMPTS - 1, retries_left=retries_left).after_interruption(WHY, at=END)
    assert (got.state, got.attempt, got.retries_left) == ("queued", MAX_ATTEMPTS, retries_left)


def test_interruption_of_the_last_allowed_attempt_is_final() -> None:
    got = running(attempt=MAX_ATTEMPTS).after_interruption(WHY, at=END)
    assert (got.state, got.attempt, got.error, got.finished_at) == ("failed", MAX_ATTEMPTS, WHY, END)


def test_hung_uses_up_a_retry() -> None:
    got = running(retries_left=1).hung(at=END)
    assert (got.state, got.attempt, got.retries_left, got.error) == ("queued", 2, 0, None)


def test_hung_without_retries_left_is_final() -> None:
    got = running(retries_left=0).hung(at=END)
    assert (got.state, got.error, got.finished_at) == ("failed", HUNG, END)
    assert HUNG.code == "Hung"


def test_next_attempt_is_queued_without_job_end_and_error() -> None:
    got = running().failed(WHY, at=END).next_attempt(retries_left=2)
    assert (got.state, got.attempt, got.retries_left) == ("queued", 2, 2)
    assert (got.job, got.node_id, got.started_at, got.finished_at, got.error) == (None, None, None, None, None)
    assert got.queued_at == START


def test_next_attempt_has_nothing_of_what_the_last_one_made() -> None:
    got = running().succeeded(GIF, at=END, sandbox="seccomp", notes=("note",)).next_attempt(retries_left=2)
    assert (got.gif, got.sandbox, got.notes, got.preempted) == (None, None, (), 0)


def test_again_takes_options_warnings_and_retries_of_the_new_plan() -> None:
    planned = replace(conversion(retries_left=7), options=Options(width=99), warnings=("warning",))
    got = running(attempt=3).failed(WHY, at=END).again(planned)
    assert (got.state, got.attempt, got.task_id) == ("queued", 4, f"{ID}-4")
    assert (got.options, got.warnings, got.retries_left) == (planned.options, ("warning",), 7)


def test_next_attempt_has_a_task_id_that_was_never_used_before() -> None:
    attempts = [conversion()]
    for _ in range(MAX_ATTEMPTS):
        attempts.append(attempts[-1].next_attempt(retries_left=0))
    assert [each.task_id for each in attempts] == [task_id(ID, number) for number in range(1, MAX_ATTEMPTS + 2)]
    assert not attempts[-1].owns_task(str(attempts[-2].task_id))


def test_next_attempt_after_a_refusal_has_a_task_id() -> None:
    assert conversion().refused(WHY, at=END).next_attempt(retries_left=2).task_id == f"{ID}-2"


def test_new_conversion_is_queued_for_its_first_attempt() -> None:
    new = Conversion(video="a.mp4", etag="0x1", id=ID)
    assert (new.state, new.attempt, new.retries_left, new.preempted) == ("queued", 1, 2, 0)


def test_leftovers_are_the_kinds_that_are_not_asked_for_and_accumulate() -> None:
    asked = replace(conversion(), options=Options(also=("webp",)))
    first = asked.with_leftovers(("webp", "poster"))
    assert first.leftovers == ("poster",)
    assert first.with_leftovers(()).leftovers == ("poster",)
    assert first.extras == ("poster", "webp")
