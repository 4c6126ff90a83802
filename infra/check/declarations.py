"""Checks declarations against each other: duplicates, cycles, decorators and defaults."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.check.names import is_reference
from infra.check.syntax import Declaration, Problem, Source, literal, properties, text, walk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

DECORATED_TYPES = {
    "minLength": {"string", "array"},
    "maxLength": {"string", "array"},
    "minValue": {"int"},
    "maxValue": {"int"},
    "secure": {"string", "object"},
}
"""Types of parameters that a decorator accepts."""


def declaration_problems(source: Source) -> Iterator[Problem]:
    """Duplicate names and properties, cycles, decorators that do not fit, defaults that are not allowed."""
    yield from _duplicate_names(source)
    yield from _duplicate_properties(source)
    yield from _cycles(source)
    yield from _decorators(source)
    for item in source.of("param").values():
        value = literal(item.value)
        if item.allowed and value is not None and value not in item.allowed:
            yield source.problem(item.node, f"default {value!r} of {item.name} is not one of {', '.join(item.allowed)}")


def _duplicate_names(source: Source) -> Iterator[Problem]:
    seen: set[tuple[bool, str]] = set()
    for item in source.declarations:
        key = (item.kind == "output", item.name)  # outputs have names of their own
        if key in seen:
            yield source.problem(item.node, f"{item.name} is declared twice")
        seen.add(key)


def _duplicate_properties(source: Source) -> Iterator[Problem]:
    for node in source.nodes:
        if node.type != "object":
            continue
        seen: set[str] = set()
        for key, name, _ in properties(node):
            if key is not None and key in seen:
                yield source.problem(name, f"property {key!r} is given twice")
            seen.add(key or "")


def _cycles(source: Source) -> Iterator[Problem]:
    items = {item.name: item for item in source.declarations if item.kind in ("var", "resource", "module", "param")}
    uses = {name: _used(item) & items.keys() for name, item in items.items()}
    reported: set[str] = set()
    for name, item in items.items():
        path = _path_back(name, uses)
        if path and not reported & set(path):
            reported |= set(path)
            yield source.problem(item.node, f"cycle: {' -> '.join([name, *path])}")


def _used(item: Declaration) -> set[str]:
    """Names in the value of one; the bodies of nested resources are not part of it."""
    found: set[str] = set()
    pending = [item.value] if item.value is not None else []
    while pending:
        node = pending.pop()
        if node.type == "identifier" and is_reference(node):
            found.add(text(node))
        pending += [child for child in node.children if child.type != "resource_declaration"]
    return found


def _path_back(start: str, uses: dict[str, set[str]]) -> list[str]:
    """The shortest way from a name back to itself, empty if there is none."""
    paths, seen = [[name] for name in sorted(uses[start])], set(uses[start])
    while paths:
        path = paths.pop(0)
        if path[-1] == start:
            return path
        for name in sorted(uses.get(path[-1], set()) - seen):
            seen.add(name)
            paths.append([*path, name])
    return []


def _decorators(source: Source) -> Iterator[Problem]:
    above: Node | None = None
    for node in source.root.named_children:
        if node.type == "decorators":
            above = node
            continue
        if node.type == "parameter_declaration" and above is not None:
            item = next(item for item in source.declarations if item.node == node)
            declared = text(item.type).removesuffix("?") if item.type is not None else "any"
            kind = "array" if declared.endswith("[]") else declared
            for call in walk(above):
                function = call.child_by_field_name("function") if call.type == "call_expression" else None
                fitting = DECORATED_TYPES.get(text(function)) if function is not None else None
                if fitting and kind in {"string", "int", "bool", "object", "array"} - fitting:
                    yield source.problem(
                        call, f"@{text(function or call)} does not fit {item.name}, which is {declared}"
                    )
        if node.type != "comment":
            above = None
