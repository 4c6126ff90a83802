"""The store of conversions: one JSON blob per video, changed only under an ETag condition."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, NotRequired, TypedDict

from shared.conversion import Conversion, UnreadableRecordError, from_json, from_metadata, to_json, to_metadata
from shared.names import gif_name, is_video

if TYPE_CHECKING:
    from azure.core import MatchConditions
    from azure.storage.blob.aio import ContainerClient

    from shared.blobs import Blob

log = logging.getLogger(__name__)


class ConflictError(Exception):
    """Somebody else changed the record since it was read: read it again and decide anew."""


@dataclass(frozen=True, kw_only=True)
class Stored:
    """A record as it was read, with the ETag that changing it depends on."""

    conversion: Conversion | None
    """`None` where there is no record, or none that can be read (an unreadable one is to be replaced)."""
    etag: str | None
    """`None` where there is no record."""


class Condition(TypedDict):
    """What the SDK wants to hear of an ETag condition; it takes no `etag` with a condition that needs none."""

    match_condition: MatchConditions
    etag: NotRequired[str]


def unchanged(etag: str | None) -> Condition:
    """The condition that a blob still has this ETag, or for `None` that there still is no blob."""
    from azure.core import MatchConditions

    if etag is None:
        return {"match_condition": MatchConditions.IfMissing}
    return {"match_condition": MatchConditions.IfNotModified, "etag": etag}


async def load(records: ContainerClient, video: str) -> Stored:
    """The record of a video."""
    from azure.core.exceptions import ResourceNotFoundError

    try:
        stream = await records.download_blob(video)
        body = await stream.readall()
    except ResourceNotFoundError:
        return Stored(conversion=None, etag=None)
    try:
        conversion = from_json(body)
    except UnreadableRecordError:
        conversion = None
    return Stored(conversion=conversion, etag=stream.properties.etag)


def brief(blob: Blob) -> Conversion | None:
    """The conversion as its record's listing tells it; `None` where it cannot be read, and for a blob of others."""
    try:
        return from_metadata(blob.name, blob.metadata, gif_name(blob.name)) if is_video(blob.name) else None
    except UnreadableRecordError:
        log.warning("the record of %r cannot be read", blob.name)
        return None


async def save(records: ContainerClient, conversion: Conversion, *, over: str | None) -> str:
    """Write a record over the version with the ETag `over`, or a new one if that is `None`; gives its new ETag.

    Raises `ConflictError` when the stored record is another one by now.
    """
    from azure.core.exceptions import ResourceExistsError, ResourceModifiedError
    from azure.storage.blob import ContentSettings

    try:
        written = await records.get_blob_client(conversion.video).upload_blob(
            to_json(conversion),
            overwrite=True,
            metadata=to_metadata(conversion),
            content_settings=ContentSettings(content_type="application/json"),
            **unchanged(over),
        )
    except (ResourceExistsError, ResourceModifiedError) as error:
        raise ConflictError(conversion.video) from error
    if conversion.final:
        log.info("%r %s after attempt %d", conversion.video, conversion.state, conversion.attempt)
    return str(written["etag"])
