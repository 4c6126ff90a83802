"""Checks identifiers: each one resolves, each declaration is used, and statically known members exist."""

import json
from collections.abc import Iterator, Mapping

from tree_sitter import Node

from infra.check.syntax import Declaration, Problem, Source, literal, parse, properties, text, walk
from infra.check.types import ResourceType

_FUNCTIONS = (
    "allowed any array base64 batchSize cidrHost cidrSubnet coalesce concat contains dateTimeAdd deployment "
    "description empty endsWith environment export extensionResourceId filter first flatten format guid indexOf int "
    "intersection items join json last length loadJsonContent loadTextContent managementGroup map max "
    "maxLength maxValue metadata min minLength minValue newGuid objectKeys parseCidr range reduce "
    "reference replace resourceGroup resourceId sealed secure skip sort split startsWith string "
    "subscription subscriptionResourceId substring take tenant toLower toObject toUpper trim union "
    "uniqueString uri utcNow "
)
FUNCTIONS = frozenset(_FUNCTIONS.split())
"""Known Bicep functions and decorators, not a complete list; add missing ones when they are used."""

ARGUMENTS = {
    **dict.fromkeys(
        ("toLower", "toUpper", "trim", "base64", "int", "bool", "length", "empty", "string", "items"), (1, 1)
    ),
    **dict.fromkeys(
        ("take", "skip", "contains", "startsWith", "endsWith", "indexOf", "split", "filter", "map"), (2, 2)
    ),
    **dict.fromkeys(("join", "range"), (2, 2)),
    "replace": (3, 3),
    "cidrSubnet": (3, 3),
    "dateTimeAdd": (2, 3),
    "loadTextContent": (1, 2),
}
"""The least and the greatest number of arguments of functions; not a complete list."""

COMMON_PROPERTIES = {"id", "name", "type", "apiVersion"}


def name_problems(source: Source, types: Mapping[str, ResourceType]) -> Iterator[Problem]:
    """Unknown identifiers and functions, unused declarations, unknown outputs, properties and keys."""
    known = {item.name: item for item in source.declarations}
    used: set[str] = set()
    for node in source.nodes:
        if node.type == "identifier" and is_reference(node):
            name = text(node)
            if _is_function(node):
                if name not in FUNCTIONS and name not in source.of("func"):
                    yield source.problem(node, f"unknown function {name}")
                yield from _arguments(source, node, name)
            elif name in known:
                used.add(name)
            elif name not in _locals(node):
                yield source.problem(node, f"unknown name {name}")
        elif node.type in ("member_expression", "subscript_expression"):
            yield from _member(source, node, known, types)
    for item in source.declarations:
        if item.kind in ("param", "var", "type", "func") and item.name not in used:
            yield source.problem(item.node, f"{item.kind} {item.name} is never used")


def _arguments(source: Source, node: Node, name: str) -> Iterator[Problem]:
    arguments = _field(node.parent, "arguments") if node.parent is not None else None
    if (
        name not in ARGUMENTS
        or arguments is None
        or (node.parent and node.parent.parent and node.parent.parent.type == "decorator")
    ):
        return
    least, most = ARGUMENTS[name]
    count = sum(child.type != "comment" for child in arguments.named_children)
    if not least <= count <= most:
        wanted = str(least) if least == most else f"{least} to {most}"
        yield source.problem(node, f"{name}() takes {wanted} arguments, not {count}")


def is_reference(node: Node) -> bool:
    """Whether an identifier stands for a value, not for a key or a name that is being declared."""
    parent = node.parent
    if parent is None:
        return False
    first = next((child for child in parent.named_children if child.type != "comment"), None)
    if parent.type.endswith("_declaration") or parent.type == "user_defined_function":
        return first != node
    if parent.type == "object_property":
        return first != node or len(parent.named_children) == 1
    return parent.type not in ("parameter", "for_loop_parameters")


def _is_function(node: Node) -> bool:
    return bool(node.parent and node.parent.type == "call_expression" and _field(node.parent, "function") == node)


def _field(node: Node, name: str) -> Node | None:
    return node.child_by_field_name(name)


def _locals(node: Node) -> set[str]:
    """Names bound by loops, lambdas and functions around a node."""
    names: set[str] = set()
    outer: Node | None = node
    while outer is not None:
        if outer.type == "for_statement":
            head = outer.named_children[0]
            names |= {text(child) for child in walk(head) if child.type in ("loop_variable", "loop_enumerator")}
            names.add(text(head))
        elif outer.type == "lambda_expression":
            names |= {text(child) for child in walk(outer.named_children[0]) if child.type == "identifier"}
        elif outer.type == "user_defined_function":
            names |= {text(child.named_children[0]) for child in walk(outer) if child.type == "parameter"}
        outer = outer.parent
    return names


def member_path(node: Node) -> tuple[str, list[str | None]] | None:
    """`a.b['c'].d` as ("a", ["b", "c", "d"]), None for a part that is known only when it runs."""
    parts: list[str | None] = []
    while node.type in ("member_expression", "subscript_expression"):
        if node.type == "member_expression":
            parts.append(text(_field(node, "property") or node))
        else:
            index = _field(node, "index")
            parts.append(literal(index))
        inner = _field(node, "object")
        if inner is None:
            return None
        node = inner
    return (text(node), parts[::-1]) if node.type == "identifier" else None


def _member(
    source: Source, node: Node, known: Mapping[str, Declaration], types: Mapping[str, ResourceType]
) -> Iterator[Problem]:
    part_of_more = node.parent is not None and _field(node.parent, "object") == node
    found = member_path(node)
    if part_of_more or found is None:
        return
    name, parts = found
    looped_over = _looped_over(node, name)
    if looped_over is not None or name not in known:
        item = known.get(looped_over or "")
        if item is not None and item.kind == "var" and item.value is not None and parts and parts[0] is not None:
            for element in _elements(item.value, known):
                yield from _key(source, node, name, element, parts[0])
        return
    item = known[name]
    if item.looped and parts:
        parts = parts[1:]
    if item.kind == "module" and len(parts) >= 2 and parts[0] == "outputs":
        target = source.path.parent / item.target
        if target.exists() and parts[1] not in parse(target).of("output"):
            yield source.problem(node, f"module {item.target} has no output {parts[1]!r}")
    elif item.kind == "resource":
        yield from _resource_member(source, node, item, parts, types)
    elif item.kind == "var" and item.value is not None and parts and parts[0] is not None:
        yield from _key(source, node, name, item.value, parts[0])


def _elements(node: Node, known: Mapping[str, Declaration]) -> Iterator[Node]:
    """The elements of an array as far as they are written down: in literals, variables, branches and `concat`."""
    if node.type == "array":
        for child in node.named_children:
            item = known.get(text(child)) if child.type == "identifier" else None
            yield item.value if item is not None and item.kind == "var" and item.value is not None else child
    elif node.type == "identifier":
        item = known.get(text(node))
        if item is not None and item.kind == "var" and item.value is not None:
            yield from _elements(item.value, known)
    elif node.type == "ternary_expression":
        for branch in ("consequence", "alternative"):
            chosen = _field(node, branch)
            if chosen is not None:
                yield from _elements(chosen, known)
    elif node.type == "call_expression" and text(_field(node, "function") or node) == "concat":
        arguments = _field(node, "arguments")
        for argument in arguments.named_children if arguments is not None else ():
            yield from _elements(argument, known)


def _looped_over(node: Node, name: str) -> str | None:
    """The array over which a `for`, `map` or `filter` binds the name."""
    outer: Node | None = node
    while outer is not None:
        if outer.type == "for_statement" and name in _locals(outer) - _locals(outer.parent or outer):
            return text(outer.named_children[1])
        if outer.type == "lambda_expression" and text(outer.named_children[0]) == name and outer.parent is not None:
            return text(outer.parent.named_children[0])
        outer = outer.parent
    return None


def _resource_member(
    source: Source, node: Node, item: Declaration, parts: list[str | None], types: Mapping[str, ResourceType]
) -> Iterator[Problem]:
    resource = types.get(item.resource_type.lower())
    shape = resource.body if resource else None
    for part in parts:
        if resource is None or shape is None or part is None or shape.rest is not None or shape.variants is not None:
            return
        if part in COMMON_PROPERTIES and shape is resource.body:
            return
        if part not in shape.properties:
            yield source.problem(node, f"{item.target} has no property {part!r}")
            return
        shape = resource.shapes.get(shape.properties[part].type)


def _key(source: Source, node: Node, name: str, value: Node, key: str) -> Iterator[Problem]:
    """Checks a key of an object literal or of a loaded JSON file."""
    if value.type == "object":
        keys = {item for item, _, _ in properties(value)}
        if None not in keys and key not in keys:
            yield source.problem(node, f"{name} has no key {key!r}")
    elif value.type == "call_expression" and text(_field(value, "function") or value) == "loadJsonContent":
        arguments = _field(value, "arguments")
        path = literal(arguments.named_children[0]) if arguments is not None else None
        if path is not None and key not in json.loads((source.path.parent / path).read_text(encoding="utf-8")):
            yield source.problem(node, f"{path} has no key {key!r}")
