"""The store of conversions: one JSON blob per video, changed only under an ETag condition."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from shared.names import is_video
from shared.services.errors import NotFoundError
from shared.services.storage.record_format import UnreadableRecordError, from_json, from_metadata, to_json, to_metadata

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.conversion import Conversion
    from shared.services.storage.blob import Blob
    from shared.services.storage.rest import StorageRest

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class StoredRecord:
    """A record as it was read, with its ETag."""

    conversion: Conversion | None = None
    """`None` where there is no record, or none that can be read."""
    etag: str | None = None
    """`None` where there is no record."""
    newer: bool = False
    """Whether a newer version of gifdrop wrote it with a schema that this one must not change."""
    unknown: Mapping[str, object] = field(default_factory=dict)
    """Fields that a newer version of gifdrop added, to be kept."""


class Records:
    """The records in their container. Every method raises `ServiceError`."""

    def __init__(self, rest: StorageRest, container: str) -> None:
        self._rest = rest
        self._container = container

    async def load(self, video: str) -> StoredRecord:
        """The record of a video. One that is damaged counts as none, and is overwritten."""
        try:
            content = await self._rest.read(self._container, video)
        except NotFoundError:
            return StoredRecord()
        try:
            record = from_json(content.body)
        except UnreadableRecordError:
            log.warning("the record of %r is damaged and will be overwritten", video)
            return StoredRecord(etag=content.etag)
        return StoredRecord(conversion=record.conversion, etag=content.etag, newer=record.newer, unknown=record.unknown)

    async def save(
        self, conversion: Conversion, *, expected_etag: str | None, unknown: Mapping[str, object] | None = None
    ) -> str:
        """Write a record over the version with `expected_etag`, or a new one for `None`; returns its new ETag.

        `unknown` are the fields to keep of the version before. Raises `ConflictError` when the record was changed
        since it was read.
        """
        return await self._rest.write(
            self._container,
            conversion.video,
            to_json(conversion, unknown=unknown),
            content_type="application/json",
            metadata=to_metadata(conversion),
            expected_etag=expected_etag,
        )


def from_listing(blob: Blob) -> Conversion | None:
    """The conversion in the metadata of a listed record; `None` for other blobs."""
    try:
        return from_metadata(blob.name, blob.metadata) if is_video(blob.name) else None
    except UnreadableRecordError:
        log.warning("the record of %r cannot be read", blob.name)
        return None
