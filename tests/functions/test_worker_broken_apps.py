"""Apps that Microsoft's worker rejects: shows that the worker's tests of gifdrop can fail."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.functions.worker_process import APPS, run_worker

if TYPE_CHECKING:
    from pathlib import Path

TIMER = {"function": "tick", "argument": "timer", "type": "json", "value": '{"IsPastDue": false}'}


@pytest.mark.parametrize(
    ("app", "reason"),
    [
        ("wrong_annotation", "cannot load the on_event function"),
        ("wrong_argument", "cannot load the tick function"),
        ("duplicate", "Function twin does not have a unique function name"),
        ("two_apps", "More than one FunctionApp"),
        ("setting_at_import", "KeyError: 'THE_SCHEDULE'"),
    ],
)
def test_worker_rejects_a_broken_app(app: str, reason: str, tmp_path: Path) -> None:
    report = run_worker(APPS / app, cwd=tmp_path)
    assert report["status"] == "Failure"
    assert reason in report["exception"]


def test_worker_fails_a_timer_that_returns_a_value(tmp_path: Path) -> None:
    report = run_worker(APPS / "timer_returns", TIMER, cwd=tmp_path)
    assert report["status"] == "Success"
    (result,) = report["results"]
    assert not result["ok"]
    assert "returned a non-None value" in result["error"]


def test_driver_blocks_network_access(tmp_path: Path) -> None:
    report = run_worker(APPS / "network", cwd=tmp_path)
    assert report["status"] == "Failure"
    assert "no network here" in report["exception"]
