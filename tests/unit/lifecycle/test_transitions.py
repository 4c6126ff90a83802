"""The line of the log that queries and alerts read."""

import json
import logging
from dataclasses import replace

import pytest

from shared.conversion import Conversion, Problem
from shared.lifecycle.transitions import log_transition

FAILED = Conversion(
    video="cats/\n\u2028tom.mp4",
    etag="0x1",
    id="1",
    state="failed",
    attempt=3,
    task_id="1-3",
    job_id="gifdrop-2026-11-21",
    batch_url="https://batch",
    error=Problem(code="Why", message=""),
)


@pytest.mark.parametrize(("error", "code"), [(FAILED.error, "Why"), (None, None)])
def test_transition_is_one_line_of_ascii_with_the_error_code(
    error: Problem | None, code: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        log_transition(replace(FAILED, error=error))
    [line] = caplog.messages
    word, _, fields = line.partition(" ")
    assert line.isascii()
    assert line.splitlines() == [line]
    assert word == "transition"
    assert json.loads(fields) == {
        "video": FAILED.video,
        "conversion": "1",
        "state": "failed",
        "attempt": 3,
        "task": "1-3",
        "job": "gifdrop-2026-11-21",
        "account": "https://batch",
        "error": code,
    }
