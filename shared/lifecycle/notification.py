"""Publishes a CloudEvent to the results topic when a conversion ends. Does nothing if no topic is configured."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from shared.representation import represent

if TYPE_CHECKING:
    from shared.conversion import Conversion
    from shared.services.services import Services

log = logging.getLogger(__name__)

EVENT_TYPES = {"succeeded": "gifdrop.GifCreated", "failed": "gifdrop.ConversionFailed"}


async def publish_result(conversion: Conversion, services: Services) -> None:
    """Publish the result of an ended conversion; the event's data is the body of `GET status/{video}`.

    Published again, it has the same event id, by which subscribers can tell. Raises `ServiceError`.
    """
    if services.topic is None:
        return
    await services.topic.publish(
        id_=f"{conversion.id}-{conversion.attempt}-{conversion.state}",
        type_=EVENT_TYPES[conversion.state],
        subject=conversion.video,
        time=conversion.finished_at,
        data=represent(conversion, services.settings),
    )
    log.info("published the result of %r", conversion.video)
