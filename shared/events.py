"""A BlobCreated event, which is hostile until checked: only the blob's name is taken from it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from azure.functions import EventGridEvent

_SUBJECT = re.compile(r"/blobServices/default/containers/(?P<container>[^/]+)/blobs/(?P<name>.+)", re.DOTALL)


class IgnoredEventError(Exception):
    """The event tells of nothing to convert; the message says why."""


def blob_of(event: EventGridEvent, *, container: str) -> str:
    """The name, not yet checked, of the blob in `container` that the event tells of. Raises `IgnoredEventError`.

    https://learn.microsoft.com/azure/event-grid/event-schema-blob-storage
    """
    if event.event_type != "Microsoft.Storage.BlobCreated":
        raise IgnoredEventError(f"event type {event.event_type!r}")
    found = _SUBJECT.fullmatch(event.subject or "")
    if not found:
        raise IgnoredEventError(f"subject {event.subject!r} names no blob")
    if found["container"] != container:
        raise IgnoredEventError(f"container {found['container']!r} is not the input container")
    return found["name"]


def check_name(name: str) -> None:
    """Raise `IgnoredEventError` for what cannot be a blob's name, or would name another blob in an address.

    https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata
    """
    if not 0 < len(name) <= 1024:
        raise IgnoredEventError("a blob's name has 1 to 1024 characters")
    if {".", ".."} & set(name.split("/")):
        raise IgnoredEventError("a blob's name has no . or .. between its slashes")
