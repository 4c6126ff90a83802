"""Parses Bicep files into declarations over a syntax tree."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path

import tree_sitter_bicep
from tree_sitter import Language, Node, Parser

KINDS = {
    "parameter_declaration": "param",
    "variable_declaration": "var",
    "resource_declaration": "resource",
    "module_declaration": "module",
    "output_declaration": "output",
    "type_declaration": "type",
    "user_defined_function": "func",
}


@dataclass(frozen=True)
class Problem:
    """A problem in a file; `line` counts from 1."""

    path: Path
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text}"


@dataclass(frozen=True, eq=False)
class Declaration:
    """A param, var, resource, module, output, type or func.

    `target` is the type of a resource or the path of a module, `value` the expression or the body inside any `for`
    and `if`, `looped` whether there is a `for`, `parent` the enclosing resource of a nested one.
    """

    kind: str
    name: str
    node: Node
    type: Node | None = None
    value: Node | None = None
    target: str = ""
    existing: bool = False
    looped: bool = False
    allowed: tuple[str, ...] = ()
    parent: "Declaration | None" = None

    @property
    def resource_type(self) -> str:
        """`<type>@<api version>`: `config` in `Microsoft.Web/sites@2024-11-01` is `Microsoft.Web/sites/config@...`."""
        if self.parent is None:
            return self.target
        (base, version), (name, _, own) = self.parent.resource_type.split("@"), self.target.partition("@")
        return f"{base}/{name}@{own or version}"


@dataclass(frozen=True, eq=False)
class Source:
    """One parsed file."""

    path: Path
    root: Node
    declarations: tuple[Declaration, ...] = field(default=())

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        """All nodes of the tree, in the order of the text."""
        return tuple(walk(self.root))

    def of(self, *kinds: str) -> dict[str, Declaration]:
        return {item.name: item for item in self.declarations if item.kind in kinds}

    def problem(self, node: Node, text: str) -> Problem:
        return Problem(self.path, node.start_point[0] + 1, text)


@cache
def parse(path: Path) -> Source:
    """Reads and parses a file. Syntax errors are reported by `syntax_problems`, not raised."""
    root = Parser(Language(tree_sitter_bicep.language())).parse(path.read_bytes()).root_node
    return Source(path, root, tuple(_declarations(root, None)))


def syntax_problems(source: Source) -> Iterator[Problem]:
    for node in source.nodes:
        if node.is_error:
            yield source.problem(node, f"syntax error at {text(node)[:40]!r}")
        elif node.is_missing:
            yield source.problem(node, f"{node.type} is missing")


def walk(node: Node) -> Iterator[Node]:
    """A node and all below it, in the order of the text."""
    waiting = [node]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += reversed(node.children)


def text(node: Node) -> str:
    return (node.text or b"").decode()


def literal(node: Node | None) -> str | None:
    """The value of a string without interpolation, else None."""
    if node is None or node.type != "string" or any(child.type == "interpolation" for child in node.children):
        return None
    content = "".join(text(child) for child in node.children if child.type in ("string_content", "escape_sequence"))
    return content.replace("\\'", "'")


def properties(node: Node) -> Iterator[tuple[str | None, Node, Node]]:
    """Per property of an object: key (None if interpolated), key node, value node. Skips nested resources."""
    for item in node.named_children:
        if item.type == "object_property" and len(item.named_children) >= 2:
            key, value = item.named_children[0], item.named_children[-1]
            yield (text(key) if key.type == "identifier" else literal(key)), key, value


def property_of(node: Node | None, name: str) -> Node | None:
    if node is None or node.type != "object":
        return None
    return next((value for key, _, value in properties(node) if key == name), None)


def _declarations(node: Node, parent: Declaration | None) -> Iterator[Declaration]:
    allowed: tuple[str, ...] = ()
    for child in node.named_children:
        if child.type == "decorators":
            allowed = _allowed(child)
        elif child.type in KINDS:
            item = _declaration(child, parent, allowed)
            allowed = ()
            yield item
            if item.kind == "resource" and item.value is not None:
                yield from _declarations(item.value, item)
        elif child.type == "object_property" and parent is not None:
            yield from _declarations(child, parent)


def _declaration(node: Node, parent: Declaration | None, allowed: tuple[str, ...]) -> Declaration:
    kind = KINDS[node.type]
    parts = [child for child in node.named_children if child.type != "comment"]
    name, rest = text(parts[0]), parts[1:]
    declared = rest.pop(0) if rest and rest[0].type in ("type", "parameters") and kind != "type" else None
    target = (literal(rest.pop(0)) or "") if kind in ("resource", "module") else ""
    value = rest[-1] if rest else None
    body, looped = value, False
    while kind in ("resource", "module") and body is not None and body.type in ("for_statement", "if_statement"):
        looped = looped or body.type == "for_statement"
        body = body.named_children[-1]
    return Declaration(
        kind=kind,
        name=name,
        node=node,
        type=declared,
        value=body,
        target=target,
        existing=any(child.type == "existing" for child in node.children),
        looped=looped,
        allowed=allowed,
        parent=parent,
    )


def _allowed(decorators: Node) -> tuple[str, ...]:
    for node in walk(decorators):
        function = node.child_by_field_name("function") if node.type == "call_expression" else None
        if function is not None and text(function) == "allowed":
            values = [literal(item) for item in walk(node) if item.type == "string"]
            return tuple(value for value in values if value is not None)
    return ()
