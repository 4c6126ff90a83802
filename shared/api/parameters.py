"""Checks of request parameters that several routes share."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from shared.api.errors import ApiError
from shared.names import VIDEO_ENDINGS, InvalidNameError, check_blob_name
from shared.services.errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def has_control_characters(text: str) -> bool:
    """Whether a text has characters that a blob's name cannot have."""
    return any(ord(character) < 32 or 0x7F <= ord(character) < 0xA0 for character in text)


def video_endings() -> str:
    """How the names of videos end, for a sentence."""
    *others, last = VIDEO_ENDINGS
    return f"{', '.join(others)} or {last}"


def checked_name(name: str) -> str:
    """`name`, if it can be a blob's. Raises `ApiError` `InvalidName`."""
    try:
        check_blob_name(name)
    except InvalidNameError as error:
        raise ApiError("InvalidName", f"{error}.".capitalize()) from error
    if has_control_characters(name):
        raise ApiError("InvalidName", "A blob's name has no control characters.")
    return name


@contextmanager
def name_may_be_refused() -> Iterator[None]:
    """Raises `ApiError` `InvalidName` where storage refuses a blob's name: it knows more rules than `checked_name`."""
    try:
        yield
    except ServiceError as error:
        if error.status == 400:
            raise ApiError("InvalidName", "Storage does not accept this as a blob's name.") from error
        raise


def whole_number(parameters: Mapping[str, str], name: str, code: str, *, maximum: int) -> int | None:
    """A query parameter from 1 to `maximum`, which has four digits at most; `None` if it is absent.

    Raises `ApiError` with `code`.
    """
    text = parameters.get(name) or None
    if text is None:
        return None
    # int() also accepts signs, spaces, underscores and digits of other scripts.
    if not (text.isascii() and text.isdigit() and len(text) <= 4 and 1 <= int(text) <= maximum):
        raise ApiError(code, f"{name} must be a whole number from 1 to {maximum}.")
    return int(text)
