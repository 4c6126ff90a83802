"""Preconditions of requests: If-Match, If-None-Match, If-Modified-Since, If-Unmodified-Since."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from batch_emulator import clock
from batch_emulator.errors import BatchError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from batch_emulator.entity import Entity


class NotModifiedError(Exception):
    """A GET of a version that the client has already."""


def check(headers: Mapping[str, str], entity: Entity, *, reading: bool) -> None:
    """Check the request's preconditions against `entity`. Raises ConditionNotMet or NotModifiedError."""
    match = headers.get("If-Match")
    if match is not None and not _matches(match, entity.etag):
        raise BatchError("ConditionNotMet")
    none_match = headers.get("If-None-Match")
    if none_match is not None and _matches(none_match, entity.etag):
        if reading:
            raise NotModifiedError
        raise BatchError("ConditionNotMet")
    check_times(headers, clock.moment(entity.doc["lastModified"]).timestamp(), reading=reading)


def check_times(headers: Mapping[str, str], modified: float, *, reading: bool) -> None:
    """Check the preconditions on the time of the last modification. Raises as `check` does."""
    modified = int(modified)  # HTTP dates have no fractions
    since = _time(headers, "If-Modified-Since")
    if since is not None and modified <= since:
        if reading:
            raise NotModifiedError
        raise BatchError("ConditionNotMet")
    until = _time(headers, "If-Unmodified-Since")
    if until is not None and modified > until:
        raise BatchError("ConditionNotMet")


def _matches(header: str, etag: str) -> bool:
    return any(each.strip().removeprefix("W/").strip('"') in ("*", etag) for each in header.split(","))


def _time(headers: Mapping[str, str], name: str) -> float | None:
    text = headers.get(name)
    if text is None:
        return None
    try:
        return parsedate_to_datetime(text).timestamp()
    except ValueError:
        raise BatchError("InvalidHeaderValue", HeaderName=name, HeaderValue=text) from None
