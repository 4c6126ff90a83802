"""Validators from which the schemas of JSON bodies are built."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from local.batch import clock
from local.batch.errors import BatchError

Check = Callable[[object, str], None]
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def invalid(path: str, value: object, reason: str) -> BatchError:
    """The error for an invalid value of a property."""
    return BatchError("InvalidPropertyValue", PropertyName=path, PropertyValue=value, Reason=reason)


def text(limit: int = 1 << 20) -> Check:
    def check(value: object, path: str) -> None:
        if not isinstance(value, str):
            raise invalid(path, value, "A string is expected")
        if len(value) > limit:
            raise invalid(path, value[:64], f"At most {limit} characters are allowed")

    return check


def identifier(value: object, path: str) -> None:
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise invalid(path, value, "1 to 64 letters, digits, underscores and hyphens are expected")


def boolean(value: object, path: str) -> None:
    if not isinstance(value, bool):
        raise invalid(path, value, "A Boolean is expected")


def integer(low: int, high: int = 2**31 - 1) -> Check:
    def check(value: object, path: str) -> None:
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise invalid(path, value, f"An integer from {low} to {high} is expected")

    return check


def duration(low: float = 0.0, high: float = float("inf")) -> Check:
    def check(value: object, path: str) -> None:
        try:
            length = clock.seconds(str(value))
        except (TypeError, ValueError):
            raise invalid(path, value, "An ISO 8601 duration is expected") from None
        if not low <= length <= high:
            raise invalid(path, value, f"A duration from {low:g} to {high:g} seconds is expected")

    return check


def moment(value: object, path: str) -> None:
    try:
        clock.timestamp(clock.moment(value if isinstance(value, str) else ""))
    except (TypeError, ValueError, OverflowError):
        raise invalid(path, value, "An ISO 8601 date and time is expected") from None


def one_of(*values: str) -> Check:
    lower = {value.lower() for value in values}

    def check(value: object, path: str) -> None:
        if not isinstance(value, str) or value.lower() not in lower:
            raise invalid(path, value, f"One of {', '.join(values)} is expected")

    return check


def anything(_value: object, _path: str) -> None:
    """Accept any value: the emulator stores and returns it, but does not use it."""


def many(item: Check, *, max_items: int = 1_000_000) -> Check:
    def check(value: object, path: str) -> None:
        if not isinstance(value, list):
            raise invalid(path, value, "An array is expected")
        if len(value) > max_items:
            raise invalid(path, len(value), f"At most {max_items} items are allowed")
        for index, each in enumerate(value):
            item(each, f"{path}[{index}]")

    return check


@dataclass(frozen=True, slots=True)
class Body:
    """An object: its properties and which of them are required."""

    properties: Mapping[str, Check]
    required: frozenset[str] = frozenset()

    def __call__(self, value: object, path: str) -> None:
        if not isinstance(value, dict):
            raise BatchError("InvalidRequestBody", f"An object is expected at {path or 'the top'}.")
        known = self.properties
        for name, item in value.items():
            check = known.get(name)
            if check is None:
                if name.startswith("odata."):
                    continue
                raise BatchError(
                    "InvalidRequestBody", Reason=f"The property '{name}' does not exist at {path or 'the top'}"
                )
            if item is not None:
                check(item, f"{path}.{name}" if path else name)
        for name in self.required:
            if value.get(name) is None:
                raise BatchError("MissingRequiredProperty", PropertyName=f"{path}.{name}" if path else name)

    def read(self, value: object) -> dict[str, Any]:
        """Check a body; returns it without properties that are null at any depth."""
        self(value, "")
        assert isinstance(value, dict)  # noqa: S101
        return {name: _without_nulls(item) for name, item in value.items() if item is not None}


def _without_nulls(value: object) -> object:
    if isinstance(value, dict):
        return {name: _without_nulls(item) for name, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


def body(required: str = "", /, **properties: Check) -> Body:
    """A Body with these `properties`; `required` is a space-separated list of their names."""
    return Body(properties, frozenset(required.split()))


def exactly_one(value: Mapping[str, Any], names: tuple[str, ...], path: str) -> str:
    """The only one of `names` in `value`. Raises MissingRequiredProperty or MutuallyExclusiveProperties."""
    given = [name for name in names if value.get(name) is not None]
    if not given:
        raise BatchError("MissingRequiredProperty", PropertyName=f"{path}: one of {', '.join(names)}")
    if len(given) > 1:
        raise BatchError("MutuallyExclusiveProperties", f"Only one of {', '.join(names)} is allowed at {path}.")
    return given[0]
