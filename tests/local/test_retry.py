"""Event Grid's retry schedule."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.events.retry import Policy, delivered, seconds_until_next

POLICY = Policy()


def delays(status: int | None, *, attempts: int) -> list[float | None]:
    return [
        seconds_until_next(status, attempt=attempt, age=0, policy=POLICY, jitter=0)
        for attempt in range(1, attempts + 1)
    ]


def test_delays_follow_event_grids_schedule() -> None:
    assert delays(500, attempts=9) == [10, 30, 60, 300, 600, 1800, 3600, 10800, 21600]
    assert delays(None, attempts=2) == [10, 30]


def test_some_status_codes_have_a_longer_first_delay() -> None:
    assert [delays(status, attempts=1)[0] for status in (401, 404, 408, 503)] == [300, 300, 120, 30]


@pytest.mark.parametrize("status", [400, 403, 413])
def test_permanent_failures_are_not_retried(status: int) -> None:
    assert delays(status, attempts=1) == [None]


def test_retrying_ends_after_the_maximum_attempts_or_age() -> None:
    assert seconds_until_next(500, attempt=30, age=0, policy=POLICY, jitter=0) is None
    assert seconds_until_next(500, attempt=1, age=24 * 3600 - 9, policy=POLICY, jitter=0) is None
    assert seconds_until_next(500, attempt=1, age=24 * 3600 - 10, policy=POLICY, jitter=0) == 10


@given(st.floats(0, 1), st.integers(1, 29))
def test_jitter_adds_at_most_a_tenth(jitter: float, attempt: int) -> None:
    policy = Policy(time_to_live=1e9)
    plain = seconds_until_next(500, attempt=attempt, age=0, policy=policy, jitter=0)
    spread = seconds_until_next(500, attempt=attempt, age=0, policy=policy, jitter=jitter)
    assert plain is not None
    assert spread is not None
    assert plain <= spread <= plain * 1.1 + 1e-6


def test_only_200_to_204_mean_delivered() -> None:
    assert [status for status in range(100, 600) if delivered(status)] == [200, 201, 202, 203, 204]
