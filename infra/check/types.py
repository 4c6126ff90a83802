"""Resource types as the checker needs them, read from the committed `types.json` (made by infra.check.refresh)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

CACHE = Path(__file__).with_name("types.json")
PRIMITIVES = {"string", "int", "bool", "any", "object", "array"}


@dataclass(frozen=True)
class Property:
    """`type` is a primitive, the name of a shape, or words joined by ` | `; a trailing `[]` makes it a list."""

    type: str
    required: bool
    read_only: bool


@dataclass(frozen=True)
class Shape:
    """An object: its properties, the type of properties beyond them, and its variants by the value of one property."""

    properties: Mapping[str, Property]
    rest: str | None = None
    discriminator: str | None = None
    variants: Mapping[str, Mapping[str, Property]] | None = None


@dataclass(frozen=True)
class ResourceType:
    """One resource type at one API version."""

    name: str
    body: Shape
    shapes: Mapping[str, Shape]


def is_list(type_: str) -> bool:
    return type_.endswith("[]")


def words(type_: str) -> tuple[set[str], bool]:
    """The literal values that a type names, and whether any other string may be given."""
    parts = [part for part in type_.split(" | ") if part not in ("string", "null")]
    return set(parts), "string" in type_.split(" | ")


@cache
def load(path: Path = CACHE) -> Mapping[str, ResourceType]:
    """All cached types by `<type>@<api version>`, lower case."""
    found = {}
    for name, entry in json.loads(path.read_text(encoding="utf-8")).items():
        shapes = {key: _shape(value) for key, value in entry["shapes"].items()}
        found[name.lower()] = ResourceType(name, shapes[""], shapes)
    return found


def property_from(mark: str) -> Property:
    """A property from its cached form: the type, then `!` if required, then `~` if read-only."""
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
