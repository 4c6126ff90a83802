"""Fault rules: the requests they match and the fault they inject. The README lists the fields."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_CODES = {429: "TooManyRequests", 500: "InternalError", 503: "ServerBusy"}
_FAULTS = ("status", "drop", "silent", "pace", "truncate", "respondAfter")
_FIELDS = {"retryAfter": "retry_after", "respondAfter": "respond_after"}


class InvalidRuleError(ValueError):
    """A rule has an unknown field, a wrong value or not exactly one fault."""


@dataclass(kw_only=True, eq=False)
class Rule:
    """Injects a fault into the next `times` requests that match, -1 for all. `given` is its JSON."""

    given: Mapping[str, Any] = field(repr=False)
    name: str | None = None
    seconds: float | None = None
    lifted: asyncio.Event = field(default_factory=asyncio.Event, repr=False)

    method: str = "*"
    path: str = "*"
    query: Mapping[str, str | None] = field(default_factory=dict)
    headers: Mapping[str, str | None] = field(default_factory=dict)
    times: int = 1
    delay: float = 0.0
    status: int | None = None
    code: str = ""
    message: str = "This failure was injected."
    retry_after: float | None = None
    drop: bool = False
    silent: bool = False
    pace: float | None = None
    truncate: int | None = None
    respond_after: float | None = None

    def matches(self, *, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> bool:
        return (
            self.method in ("*", method)
            and fnmatchcase(unquote(path), self.path)
            and all(query.get(name) == value for name, value in self.query.items())
            and all(_matches(headers.get(name), pattern) for name, pattern in self.headers.items())
        )


def _matches(value: str | None, pattern: str | None) -> bool:
    if pattern is None or value is None:
        return pattern is None and value is None
    return fnmatchcase(value, pattern)


@dataclass
class Rules:
    """The rules in force, in the order they were added."""

    pending: list[Rule] = field(default_factory=list)
    _held: list[Rule] = field(default_factory=list)

    def add(self, given: object) -> None:
        """Add a list of rules, all or none; each replaces the one with its name. Raises InvalidRuleError."""
        if not isinstance(given, list):
            raise InvalidRuleError("faults must be a list")
        for rule in [parse(each) for each in given]:
            if rule.name is not None:
                self.lift(rule.name)
            if rule.seconds is not None:
                asyncio.get_running_loop().call_later(rule.seconds, self._lift, rule)
            self.pending.append(rule)

    def take(self, *, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Rule | None:
        """The first rule that matches the request, if any; counts down its `times`."""
        for rule in self.pending:
            if rule.matches(method=method, path=path, query=query, headers=headers):
                if rule.times > 0:
                    rule.times -= 1
                if rule.times == 0:
                    self.pending.remove(rule)
                return rule
        return None

    @contextmanager
    def holding(self, rule: Rule) -> Iterator[None]:
        """Hold a request because of `rule` during a `with` block, so that lifting it reaches the request."""
        self._held.append(rule)
        try:
            yield
        finally:
            self._held.remove(rule)

    def lift(self, name: str | None = None) -> None:
        """Lift the rules with this name, by default all; requests held by them continue."""
        for rule in {*self.pending, *self._held}:
            if name is None or rule.name == name:
                self._lift(rule)

    def _lift(self, rule: Rule) -> None:
        rule.lifted.set()
        if rule in self.pending:
            self.pending.remove(rule)

    def as_json(self) -> list[dict[str, Any]]:
        return [{**rule.given, "times": rule.times} for rule in self.pending]


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0


def _whole(value: object, least: int, most: int | None = None) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least and (most is None or value <= most)


def _strings(value: object) -> bool:
    return isinstance(value, dict) and all(item is None or isinstance(item, str) for item in value.values())


_CHECKS = {
    "name": lambda value: isinstance(value, str),
    "seconds": _number,
    "message": lambda value: isinstance(value, str),
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
    "pace": _number,
    "truncate": lambda value: _whole(value, 0),
    "respondAfter": _number,
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
    values: dict[str, Any] = {_FIELDS.get(str(name), str(name)): value for name, value in given.items()}
    values.setdefault("times", -1 if "seconds" in given else 1)
    if "status" in given and "code" not in given:
        if given["status"] not in _CODES:
            raise InvalidRuleError(f"status {given['status']} needs a code")
        values["code"] = _CODES[given["status"]]
    return Rule(given=given, **values)
