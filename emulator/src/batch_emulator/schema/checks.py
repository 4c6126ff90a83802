"""Validators from which the schemas of JSON bodies are built. Each returns the normal form of a valid value."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from batch_emulator import clock
from batch_emulator.errors import BatchError

Check = Callable[[object, str], object]
# A GET returns none of these.
_SECRETS = frozenset(["password", "registrypassword", "accountkey", "saskey", "sshprivatekey", "protectedsettings"])
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def invalid(path: str, value: object, reason: str) -> BatchError:
    """The error for an invalid value of a property."""
    return BatchError("InvalidPropertyValue", PropertyName=path, PropertyValue=value, Reason=reason)


def text(limit: int = 1 << 20) -> Check:
    def check(value: object, path: str) -> str:
        if not isinstance(value, str):
            raise invalid(path, value, "A string is expected")
        if len(value) > limit:
            raise invalid(path, value[:64], f"At most {limit} characters are allowed")
        return value

    return check


def identifier(value: object, path: str) -> str:
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise invalid(path, value, "1 to 64 letters, digits, underscores and hyphens are expected")
    return value


def boolean(value: object, path: str) -> bool:
    if not isinstance(value, bool):
        raise invalid(path, value, "A Boolean is expected")
    return value


def integer(low: int, high: int = 2**31 - 1) -> Check:
    def check(value: object, path: str) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise invalid(path, value, f"An integer from {low} to {high} is expected")
        return value

    return check


def duration(low: float = 0.0, high: float = float("inf")) -> Check:
    """A duration; its normal form is `PT1H` for `PT01H00M00S`."""

    def check(value: object, path: str) -> str:
        try:
            length = clock.seconds(str(value))
        except (TypeError, ValueError):
            raise invalid(path, value, "An ISO 8601 duration is expected") from None
        if not low <= length <= high:
            raise invalid(path, value, f"A duration from {low:g} to {high:g} seconds is expected")
        return clock.normal_duration(str(value))

    return check


def moment(value: object, path: str) -> str:
    try:
        clock.timestamp(clock.moment(value if isinstance(value, str) else ""))
    except (TypeError, ValueError, OverflowError):
        raise invalid(path, value, "An ISO 8601 date and time is expected") from None
    return str(value)


def one_of(*values: str) -> Check:
    """One of `values` in any case; its normal form has the case given here."""
    normal = {value.lower(): value for value in values}

    def check(value: object, path: str) -> str:
        found = normal.get(value.lower()) if isinstance(value, str) else None
        if found is None:
            raise invalid(path, value, f"One of {', '.join(values)} is expected")
        return found

    return check


def anything(value: object, _path: str) -> object:
    """Accept any value: the emulator stores and returns it, without secrets, but does not use it."""
    return _public(value)


def many(item: Check, *, max_items: int = 1_000_000) -> Check:
    def check(value: object, path: str) -> list[object]:
        if not isinstance(value, list):
            raise invalid(path, value, "An array is expected")
        if len(value) > max_items:
            raise invalid(path, len(value), f"At most {max_items} items are allowed")
        return [item(each, f"{path}[{index}]") for index, each in enumerate(value)]

    return check


@dataclass(frozen=True, slots=True)
class Body:
    """An object: its properties and which of them are required."""

    properties: Mapping[str, Check]
    required: frozenset[str] = frozenset()

    def __call__(self, value: object, path: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise BatchError("InvalidRequestBody", f"An object is expected at {path or 'the top'}.")
        known = self.properties
        found: dict[str, Any] = {}
        for name, item in value.items():
            check = known.get(name)
            if check is None:
                if name.startswith("odata."):
                    continue
                raise BatchError(
                    "InvalidRequestBody", Reason=f"The property '{name}' does not exist at {path or 'the top'}"
                )
            if item is not None:
                found[name] = check(item, f"{path}.{name}" if path else name)
        for name in self.required:
            if name not in found:
                raise BatchError("MissingRequiredProperty", PropertyName=f"{path}.{name}" if path else name)
        return found

    def read(self, value: object) -> dict[str, Any]:
        """Check a body; returns its normal form, without properties that are null."""
        return self(value, "")


def _public(value: object) -> object:
    """`value` without secrets and without properties that are null."""
    if isinstance(value, dict):
        return {
            name: _public(item) for name, item in value.items() if item is not None and name.lower() not in _SECRETS
        }
    return [_public(item) for item in value] if isinstance(value, list) else value


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
