"""Blob events in the Event Grid schema.

https://learn.microsoft.com/azure/event-grid/event-schema-blob-storage
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.events.access_log import BlobChange

Event = dict[str, Any]
CREATED = "Microsoft.Storage.BlobCreated"
DELETED = "Microsoft.Storage.BlobDeleted"


def subject(container: str, name: str) -> str:
    return f"/blobServices/default/containers/{container}/blobs/{name}"


def event_type(change: BlobChange) -> str:
    return DELETED if change.api == "DeleteBlob" else CREATED


def blob_event(
    change: BlobChange, properties: Mapping[str, str] | None, *, topic: str, storage_url: str, sequence: int
) -> Event:
    """The event for one change.

    properties: Response headers with the properties of a written blob; None for a deleted one.
    sequence: Orders the changes of a blob.
    """
    api: str = change.api
    data: dict[str, Any] = {
        "clientRequestId": str(uuid.uuid4()),
        "requestId": str(uuid.uuid4()),
        "blobType": "BlockBlob",
        "contentType": "application/octet-stream",
        "url": f"{storage_url}/{change.container}/{quote(change.name)}",
        "sequencer": f"{sequence:032X}",
        "storageDiagnostics": {"batchId": str(uuid.uuid4())},
    }
    moment = datetime.now(UTC)
    if properties is not None:
        moment = parsedate_to_datetime(properties["Last-Modified"])
        copied = properties.get("x-ms-copy-completion-time")
        # Later changes keep the copy properties, so only equal times mean a copy.
        if copied and abs((moment - parsedate_to_datetime(copied)).total_seconds()) < 1:
            api = "CopyBlob"
        data |= {
            "eTag": properties["ETag"].strip('"'),
            "contentType": properties.get("Content-Type", data["contentType"]),
            "contentLength": int(properties["Content-Length"]),
            "blobType": properties["x-ms-blob-type"],
        }
    return {
        "topic": topic,
        "subject": subject(change.container, change.name),
        "eventType": event_type(change),
        "id": str(uuid.uuid4()),
        "eventTime": timestamp(moment),
        "data": {"api": api, **data},
        "dataVersion": "",
        "metadataVersion": "1",
    }


def validation_event(*, topic: str, code: str) -> Event:
    """The event of the validation handshake."""
    return {
        "id": str(uuid.uuid4()),
        "topic": topic,
        "subject": "",
        "data": {"validationCode": code},
        "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
        "eventTime": timestamp(datetime.now(UTC)),
        "metadataVersion": "1",
        "dataVersion": "2",
    }


def timestamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
