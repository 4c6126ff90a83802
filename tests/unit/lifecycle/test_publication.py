"""When a conversion began whose result arrives before Batch was asked about its task."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from shared.conversion import Conversion
from shared.lifecycle import publication
from shared.lifecycle.outcome import Origin
from shared.lifecycle.publication import started

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
QUEUED = Conversion(
    video="tom.mp4", etag="0", id="1", queued_at=NOW - timedelta(seconds=60), batch_url="https://batch", job_id="job"
)


@pytest.fixture(autouse=True)
def now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publication, "utc_now", lambda: NOW)


def origin(seconds_ago: float | None, *, node: str | None = "node") -> Origin:
    """What a result states whose converter began so long ago."""
    started_at = None if seconds_ago is None else NOW - timedelta(seconds=seconds_ago)
    return Origin(video="tom.mp4", job=None, node_id=node, started_at=started_at)


@pytest.mark.parametrize(("reported", "believed"), [(20, 20), (90, 60), (-5, 0), (None, 0)])
def test_start_is_what_the_result_states_between_queueing_and_now(reported: float | None, believed: float) -> None:
    running = started(QUEUED, origin(reported), QUEUED.job)
    assert (running.state, running.job, running.node_id) == ("running", QUEUED.job, "node")
    assert (running.started_at, running.compute_seconds) == (NOW - timedelta(seconds=believed), believed)


def test_start_is_what_the_result_states_at_most_now_if_the_queueing_is_unknown() -> None:
    assert started(replace(QUEUED, queued_at=None), origin(20), QUEUED.job).started_at == NOW
    assert started(replace(QUEUED, queued_at=None), origin(-5), QUEUED.job).started_at == NOW


def test_start_and_node_that_batch_stated_are_kept() -> None:
    known = replace(
        QUEUED, state="running", node_id="other", started_at=NOW - timedelta(seconds=7), preempted=1, compute_seconds=3
    )
    running = started(known, origin(20), known.job)
    assert (running.node_id, running.started_at, running.preempted) == ("other", known.started_at, 1)
    assert running.compute_seconds == 10


def test_time_of_a_conversion_without_a_job_is_counted() -> None:
    queued = replace(QUEUED, batch_url=None, job_id=None)
    assert started(queued, origin(20), None) == replace(queued, compute_seconds=20)
