"""The store of conversions: one JSON blob per video, changed only under an ETag condition."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.names import is_video
from shared.services.errors import NotFoundError
from shared.services.storage.record_format import UnreadableRecordError, from_json, from_metadata, to_json, to_metadata

if TYPE_CHECKING:
    from shared.conversion import Conversion
    from shared.services.storage.blob import Blob
    from shared.services.storage.blobs import Blobs

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class StoredRecord:
    """A record as it was read, with its ETag."""

    conversion: Conversion | None
    """`None` where there is no record, or none that can be read; the latter is overwritten."""
    etag: str | None
    """`None` where there is no record."""


class Records:
    """The records in their container. Every method raises `ServiceError`."""

    def __init__(self, blobs: Blobs, container: str) -> None:
        self._blobs = blobs
        self._container = container

    async def load(self, video: str) -> StoredRecord:
        """The record of a video."""
        try:
            content = await self._blobs.read(self._container, video)
        except NotFoundError:
            return StoredRecord(conversion=None, etag=None)
        try:
            conversion = from_json(content.body)
        except UnreadableRecordError:
            log.warning("the record of %r cannot be read and will be overwritten", video)
            conversion = None
        return StoredRecord(conversion=conversion, etag=content.etag)

    async def save(self, conversion: Conversion, *, expected_etag: str | None) -> str:
        """Write a record over the version with `expected_etag`, or a new one for `None`; returns its new ETag.

        Raises `ConflictError` when the record was changed since it was read.
        """
        etag = await self._blobs.write(
            self._container,
            conversion.video,
            to_json(conversion),
            content_type="application/json",
            metadata=to_metadata(conversion),
            expected_etag=expected_etag,
        )
        if conversion.final:
            log.info("%r %s after attempt %d", conversion.video, conversion.state, conversion.attempt)
        return etag


def from_listing(blob: Blob) -> Conversion | None:
    """The conversion in the metadata of a listed record, without its options; `None` for other blobs."""
    try:
        return from_metadata(blob.name, blob.metadata) if is_video(blob.name) else None
    except UnreadableRecordError:
        log.warning("the record of %r cannot be read", blob.name)
        return None
