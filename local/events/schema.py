"""Blob events in the Event Grid schema.

https://learn.microsoft.com/azure/event-grid/event-schema-blob-storage
"""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.events.access_log import BlobChange

Event = dict[str, Any]
Interface = Literal["blob", "dfs", "sftp"]
"""What a client uploads through; those but `blob` need an account with a hierarchical namespace."""
CREATED = "Microsoft.Storage.BlobCreated"
DELETED = "Microsoft.Storage.BlobDeleted"
DIRECTORY_CREATED = "Microsoft.Storage.DirectoryCreated"
COMPLETING_APIS = frozenset({"PutBlob", "PutBlockList", "CopyBlob", "FlushWithClose", "SftpCommit"})
"""The values of `data.api` in the events of a complete blob."""


def subject(container: str, name: str) -> str:
    return f"/blobServices/default/containers/{container}/blobs/{name}"


def garbled(text: str) -> str:
    """Each character beyond U+FFFF, such as an emoji, as two replacement characters.

    https://github.com/Azure-Samples/azure-event-grid-viewer/issues/9
    """
    return re.sub(r"[^\u0000-\uffff]", "\ufffd\ufffd", text)


def event_type(change: BlobChange) -> str:
    return DELETED if change.api == "DeleteBlob" else CREATED


def events_of(
    change: BlobChange,
    properties: Mapping[str, str] | None,
    *,
    interface: Interface,
    topic: str,
    storage_url: str,
    sequence: int,
) -> list[Event]:
    """The events for one change, as if it had been made through `interface`. See `blob_event` for the others."""
    event = blob_event(change, properties, topic=topic, storage_url=storage_url, sequence=sequence)
    if interface == "blob" or properties is None:
        return [event]
    if interface == "dfs":
        opened, completed, directory, version = "CreateFile", "FlushWithClose", "CreateDirectory", "2"
        common = {"url": event["data"]["url"].replace(".blob.", ".dfs.", 1)}
    else:
        opened, completed, directory, version = "SftpCreate", "SftpCommit", "SftpMakeDir", "3"
        common = {"identity": "localuser"}
        del event["data"]["clientRequestId"]
    if properties.get("x-ms-meta-hdi_isfolder") == "true":
        for name in ("contentType", "contentLength", "blobType", "eTag"):
            del event["data"][name]
        data = event["data"] | common | {"api": directory}
        return [event | {"eventType": DIRECTORY_CREATED, "data": data, "dataVersion": "2" if version == "3" else "1"}]
    # The file is created empty before its content is written.
    data = event["data"] | common | {"contentOffset": 0}
    empty = data | {"api": opened, "contentLength": 0, "sequencer": f"{sequence:031X}0"}
    return [
        event | {"id": str(uuid.uuid4()), "data": empty, "dataVersion": version},
        event | {"data": data | {"api": completed, "sequencer": f"{sequence:031X}1"}, "dataVersion": version},
    ]


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
