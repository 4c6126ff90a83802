"""Route templates and matching, as by ASP.NET's router in the Functions host."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")


class InvalidRouteError(ValueError):
    """The route template does not follow the grammar."""


@dataclass(frozen=True)
class Parameter:
    """`{name}`, `{name?}`, `{name=default}`, `{*name}`, each with constraints after colons."""

    name: str
    catch_all: bool
    optional: bool
    default: str | None
    constraints: tuple[str, ...]

    def accepts(self, value: str) -> bool:
        return all(_constraint(text)(value) for text in self.constraints)


@dataclass(frozen=True)
class Segment:
    """The part of a template between two slashes: literal text and parameters, alternating."""

    parts: tuple[str | Parameter, ...]
    pattern: re.Pattern[str]

    @property
    def only(self) -> Parameter | None:
        part = self.parts[0]
        return part if len(self.parts) == 1 and isinstance(part, Parameter) else None

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return tuple(part for part in self.parts if isinstance(part, Parameter))

    @property
    def rank(self) -> int:
        """From 1, literal text, to 5, a catch-all without constraints: lower is more specific."""
        if not self.parameters:
            return 1
        if self.only is None:
            return 2
        return 3 - bool(self.only.constraints) + 2 * self.only.catch_all


@dataclass(frozen=True)
class Template:
    """A parsed route template."""

    text: str
    segments: tuple[Segment, ...]

    def match(self, path: str) -> dict[str, str] | None:
        """The parameter values in a decoded path without its leading slash, or None if it does not match.

        Literals are case-insensitive. An empty catch-all matches without a value, like a missing optional parameter.
        """
        values: dict[str, str] = {}
        rest: str | None = path or None
        for segment in self.segments:
            parameter = segment.only
            if parameter is not None and parameter.catch_all:
                return values if _take(parameter, rest, values) else None
            current, rest = _split(rest)
            if current is None:
                if parameter is None or not (parameter.optional or parameter.default is not None):
                    return None
                if parameter.default is not None:
                    values[parameter.name] = parameter.default
                continue
            found = segment.pattern.fullmatch(current)
            if found is None:
                return None
            for part in segment.parameters:
                if not part.accepts(found[part.name]):
                    return None
                values[part.name] = found[part.name]
        return values if rest is None else None

    def example(self) -> str:
        """The simplest path that this template matches."""
        texts = []
        for segment in self.segments:
            if segment.only is not None and (segment.only.catch_all or segment.only.optional):
                break
            texts.append("".join(part if isinstance(part, str) else "x" for part in segment.parts))
        return "/".join(texts)


def _take(parameter: Parameter, rest: str | None, values: dict[str, str]) -> bool:
    value = rest if rest is not None else parameter.default
    if value is None:
        return True
    if value.startswith("/"):
        return False
    values[parameter.name] = value
    return parameter.accepts(value)


def _split(path: str | None) -> tuple[str | None, str | None]:
    """The first segment and the rest of the path; one trailing slash is ignored."""
    if path is None:
        return None, None
    head, slash, tail = path.partition("/")
    return head, tail if slash and tail else None


def parse(text: str) -> Template:
    """Parse a route template; raises InvalidRouteError with the reason."""
    if text.startswith(("/", "~")) or "?" in re.sub(r"\{[^{}]*\}", "", text):
        raise InvalidRouteError(f"the route {text!r} must not start with '/' or '~', nor contain '?'")
    pieces = text.split("/") if text else []
    if pieces and not pieces[-1]:
        pieces.pop()
    if not all(pieces):
        raise InvalidRouteError(f"the route {text!r} has an empty segment")
    segments = tuple(_segment(text, piece) for piece in pieces)
    names = [parameter.name.lower() for segment in segments for parameter in segment.parameters]
    if len(names) != len(set(names)):
        raise InvalidRouteError(f"a parameter appears twice in the route {text!r}")
    for segment in segments[:-1]:
        if any(parameter.catch_all for parameter in segment.parameters):
            raise InvalidRouteError(f"a catch-all must be the last segment of the route {text!r}")
    return Template(text=text, segments=segments)


def _segment(route: str, text: str) -> Segment:
    parts: list[str | Parameter] = []
    pattern = ""
    for piece in re.findall(r"\{[^{}]*\}|[^{}]+|[{}]", text):
        if piece in "{}":
            raise InvalidRouteError(f"unbalanced braces in the route {route!r}")
        if piece.startswith("{"):
            parameter = _parameter(route, piece[1:-1])
            if parts and isinstance(parts[-1], Parameter):
                raise InvalidRouteError(f"two parameters must be separated by text in the route {route!r}")
            parts.append(parameter)
            pattern += f"(?P<{parameter.name}>.+)"
        else:
            parts.append(piece)
            pattern += f"(?i:{re.escape(piece)})"
    if len(parts) > 1 and any(isinstance(part, Parameter) and (part.catch_all or part.optional) for part in parts):
        raise InvalidRouteError(f"a catch-all or optional parameter must be alone in its segment in {route!r}")
    return Segment(parts=tuple(parts), pattern=re.compile(pattern, re.DOTALL))


def _parameter(route: str, text: str) -> Parameter:
    match = re.fullmatch(r"(\*{0,2})([^\W\d]\w*)((?::[^:=?]+)*)(?:=([^?]*))?(\?)?", text)
    if match is None:
        raise InvalidRouteError(f"{{{text}}} is not a valid parameter in the route {route!r}")
    stars, name, constraints, default, mark = match.groups()
    if mark and (stars or default is not None):
        raise InvalidRouteError(f"{{{text}}} cannot be optional in the route {route!r}")
    names = tuple(constraints.split(":")[1:])
    for constraint in names:
        _constraint(constraint)
    return Parameter(name=name, catch_all=bool(stars), optional=bool(mark), default=default, constraints=names)


def _constraint(text: str) -> Callable[[str], bool]:
    name, _, rest = text.partition("(")
    try:
        arguments = [int(item) for item in rest.rstrip(")").split(",")] if rest else []
        return _CONSTRAINTS[name](*arguments)
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidRouteError(f"unknown route constraint {text!r}") from error


def _whole(value: str, low: int = -(2**31), high: int = 2**31 - 1) -> bool:
    return re.fullmatch(r"[+-]?\d+", value, re.ASCII) is not None and low <= int(value) <= high


def _guid(value: str) -> bool:
    try:
        uuid.UUID(value)
    except ValueError:
        return False
    return True


_CONSTRAINTS: dict[str, Callable[..., Callable[[str], bool]]] = {
    "int": lambda: _whole,
    "long": lambda: lambda value: _whole(value, -(2**63), 2**63 - 1),
    "bool": lambda: lambda value: value.lower() in ("true", "false"),
    "guid": lambda: _guid,
    "alpha": lambda: lambda value: re.fullmatch(r"[A-Za-z]*", value) is not None,
    "required": lambda: bool,
    "minlength": lambda low: lambda value: len(value) >= low,
    "maxlength": lambda high: lambda value: len(value) <= high,
    "length": lambda low, high=None: lambda value: low <= len(value) <= (low if high is None else high),
    "min": lambda low: lambda value: _whole(value, low, 2**63 - 1),
    "max": lambda high: lambda value: _whole(value, -(2**63), high),
    "range": lambda low, high: lambda value: _whole(value, low, high),
}


@dataclass(frozen=True)
class Route(Generic[T]):
    """A template, the methods it accepts (None for all) and its target."""

    name: str
    template: Template
    methods: frozenset[str] | None
    target: T

    def accepts(self, method: str) -> bool:
        return self.methods is None or method in self.methods


def in_order(routes: Sequence[Route[T]]) -> list[Route[T]]:
    """The routes in the order the host tries them: by function name, not by specificity."""
    return sorted(routes, key=lambda route: route.name.upper())


def find(routes: Sequence[Route[T]], *, method: str, path: str) -> tuple[T, dict[str, str]] | None:
    """The target and parameter values of the first route that matches the method and the decoded path."""
    for route in routes:
        if route.accepts(method) and (values := route.template.match(path)) is not None:
            return route.target, values
    return None


def shadowed(routes: Sequence[Route[T]]) -> list[tuple[Route[T], Route[T]]]:
    """Pairs of a route and an earlier, less specific one that receives its requests; `routes` are `in_order`."""
    pairs = []
    for index, later in enumerate(routes):
        for earlier in routes[:index]:
            methods = later.methods if later.methods is not None else frozenset({"GET", "POST"})
            ranks = [[segment.rank for segment in route.template.segments] for route in (later, earlier)]
            if (
                ranks[0] < ranks[1]
                and any(earlier.accepts(method) for method in methods)
                and earlier.template.match(later.template.example()) is not None
            ):
                pairs.append((later, earlier))
    return pairs


def decode_path(raw: str) -> str:
    """A request path as Azure decodes it before routing, without its leading slash.

    The front end decodes every %XX once, so %2F is a slash; `+` stays a plus; invalid UTF-8 becomes U+FFFD.
    The web server then resolves `.` and `..` segments.
    """
    segments: list[str] = []
    names = unquote(raw, errors="replace").removeprefix("/").split("/")
    for name in names:
        if name == "..":
            del segments[-1:]
        elif name != ".":
            segments.append(name)
    if names[-1] in (".", ".."):
        segments.append("")
    return "/".join(segments)
