"""Loads resource types for the checker from `types.json`, which infra.check.refresh generates."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

CACHE = Path(__file__).with_name("types.json")
PRIMITIVES = {"string", "int", "bool", "any", "object", "array"}


@dataclass(frozen=True)
class Property:
    """`type` is a primitive, the name of a shape, or enum values joined by ` | `; a trailing `[]` makes it a list."""

    type: str
    required: bool
    read_only: bool


@dataclass(frozen=True)
class Shape:
    """An object type: its properties, the type of additional ones (`rest`), and its variants by discriminator value."""

    properties: Mapping[str, Property]
    rest: str | None = None
    discriminator: str | None = None
    variants: Mapping[str, Mapping[str, Property]] | None = None


@dataclass(frozen=True)
class ResourceType:
    """A resource type at an API version."""

    name: str
    body: Shape
    shapes: Mapping[str, Shape]


def is_list(type_: str) -> bool:
    return type_.endswith("[]")


def enum_values(type_: str) -> tuple[set[str], bool]:
    """The values of an enum type, and whether it accepts any other string."""
    parts = [part for part in type_.split(" | ") if part not in ("string", "null")]
    return set(parts), "string" in type_.split(" | ")


@cache
def load(path: Path = CACHE) -> Mapping[str, ResourceType]:
    """All cached types by `<type>@<api version>` in lower case."""
    found = {}
    for name, entry in json.loads(path.read_text(encoding="utf-8")).items():
        shapes = {key: _shape(value) for key, value in entry["shapes"].items()}
        found[name.lower()] = ResourceType(name, shapes[""], shapes)
    return found


def property_from(mark: str) -> Property:
    """Parses the cached form of a property: the type, then `!` if required, then `~` if read-only."""
    read_only = mark.endswith("~")
    mark = mark.removesuffix("~")
    return Property(mark.removesuffix("!"), mark.endswith("!"), read_only)


def _shape(entry: Mapping[str, object]) -> Shape:
    variants = entry.get("of")
    return Shape(
        properties=_properties(entry.get("props")),
        rest=str(entry["rest"]) if "rest" in entry else None,
        discriminator=str(entry["by"]) if "by" in entry else None,
        variants={key: _properties(value) for key, value in variants.items()} if isinstance(variants, dict) else None,
    )


def _properties(entry: object) -> Mapping[str, Property]:
    return {key: property_from(str(mark)) for key, mark in entry.items()} if isinstance(entry, dict) else {}
