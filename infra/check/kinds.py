"""The kind of an expression (string, int, bool, array or object) as far as it is known without deploying."""

from collections.abc import Mapping

from tree_sitter import Node

from infra.check.names import member_path
from infra.check.syntax import Source, parse, text
from infra.check.types import PRIMITIVES, ResourceType, is_list

LITERALS = {"number": "int", "boolean": "bool", "string": "string", "array": "array", "object": "object"}
RESULTS = {
    **dict.fromkeys(("base64", "format", "guid", "join", "replace", "string", "toLower", "toUpper"), "string"),
    **dict.fromkeys(("trim", "uniqueString", "uri", "dateTimeAdd", "utcNow", "loadTextContent"), "string"),
    **dict.fromkeys(("resourceId", "subscriptionResourceId"), "string"),
    **dict.fromkeys(("int", "length", "indexOf"), "int"),
    **dict.fromkeys(("contains", "empty", "startsWith", "endsWith", "bool"), "bool"),
    **dict.fromkeys(("filter", "items", "map", "range", "split"), "array"),
}
"""What functions return; not a complete list."""
COMMON = {"id": "string", "name": "string", "type": "string"}


def kind_of(node: Node, source: Source, types: Mapping[str, ResourceType]) -> str | None:
    """The kind of an expression, None if it is not known."""
    if node.type in LITERALS:
        return LITERALS[node.type]
    if node.type == "parenthesized_expression":
        return kind_of(node.named_children[0], source, types)
    if node.type == "ternary_expression":
        branches = [node.child_by_field_name(name) for name in ("consequence", "alternative")]
        found = {kind_of(branch, source, types) for branch in branches if branch is not None}
        return found.pop() if len(found) == 1 else None
    if node.type == "call_expression":
        return RESULTS.get(text(node.child_by_field_name("function") or node))
    if node.type == "identifier":
        item = source.of("param").get(text(node))
        return declared_kind(text(item.type)) if item is not None and item.type is not None else None
    return _member_kind(node, source, types)


def declared_kind(declared: str) -> str | None:
    """The kind of a declared type, None for a type of the file's own or one that may be null."""
    kind = "array" if is_list(declared) else declared
    return kind if kind in PRIMITIVES - {"any"} else None


def _member_kind(node: Node, source: Source, types: Mapping[str, ResourceType]) -> str | None:
    found = member_path(node)
    item = {item.name: item for item in source.declarations}.get(found[0]) if found else None
    if found is None or item is None or item.looped:
        return None
    parts = found[1]
    if item.kind == "module" and len(parts) == 2 and parts[0] == "outputs":
        target = source.path.parent / item.target
        output = parse(target).of("output").get(parts[1] or "") if target.is_file() else None
        return declared_kind(text(output.type)) if output is not None and output.type is not None else None
    resource = types.get(item.resource_type.lower()) if item.kind == "resource" else None
    if resource is None:
        return None
    if len(parts) == 1 and parts[0] in COMMON:
        return COMMON[parts[0]]
    shape, type_ = resource.body, ""
    for index, part in enumerate(parts):
        if part is None or part not in shape.properties:
            return None
        type_ = shape.properties[part].type
        if index < len(parts) - 1:
            if type_ not in resource.shapes:
                return None
            shape = resource.shapes[type_]
    if type_ in resource.shapes:
        return "object"
    return declared_kind(type_) if type_ in PRIMITIVES or is_list(type_) else "string"
