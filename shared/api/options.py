"""Options of a GIF in the JSON body of a request."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from shared.api.errors import ApiError
from shared.options import OPTION_NAMES, InvalidOptionError, options_from
from shared.suggestion import MAX_NAME_CHARS, did_you_mean

if TYPE_CHECKING:
    from shared.options import Options
    from shared.settings import Settings

MAX_BODY_BYTES = 16 * 1024
MAX_OPTION_CHARS = 100


def parse_object(body: bytes, *, members: set[str]) -> dict[str, object]:
    """The JSON object in a request's body, with no other members. Raises `ApiError` `InvalidBody`."""
    if len(body) > MAX_BODY_BYTES:
        raise ApiError("InvalidBody", f"The body may have {MAX_BODY_BYTES:,} bytes.")
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise ApiError("InvalidBody", "The body must be JSON.") from None
    if not isinstance(found, dict) or not found.keys() <= members:
        raise ApiError("InvalidBody", f"The body must be an object with {', '.join(sorted(members))} and nothing else.")
    return found


def option_texts(options: object) -> dict[str, str]:
    """Options of a request by name, as texts as in metadata. Raises `ApiError` `InvalidOption`."""
    if not isinstance(options, dict):
        raise ApiError("InvalidOption", "options must be an object.")
    for name in options:
        if name not in OPTION_NAMES.values():
            hint = did_you_mean(name, OPTION_NAMES.values())
            raise ApiError("InvalidOption", f"There is no option {name[:MAX_NAME_CHARS]!r}.{hint}")
    texts = {name: _text(value) for name, value in options.items()}
    return {option: texts[key] for option, key in OPTION_NAMES.items() if key in texts}


def _text(value: object) -> str:
    match value:
        case bool():
            text = "true" if value else "false"
        case str() | int() | float():
            text = str(value)
        case list() if all(isinstance(item, str) for item in value):
            text = ",".join(value)
        case _:
            raise ApiError("InvalidOption", "The value of an option must be a text, a number, or a list of texts.")
    if len(text) > MAX_OPTION_CHARS or not (text.isascii() and text.isprintable()):
        raise ApiError("InvalidOption", f"The value of an option has at most {MAX_OPTION_CHARS} characters of ASCII.")
    return text


def parse_options(texts: dict[str, str], settings: Settings) -> Options:
    """The options in texts, over the app's defaults. Raises `ApiError` `InvalidOption`."""
    try:
        return options_from(texts, settings.defaults, max_seconds=settings.max_seconds, label=OPTION_NAMES.__getitem__)
    except InvalidOptionError as error:
        raise ApiError("InvalidOption", str(error)) from error


def requested_options(body: bytes, settings: Settings) -> Options | None:
    """The options in a body, `None` if it is empty or has none. Raises `ApiError` (`InvalidBody`, `InvalidOption`)."""
    if not body.strip():
        return None
    found = parse_object(body, members={"options"})
    return parse_options(option_texts(found["options"]), settings) if "options" in found else None
