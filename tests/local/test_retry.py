"""Event Grid's schedule and its endings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.events.faults import Faults
from local.events.retry import Policy, delivered, wait_before_next

POLICY = Policy()


def waits(status: int | None, *, attempts: int) -> list[float | None]:
    return [
        wait_before_next(status, attempt=attempt, age=0, policy=POLICY, chance=0) for attempt in range(1, attempts + 1)
    ]


def test_the_waits_grow_as_event_grids_do() -> None:
    assert waits(500, attempts=9) == [10, 30, 60, 300, 600, 1800, 3600, 10800, 21600]
    assert waits(None, attempts=2) == [10, 30]


def test_some_refusals_wait_longer_from_the_beginning() -> None:
    assert [waits(status, attempts=1)[0] for status in (401, 404, 408, 503)] == [300, 300, 120, 30]


@pytest.mark.parametrize("status", [400, 403, 413])
def test_hopeless_refusals_are_not_tried_again(status: int) -> None:
    assert waits(status, attempts=1) == [None]


def test_attempts_and_age_are_bounded() -> None:
    assert wait_before_next(500, attempt=30, age=0, policy=POLICY, chance=0) is None
    assert wait_before_next(500, attempt=1, age=24 * 3600 - 9, policy=POLICY, chance=0) is None
    assert wait_before_next(500, attempt=1, age=24 * 3600 - 10, policy=POLICY, chance=0) == 10


@given(st.floats(0, 1), st.integers(1, 29))
def test_chance_adds_a_tenth_at_most(chance: float, attempt: int) -> None:
    policy = Policy(time_to_live=1e9)
    plain = wait_before_next(500, attempt=attempt, age=0, policy=policy, chance=0)
    spread = wait_before_next(500, attempt=attempt, age=0, policy=policy, chance=chance)
    assert plain is not None
    assert spread is not None
    assert plain <= spread <= plain * 1.1 + 1e-6


def test_only_200_to_204_take_an_event() -> None:
    assert [status for status in range(100, 600) if delivered(status)] == [200, 201, 202, 203, 204]


@given(st.integers(), st.text(), st.integers(1, 9))
def test_faults_come_as_often_as_they_are_asked_for(seed: int, subject: str, occurrence: int) -> None:
    assert Faults(seed=seed).copies(subject, occurrence=occurrence) == 1
    assert Faults(seed=seed, drop=1).copies(subject, occurrence=occurrence) == 0
    assert Faults(seed=seed, double=1).copies(subject, occurrence=occurrence) == 2


def test_about_the_asked_fraction_is_dropped_and_of_the_rest_doubled() -> None:
    faults = Faults(drop=0.2, double=0.25, seed=1)
    copies = [faults.copies(f"{number}.mp4", occurrence=1) for number in range(2000)]
    assert 340 < copies.count(0) < 460
    assert 340 < copies.count(2) < 460
