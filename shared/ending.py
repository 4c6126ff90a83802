"""What follows once the record says that a conversion has ended. Whoever repeats the ending repeats this, too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.notification import notify
from shared.publication import unpublish

if TYPE_CHECKING:
    from shared.clients import Clients
    from shared.conversion import Conversion


async def settle(ended: Conversion, clients: Clients, *, replacing: str | None) -> None:
    """Withdraw an older version's GIF if the newest version failed, and tell the world of the end. Safe to repeat.

    Only after the record was saved over the version that was read after `replacing`, the GIF's ETag: a GIF withdrawn
    before could be one that somebody else has published and recorded meanwhile.
    Raises `ConflictError` if there is another GIF by now.
    """
    if ended.state == "failed":
        await unpublish(ended.video, clients, replacing=replacing)
    await notify(ended, clients)
