"""The canary: a small video of gifdrop's own that must become a GIF, to notice when videos of others would not.

Off unless `GIFDROP_CANARY_HOURS` is set. Each run logs `canary {"state": …, "seconds": …}` for an alert to read.
"""

from __future__ import annotations

import asyncio
import json
import logging
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from shared.services.errors import NotFoundError
from shared.timestamps import seconds_since

if TYPE_CHECKING:
    from shared.services.services import Services

log = logging.getLogger(__name__)

CANARY = ".canary/canary.mp4"
BODY = Path(__file__).with_name("canary.mpeg4")
"""Half a second of a test picture. Not named .mp4, which publishing leaves out."""


async def check_canary(services: Services) -> None:
    """Log what became of the last canary, and upload the next one if it is time. Raises `ServiceError`."""
    hours = services.settings.canary_hours
    if not hours:
        return
    container = services.settings.input_container
    try:
        last = await services.rest.properties(container, CANARY)
    except NotFoundError:
        last = None
    if last:
        record = (await services.records.load(CANARY)).conversion
        seconds = seconds_since(last.last_modified)
        # Without a record of this version its event has not arrived yet.
        state = record.state if record and record.etag == last.etag else "uploaded"
        log.info("canary %s", json.dumps({"state": state, "seconds": round(seconds)}))
        if timedelta(seconds=seconds) < timedelta(hours=hours):
            return
    await services.rest.write(
        container,
        CANARY,
        await asyncio.to_thread(BODY.read_bytes),
        content_type="video/mp4",
        metadata={},
        expected_etag=last.etag if last else None,
    )
