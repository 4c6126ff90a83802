"""Logs each transition of a conversion in one line of JSON, from which queries and alerts read a video's life."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.conversion import Conversion

log = logging.getLogger(__name__)


def log_transition(conversion: Conversion) -> None:
    """Log a state that was just saved: `transition {"video": …, "conversion": …, "state": …, …}`.

    JSON in ASCII, so that no video name can break the line or imitate another field.
    """
    fields = {
        "video": conversion.video,
        "conversion": conversion.id,
        "state": conversion.state,
        "attempt": conversion.attempt,
        "task": conversion.task_id,
        "job": conversion.job_id,
        "account": conversion.batch_url,
        "error": conversion.error.code if conversion.error else None,
    }
    log.info("transition %s", json.dumps(fields))
