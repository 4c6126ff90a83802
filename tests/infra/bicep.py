"""Reads values from the Bicep files, for tests that compare them with the code."""

import json
import re
from pathlib import Path

from tree_sitter import Node

from infra.check.syntax import Declaration, literal, parse, properties, property_of, text

ROOT = Path(__file__).parents[2]
INFRA = ROOT / "infra"


def declaration(file: str, name: str) -> Declaration:
    return next(item for item in parse(INFRA / file).declarations if item.name == name)


def bounds(file: str, name: str) -> tuple[int, int]:
    """The least and the greatest value of a parameter."""
    found = re.search(
        rf"@minValue\((\d+)\)\n@maxValue\((\d+)\)\nparam {name} int\b", (INFRA / file).read_text(encoding="utf-8")
    )
    assert found
    return int(found[1]), int(found[2])


def bounds_of_length(file: str, name: str) -> tuple[int, int]:
    """The least and the greatest length of a parameter."""
    found = re.search(
        rf"@minLength\((\d+)\)\n@maxLength\((\d+)\)\nparam {name} string\b", (INFRA / file).read_text(encoding="utf-8")
    )
    assert found
    return int(found[1]), int(found[2])


def entries(node: Node | None) -> dict[str, Node]:
    """The properties of an object literal."""
    assert node is not None
    return {str(key): value for key, _, value in properties(node)}


def strings(node: Node | None) -> dict[str, str]:
    """The properties of an object whose values are all plain strings."""
    return {key: str(literal(value)) for key, value in entries(node).items()}


def containers() -> dict[str, str]:
    """Containers by their role in the app."""
    return strings(declaration("main.bicep", "containers").value)


def app_settings() -> dict[str, str]:
    """The Bicep expression of each app setting."""
    own = property_of(property_of(declaration("main.bicep", "app").value, "params"), "settings")
    platform = declaration("modules/app.bicep", "platform").value
    return {key: text(value) for node in (platform, own) for key, value in entries(node).items()}


def event_subscriptions() -> list[dict[str, str]]:
    """What differs between the event subscriptions, with the default names of containers."""
    value = declaration("events.bicep", "subscriptions").value
    assert value is not None
    found = [
        {key: text(node).strip("'") for key, node in entries(item).items()}
        for item in value.named_children
        if item.type == "object"
    ]
    return [item | {"container": str(literal(declaration("events.bicep", item["container"]).value))} for item in found]


def event_subscription() -> Node:
    """The properties that all event subscriptions share; `item` is one of `event_subscriptions`."""
    found = property_of(declaration("events.bicep", "uploaded").value, "properties")
    assert found is not None
    return found


def roles() -> dict[str, str]:
    found: dict[str, str] = json.loads((INFRA / "roles.json").read_text(encoding="utf-8"))
    return found
