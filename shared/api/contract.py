"""What an operation of the API declares: its parameters, its request, its responses and errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Schema = dict[str, Any]
"""A JSON Schema."""


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """A parameter of a request."""

    name: str
    where: str
    """`path`, `query` or `header`. An empty query parameter counts as absent: the Functions host drops it."""
    note: str
    schema: Schema
    example: str | None = None


@dataclass(frozen=True, kw_only=True)
class Body:
    """The body of a response: JSON of a type in schemas.py, one of other content types, or nothing."""

    note: str
    type: type | None = None
    content: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Route:
    """One operation of the API."""

    method: str
    path: str
    """Below the route prefix, in OpenAPI's notation."""
    operation: str
    """The function's name in function_app.py."""
    summary: str
    responses: dict[int, Body]
    errors: tuple[str, ...] = ()
    """Codes of `ERRORS`, besides those that every route can return."""
    parameters: tuple[Parameter, ...] = ()
    request: type | None = None
    """Type of the JSON body, in schemas.py."""
    request_required: bool = True
    public: bool = False
    """Whether it needs no function key."""
