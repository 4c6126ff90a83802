"""Reads a BlobCreated event. Events are not trusted: only the blob's name is taken from them, and checked."""

from __future__ import annotations

import re
from typing import Protocol

EVENT_TIMEOUT_SECONDS = 25.0
"""Event Grid gives a delivery 30 s: https://learn.microsoft.com/azure/event-grid/delivery-and-retry"""
_SUBJECT = re.compile(r"/blobServices/default/containers/(?P<container>[^/]+)/blobs/(?P<name>.+)", re.DOTALL)


class Event(Protocol):
    """The part of azure.functions.EventGridEvent that is read."""

    @property
    def id(self) -> str: ...
    @property
    def event_type(self) -> str: ...
    @property
    def subject(self) -> str: ...


class IgnoredEventError(Exception):
    """There is nothing to convert; the message says why."""


def blob_name(event: Event, *, container: str) -> str:
    """The name, not checked yet, of the blob in `container` that was created. Raises `IgnoredEventError`.

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
