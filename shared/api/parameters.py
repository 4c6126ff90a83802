"""Checks of request parameters that several routes share."""

from shared.api.errors import ApiError
from shared.names import VIDEO_ENDINGS, InvalidNameError, check_blob_name


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
