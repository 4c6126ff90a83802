"""Telling the world that a conversion has ended: a CloudEvent to a custom Event Grid topic, if there is one."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from shared.view import view

if TYPE_CHECKING:
    from azure.core.messaging import CloudEvent

    from shared.clients import Clients
    from shared.conversion import Conversion

log = logging.getLogger(__name__)

TYPES = {"succeeded": "gifdrop.GifCreated", "failed": "gifdrop.ConversionFailed"}


async def notify(conversion: Conversion, clients: Clients) -> None:
    """Tell of a conversion that has ended; nothing happens without a topic. Raises azure-core's errors.

    Told twice, an end has the same event id both times, so that whoever listens can tell.
    """
    if clients.results is None:
        return
    await clients.results.send([event_of(conversion, clients)])
    log.info("told of the end of %r", conversion.video)


def event_of(conversion: Conversion, clients: Clients) -> CloudEvent[Any]:
    """The CloudEvent of a conversion's end. Its data is what `GET status/{video}` answers."""
    from azure.core.messaging import CloudEvent

    settings = clients.settings
    return CloudEvent(
        id=f"{conversion.id}-{conversion.attempt}-{conversion.state}",
        type=TYPES[conversion.state],
        source=f"{settings.storage_url}/{settings.input_container}",
        subject=conversion.video,
        time=conversion.finished_at,
        data=view(conversion, clients),
        datacontenttype="application/json",
    )
