"""What Batch adds to tasks of every kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from batch_emulator import clock

if TYPE_CHECKING:
    from batch_emulator.entity import Doc

USER: Doc = {"autoUser": {"scope": "pool", "elevationLevel": "nonadmin"}}
CONSTRAINTS: Doc = {"maxWallClockTime": clock.UNLIMITED, "retentionTime": "P7D", "maxTaskRetryCount": 0}
