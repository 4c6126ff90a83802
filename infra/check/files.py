"""Runs all checks on a Bicep file or a folder of them: a schema lint, no compiler. CI compiles the files."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from tree_sitter import Node

from infra.check.declarations import declaration_problems
from infra.check.kinds import LITERALS, declared_kind, kind_of
from infra.check.names import name_problems
from infra.check.syntax import (
    Declaration,
    Problem,
    Source,
    literal,
    parse,
    properties,
    property_of,
    syntax_problems,
    text,
)
from infra.check.types import Property, ResourceType, Shape, load
from infra.check.values import Checker

# Properties that Bicep accepts in every resource, whatever its type.
RESOURCE_PROPERTIES = {"name", "parent", "scope", "dependsOn"}
MODULE_PROPERTIES = {"name", "params", "scope", "dependsOn"}
GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def check(infra: Path) -> list[Problem]:
    """Problems of every .bicep file under a folder, in order of file and line."""
    return [problem for path in sorted(infra.rglob("*.bicep")) for problem in check_file(path)]


def check_file(path: Path) -> list[Problem]:
    """Problems of one file, in order of line. Of the modules it uses, only parameters and outputs are read."""
    source = parse(path)
    found = list(syntax_problems(source)) or list(_file_problems(source, load()))
    return sorted(found, key=lambda item: item.line)


def _file_problems(source: Source, types: Mapping[str, ResourceType]) -> Iterator[Problem]:
    yield from name_problems(source, types)
    yield from declaration_problems(source)
    yield from _loaded_files(source)
    for item in source.declarations:
        if item.kind == "resource":
            yield from _resource(source, item, types)
        elif item.kind == "module":
            yield from _module(source, item, types)
        elif item.kind in ("param", "output") and item.value is not None and item.type is not None:
            shapes = _own_shapes(source)
            where = f"{item.kind} {item.name}"
            yield from Checker(source, shapes).value(item.value, _declared(item), where)
            yield from _kind(source, item.value, _declared(item), where, types)
        elif item.kind == "var" and GUID.fullmatch(literal(item.value) or ""):
            yield source.problem(item.node, "GUIDs of roles belong in roles.json")


def _loaded_files(source: Source) -> Iterator[Problem]:
    for node in source.nodes:
        function = node.child_by_field_name("function") if node.type == "call_expression" else None
        if function is not None and text(function) in ("loadTextContent", "loadJsonContent"):
            arguments = node.child_by_field_name("arguments")
            name = literal(arguments.named_children[0]) if arguments is not None else None
            if name is None or not (source.path.parent / name).is_file():
                yield source.problem(node, f"{name} is not a file")


def _resource(source: Source, item: Declaration, types: Mapping[str, ResourceType]) -> Iterator[Problem]:
    name = item.resource_type
    resource = types.get(name.lower())
    if resource is None:
        yield source.problem(item.node, f"{name} is not in types.json; run python -m infra.check.refresh")
        return
    if item.value is None or item.value.type != "object":
        yield source.problem(item.node, f"resource {item.name} has no body")
        return
    given = {key for key, _, _ in properties(item.value)}
    if "name" not in given:
        yield source.problem(item.node, f"resource {item.name} has no name")
    if item.existing:
        for key in sorted(str(key) for key in given - RESOURCE_PROPERTIES):
            yield source.problem(item.node, f"existing resource {item.name} cannot have {key}")
        return
    if resource.name.count("/") > 1 and item.parent is None and "parent" not in given:
        name_node = property_of(item.value, "name")
        if name_node is None or "/" not in text(name_node):
            yield source.problem(item.node, f"{name} needs a parent")
    body = _with_resource_properties(resource.body, child=item.parent is not None or "parent" in given)
    yield from Checker(source, resource.shapes).shape(item.value, body, item.name)


def _with_resource_properties(body: Shape, *, child: bool) -> Shape:
    extra = {key: Property("any", required=False, read_only=False) for key in RESOURCE_PROPERTIES - {"name"}}
    known = dict(body.properties)
    # Only top-level resources need a location; a child resource takes its parent's.
    if child and "location" in known:
        known["location"] = Property(known["location"].type, required=False, read_only=False)
    return Shape({**extra, **known}, body.rest, body.discriminator, body.variants)


def _module(source: Source, item: Declaration, types: Mapping[str, ResourceType]) -> Iterator[Problem]:
    path = source.path.parent / item.target
    if not path.is_file():
        yield source.problem(item.node, f"module {item.target} does not exist")
        return
    if item.value is None or item.value.type != "object":
        yield source.problem(item.node, f"module {item.name} has no body")
        return
    for key, name, _ in properties(item.value):
        if key not in MODULE_PROPERTIES:
            yield source.problem(name, f"module {item.name} has no property {key!r}")
    target = parse(path)
    wanted = target.of("param")
    params = property_of(item.value, "params")
    given = {key: (name, value) for key, name, value in properties(params)} if params is not None else {}
    checker = Checker(source, _own_shapes(target))
    for key, (name, value) in given.items():
        if key not in wanted:
            yield source.problem(name, f"module {item.target} has no parameter {key!r}")
            continue
        where = f"{item.name}.{key}"
        yield from checker.value(value, _declared(wanted[key]), where)
        yield from _kind(source, value, _declared(wanted[key]), where, types)
        allowed, chosen = wanted[key].allowed, literal(value)
        if allowed and chosen is not None and chosen not in allowed:
            yield source.problem(value, f"{where}: {chosen!r} is not one of {', '.join(allowed)}")
    for key, param in wanted.items():
        optional = param.value is not None or (param.type is not None and text(param.type).endswith("?"))
        if key not in given and not optional:
            yield source.problem(item.node, f"module {item.target} needs parameter {key!r}")


def _kind(
    source: Source, value: Node, declared: str, where: str, types: Mapping[str, ResourceType]
) -> Iterator[Problem]:
    """An expression of another kind than declared; literals and parameters are checked by `Checker`."""
    given, wanted = kind_of(value, source, types), declared_kind(declared)
    computed = value.type not in LITERALS and value.type != "identifier"
    if computed and given is not None and wanted is not None and given != wanted:
        yield source.problem(value, f"{where} must be {wanted}, not {given}")


def _declared(item: Declaration) -> str:
    return text(item.type).removesuffix("?") if item.type is not None else "any"


def _own_shapes(source: Source) -> dict[str, Shape]:
    """Types declared in the file itself."""
    shapes = {}
    for name, item in source.of("type").items():
        if item.value is not None and item.value.type == "object":
            marks = {
                str(key): Property(text(value).removesuffix("?"), not text(value).endswith("?"), read_only=False)
                for key, _, value in properties(item.value)
            }
            shapes[name] = Shape(marks)
    return shapes
