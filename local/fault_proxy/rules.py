"""Fault rules: the requests they match and the fault they inject. The README lists the fields."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Mapping

_CODES = {429: "TooManyRequests", 500: "InternalError", 503: "ServerBusy"}
_FAULTS = ("status", "drop", "silent", "trickle", "truncate", "late")


class InvalidRuleError(ValueError):
    """A rule has an unknown field, a wrong value or not exactly one fault."""


@dataclass(kw_only=True)
class Rule:
    """Injects a fault into the next `times` requests that match, -1 for all."""

    method: str = "*"
    path: str = ""
    query: Mapping[str, str | None] = field(default_factory=dict)
    headers: Mapping[str, str | None] = field(default_factory=dict)
    times: int = 1
    delay: float = 0.0
    status: int | None = None
    code: str = ""
    retry_after: float | None = None
    drop: bool = False
    silent: bool = False
    trickle: float | None = None
    truncate: int | None = None
    late: float | None = None

    def matches(self, *, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> bool:
        return (
            self.method in ("*", method)
            and re.search(self.path, unquote(path)) is not None
            and all(query.get(name) == value for name, value in self.query.items())
            and all(_matches(headers.get(name), pattern) for name, pattern in self.headers.items())
        )


def _matches(value: str | None, pattern: str | None) -> bool:
    if pattern is None or value is None:
        return pattern is None and value is None
    return re.search(pattern, value) is not None


@dataclass
class Rules:
    """The rules in the order they were added, each with its JSON."""

    pending: list[tuple[Rule, dict[str, Any]]] = field(default_factory=list)

    def add(self, given: object) -> None:
        """Add a list of rules, all or none. Raises InvalidRuleError."""
        if not isinstance(given, list):
            raise InvalidRuleError("faults must be a list")
        self.pending += [(parse(each), {"times": 1} | each) for each in given]

    def take(self, *, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Rule | None:
        """The first rule that matches the request, if any; counts down its `times`."""
        for entry in self.pending:
            rule, given = entry
            if rule.matches(method=method, path=path, query=query, headers=headers):
                if rule.times > 0:
                    rule.times -= 1
                    given["times"] = rule.times
                if rule.times == 0:
                    self.pending.remove(entry)
                return rule
        return None

    def as_json(self) -> list[dict[str, Any]]:
        return [given for _, given in self.pending]


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0


def _whole(value: object, least: int, most: int | None = None) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least and (most is None or value <= most)


def _strings(value: object) -> bool:
    return isinstance(value, dict) and all(item is None or isinstance(item, str) for item in value.values())


_CHECKS = {
    "method": lambda value: isinstance(value, str),
    "path": lambda value: isinstance(value, str),
    "query": _strings,
    "headers": _strings,
    "times": lambda value: _whole(value, -1) and value != 0,
    "delay": _number,
    "status": lambda value: _whole(value, 300, 599),
    "code": lambda value: isinstance(value, str),
    "retryAfter": _number,
    "drop": lambda value: value is True,
    "silent": lambda value: value is True,
    "trickle": _number,
    "truncate": lambda value: _whole(value, 0),
    "late": _number,
}


def parse(given: object) -> Rule:
    """The rule of a JSON object. Raises InvalidRuleError."""
    if not isinstance(given, dict):
        raise InvalidRuleError("a fault must be an object")
    for name, value in given.items():
        if name not in _CHECKS:
            raise InvalidRuleError(f"unknown field {name!r}")
        if not _CHECKS[name](value):
            raise InvalidRuleError(f"{value!r} is not valid for {name!r}")
    faults = [name for name in _FAULTS if name in given]
    if len(faults) > 1 or not (faults or "delay" in given):
        raise InvalidRuleError(f"a fault must have exactly one of {', '.join(_FAULTS)}, or only a delay")
    values = {("retry_after" if name == "retryAfter" else name): value for name, value in given.items()}
    if "status" in given and "code" not in given:
        if given["status"] not in _CODES:
            raise InvalidRuleError(f"status {given['status']} needs a code")
        values["code"] = _CODES[given["status"]]
    rule = Rule(**values)
    try:
        for pattern in (rule.path, *filter(None, rule.headers.values())):
            re.compile(pattern)
    except re.error as error:
        raise InvalidRuleError(f"{pattern!r} is not a regular expression: {error}") from error
    return rule
