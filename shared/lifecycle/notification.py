"""Publishes a CloudEvent to the results topic when a conversion ends. Does nothing if no topic is configured."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING

from shared.representation import represent
from shared.services.errors import ServiceError
from shared.timestamps import utc_now

if TYPE_CHECKING:
    from shared.conversion import Conversion
    from shared.services.services import Services

log = logging.getLogger(__name__)

EVENT_TYPES = {"succeeded": "gifdrop.GifCreated", "failed": "gifdrop.ConversionFailed"}


async def publish_result(conversion: Conversion, services: Services) -> None:
    """Publish the result of an ended conversion; the event's data is the body of `GET status/{video}`.

    Published again, it has the same event id, by which subscribers can tell. An event that the topic still refuses
    `give_up_seconds` after the end is given up. Raises `ServiceError`.
    """
    if services.topic is None:
        return
    try:
        await services.topic.publish(
            id_=f"{conversion.id}-{conversion.attempt}-{conversion.state}",
            type_=EVENT_TYPES[conversion.state],
            subject=conversion.video,
            time=conversion.finished_at,
            data=represent(conversion, services.settings),
        )
    except ServiceError as error:
        give_up_after = timedelta(seconds=services.settings.give_up_seconds)
        if not error.refused or not conversion.finished_at or utc_now() - conversion.finished_at < give_up_after:
            raise
        log.error("the result event of %r is given up: %s", conversion.video, error)  # noqa: TRY400  # said in full
        return
    log.info("published the result of %r", conversion.video)
