"""The words that the command prints for states, sizes and times."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

STATES = {"queued": "Waiting", "running": "Converting", "succeeded": "Done", "failed": "Failed"}
"""State in the API -> its word for people."""
UPLOADING, SAVING = "Uploading", "Saving"
STYLES = {"Waiting": "dim", "Converting": "cyan", "Uploading": "cyan", "Done": "green", "Failed": "red"}
"""Word -> its style on a terminal."""


def printable(text: str) -> str:
    """The text with control characters and unprintable characters escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)


def count(number: int, noun: str) -> str:
    """`1 video`, `2 videos`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def size(number: float) -> str:
    """Bytes in the unit that suits them."""
    for unit, length in (("GB", 1e9), ("MB", 1e6)):
        if number >= length / 10:
            return f"{number / length:.1f} {unit}"
    return f"{number / 1e3:.1f} kB"


def seconds(number: float) -> str:
    """A time span: `4.2 s`, `3 min`, `2 h`, `5 days`."""
    if number < 60:
        return f"{number:.1f} s" if number < 10 else f"{number:.0f} s"
    for unit, length, limit in (("min", 60, 60), ("h", 3600, 48)):
        if number / length < limit:
            return f"{number / length:.0f} {unit}"
    return f"{number / 86_400:.0f} days"


def measures(gif: Mapping[str, Any]) -> str:
    """Dimensions and size of a GIF."""
    return (
        f"{gif['width']}x{gif['height']}, {count(gif['frames'], 'frame')}, {gif['duration_seconds']:.1f} s,"
        f" {size(gif['bytes'])}"
    )


def reason(error: Mapping[str, Any] | None) -> str:
    """Why a video failed: the API's sentences, then its code."""
    if not error:
        return "the app gave no reason"
    sentences = " ".join(filter(None, (error["message"], error.get("advice"))))
    return f"{printable(sentences)} ({printable(error['code'])})"


def moment(text: str | None) -> str:
    """A time of the API with its age, `-` if there is none."""
    if text is None:
        return "-"
    then = datetime.fromisoformat(text)
    return f"{then.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC ({age(text)})"


def age(text: str) -> str:
    """How long ago a time of the API is."""
    passed = (datetime.now(UTC) - datetime.fromisoformat(text)).total_seconds()
    return "just now" if passed < 1 else f"{seconds(passed)} ago"
