"""Limits on how often something may be done."""

from shared.api.rate_limit import RateLimit


def test_limit_counts_what_was_done_within_its_time() -> None:
    now = 0.0
    limit = RateLimit(count=2, seconds=60, clock=lambda: now)
    assert [limit.take(), limit.take()] == [0, 0]
    now = 45
    assert limit.take() == 15
    now = 60
    assert [limit.take(), limit.take()] == [0, 0]
    now = 100
    assert limit.take() == 20


def test_refused_attempt_does_not_count() -> None:
    now = 0.0
    limit = RateLimit(count=1, seconds=60, clock=lambda: now)
    limit.take()
    now = 59
    assert [limit.take(), limit.take()] == [1, 1]
    now = 60
    assert limit.take() == 0
