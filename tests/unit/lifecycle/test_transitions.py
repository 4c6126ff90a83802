"""The line of the log that queries and alerts read."""

import json
import logging

import pytest

from shared.conversion import Conversion, Problem
from shared.lifecycle.transitions import log_transition

FAILED = Conversion(
    video="cats/\n\u2028tom.mp4", etag="0x1", id="1", state="failed", error=Problem(code="Why", message="")
)


@pytest.mark.parametrize(("error", "code"), [(FAILED.error, "Why"), (None, None)])
def test_transition_is_one_line_of_ascii_with_the_error_code(
    error: Problem | None, code: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        log_transition(Conversion(video=FAILED.video, etag="0x1", id="1", state="failed", error=error))
    [line] = caplog.messages
    word, _, fields = line.partition(" ")
    assert line.isascii()
    assert line.splitlines() == [line]
    assert (word, json.loads(fields)["video"], json.loads(fields)["error"]) == ("transition", FAILED.video, code)
