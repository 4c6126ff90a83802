"""The figures of `GET stats`."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from shared.api.stats import MAX_ROWS, stats_of
from shared.conversion import Conversion, Problem, State
from shared.settings import read_settings
from tests.support.settings import MINIMAL_SETTINGS

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
NONE: dict[State, int] = {"queued": 0, "running": 0, "succeeded": 0, "failed": 0}
SETTINGS = read_settings(MINIMAL_SETTINGS | {"GIFDROP_NODE_PRICE": "0.36"})


def ended(*, ago: float, wait: float = 1, compute: float = 10, code: str = "", attempt: int = 1) -> Conversion:
    """A conversion that ended so many hours ago, and waited so many seconds."""
    at = NOW - timedelta(hours=ago)
    queued = at - timedelta(seconds=wait + compute)
    return Conversion(
        video="a.mp4",
        etag="1",
        id="1",
        state="failed" if code else "succeeded",
        attempt=attempt,
        error=Problem(code=code, message="Why.") if code else None,
        queued_at=queued,
        started_at=queued + timedelta(seconds=wait),
        finished_at=at,
        compute_seconds=compute,
    )


def test_figures_are_of_the_last_24_hours() -> None:
    made = [ended(ago=0.5), ended(ago=2), ended(ago=25)]
    lost = [ended(ago=1.5, code="NotAVideo"), ended(ago=2, code="NotAVideo"), ended(ago=3, code="Hung")]
    stats = stats_of(made, lost, NONE, now=NOW, settings=SETTINGS)
    assert (stats["succeeded"], stats["failed"], stats["last_hour"], stats["complete"]) == (2, 3, 1, True)
    assert stats["errors"] == [{"code": "NotAVideo", "count": 2}, {"code": "Hung", "count": 1}]
    assert stats["cost"] == pytest.approx(50 / 3600 * 0.36)


def test_quantiles_are_by_nearest_rank_and_of_first_attempts() -> None:
    made = [ended(ago=1, wait=number) for number in range(1, 101)]
    stats = stats_of([*made, ended(ago=1, wait=9999, attempt=2)], [], NONE, now=NOW, settings=SETTINGS)
    assert stats["wait_seconds"] == {"median": 50, "p95": 95}
    assert stats["compute_seconds"] == {"median": 10, "p95": 10}


def test_end_of_the_backlog_is_at_the_rate_of_the_last_hour() -> None:
    counts = NONE | {"queued": 50, "running": 10}
    stats = stats_of([ended(ago=0.1)] * 30, [], counts, now=NOW, settings=SETTINGS)
    assert (stats["backlog"], stats["backlog_ends_at"]) == (60, "2026-11-21T14:00:00.000Z")
    assert stats_of([], [], counts, now=NOW, settings=SETTINGS)["backlog_ends_at"] is None
    assert stats_of([ended(ago=0.1)], [], NONE, now=NOW, settings=SETTINGS)["backlog_ends_at"] is None


def test_figures_of_more_conversions_than_are_read_are_not_complete() -> None:
    assert not stats_of([ended(ago=1)] * MAX_ROWS, [], NONE, now=NOW, settings=SETTINGS)["complete"]
    older = [ended(ago=1)] * (MAX_ROWS - 1) + [ended(ago=30)]
    assert stats_of(older, [], NONE, now=NOW, settings=SETTINGS)["complete"]


def test_nothing_has_no_quantiles_and_costs_nothing() -> None:
    stats = stats_of([], [], NONE, now=NOW, settings=replace(SETTINGS, node_price=None))
    assert (stats["wait_seconds"], stats["compute_seconds"], stats["cost"]) == (None, None, None)
