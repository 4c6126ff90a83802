"""An emulator with --data that is killed at random moments of a busy account."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from support.kill_moments import record_moments, restart_all

if TYPE_CHECKING:
    from pathlib import Path

MOMENTS = int(os.environ.get("BATCH_KILL_MOMENTS", "40"))
"""Set it to 200 or more for the long run."""


@pytest.mark.timeout(120 + MOMENTS)
async def test_nothing_is_lost_or_stuck_after_a_kill_at_any_moment(tmp_path: Path) -> None:
    (tmp_path / "busy").mkdir()
    moments = await record_moments(tmp_path / "busy", seed=17, count=MOMENTS, seconds=6)
    assert len(moments) == MOMENTS
    assert await restart_all(moments, tmp_path) == []
