"""Checks expressions against types: properties, required fields, enums and kinds of value."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from tree_sitter import Node

from infra.check.syntax import Declaration, Problem, Source, literal, properties, text
from infra.check.types import PRIMITIVES, Property, Shape, enum_values, is_list

KIND_OF_NODE = {"number": "int", "boolean": "bool", "string": "string", "array": "array", "object": "object"}
KIND_OF_TYPE = {"string": "string", "int": "int", "bool": "bool", "array": "array", "object": "object"}


@dataclass(frozen=True)
class Checker:
    """Checks values in a file against the shapes of a resource type or of the file's own types."""

    source: Source
    shapes: Mapping[str, Shape]

    def value(self, node: Node, type_: str, where: str) -> Iterator[Problem]:
        """Problems of a value that should have a type. Values known only at deployment are accepted."""
        if type_ == "any" or node.type == "null":
            return
        if node.type == "parenthesized_expression":
            yield from self.value(node.named_children[0], type_, where)
        elif node.type == "ternary_expression":
            for branch in ("consequence", "alternative"):
                chosen = node.child_by_field_name(branch)
                if chosen is not None:
                    yield from self.value(chosen, type_, where)
        elif node.type == "identifier":
            yield from self._reference(node, type_, where)
        elif node.type == "for_statement":
            yield from self._element(node, node.named_children[-1], type_, where)
        elif node.type == "call_expression":
            yield from self._call(node, type_, where)
        elif node.type in KIND_OF_NODE:
            yield from self._literal(node, type_, where)

    def shape(self, node: Node, shape: Shape, where: str, *, partial: bool = False) -> Iterator[Problem]:
        """Problems of an object literal; `partial` if it is merged with others before use, so may lack properties."""
        given = {key: (name, value) for key, name, value in properties(node) if key is not None}
        known: dict[str, Property] = dict(shape.properties)
        if shape.discriminator and shape.variants is not None:
            chosen = literal(given[shape.discriminator][1]) if shape.discriminator in given else None
            if chosen is not None and chosen in shape.variants:
                known |= shape.variants[chosen]
            elif chosen is not None or shape.discriminator not in given:
                choices = ", ".join(sorted(shape.variants))
                yield self.source.problem(node, f"{where}: {shape.discriminator} must be one of {choices}")
                return
        for key, (name, value) in given.items():
            spec = known.get(key)
            if spec is None and shape.rest is None:
                yield self.source.problem(name, f"{where} has no property {key!r}{_hint(key, known)}")
            elif spec is not None and spec.read_only:
                yield self.source.problem(name, f"{where}.{key} is read-only")
            else:
                yield from self.value(value, spec.type if spec else shape.rest or "any", f"{where}.{key}")
                if spec and spec.required and value.type == "null":
                    yield self.source.problem(name, f"{where}.{key} is required")
        for key, spec in known.items():
            if spec.required and not partial and key not in given:
                yield self.source.problem(node, f"{where}: required property {key!r} is missing")

    def _literal(self, node: Node, type_: str, where: str) -> Iterator[Problem]:
        kind = KIND_OF_NODE[node.type]
        if is_list(type_):
            if kind != "array":
                yield self.source.problem(node, f"{where} must be a list, not {kind}")
                return
            for item in node.named_children:
                if item.type != "comment":
                    yield from self._element(node, item, type_, where)
        elif type_ in self.shapes:
            if kind == "object":
                yield from self.shape(node, self.shapes[type_], where)
            else:
                yield self.source.problem(node, f"{where} must be an object, not {kind}")
        elif type_ in PRIMITIVES:
            if kind != KIND_OF_TYPE[type_]:
                yield self.source.problem(node, f"{where} must be {type_}, not {kind}")
        elif kind != "string":
            yield self.source.problem(node, f"{where} must be string, not {kind}")
        else:
            yield from self._enum_value(node, literal(node), type_, where)

    def _enum_value(self, node: Node, value: str | None, type_: str, where: str) -> Iterator[Problem]:
        known, _ = enum_values(type_)
        # Open enums are limited to their published values too, to catch typos.
        if value is not None and known and value not in known:
            yield self.source.problem(node, f"{where}: {value!r} is not one of {', '.join(sorted(known))}")

    def _element(self, node: Node, item: Node, type_: str, where: str) -> Iterator[Problem]:
        if is_list(type_):
            yield from self.value(item, type_.removesuffix("[]"), f"{where}[]")
        elif type_ != "array":
            yield self.source.problem(node, f"{where} must be {type_}, not a list")

    def _reference(self, node: Node, type_: str, where: str) -> Iterator[Problem]:
        name = text(node)
        item = self.source.of("param", "var").get(name)
        if item is None or (self._is_local(node, name)):
            return
        if item.kind == "var" and item.value is not None:
            yield from self.value(item.value, type_, where)
        elif item.kind == "param":
            yield from self._parameter(node, item, type_, where)

    def _parameter(self, node: Node, item: Declaration, type_: str, where: str) -> Iterator[Problem]:
        declared = text(item.type).removesuffix("?") if item.type else "any"
        expected = "array" if is_list(type_) else "object" if type_ in self.shapes else type_
        if expected not in PRIMITIVES:
            expected = "string"
        given = "array" if is_list(declared) else declared
        if given in PRIMITIVES - {"any"} and given != expected:
            yield self.source.problem(node, f"{where} must be {expected}, but parameter {item.name} is {declared}")
        if type_ not in PRIMITIVES and type_ not in self.shapes and not is_list(type_):
            for value in item.allowed:
                yield from self._enum_value(node, value, type_, f"{where} (from parameter {item.name})")

    def _call(self, node: Node, type_: str, where: str) -> Iterator[Problem]:
        function = text(node.child_by_field_name("function") or node)
        arguments = node.child_by_field_name("arguments")
        if function == "union" and type_ in self.shapes and arguments is not None:
            for item in arguments.named_children:
                if item.type == "object":
                    yield from self.shape(item, self.shapes[type_], where, partial=True)
        elif function == "concat" and is_list(type_) and arguments is not None:
            for item in arguments.named_children:
                yield from self.value(item, type_, where)
        elif function == "map" and is_list(type_) and arguments is not None:
            result = arguments.named_children[-1].named_children[-1]
            yield from self.value(result, type_.removesuffix("[]"), f"{where}[]")
        results = {"string": "string", "uniqueString": "string", "guid": "string", "replace": "string", "int": "int"}
        kind = results.get(function)
        if kind and (is_list(type_) or type_ in self.shapes or (type_ in PRIMITIVES and type_ != kind)):
            yield self.source.problem(node, f"{where}: {function}() returns {kind}, not {type_}")

    @staticmethod
    def _is_local(node: Node, name: str) -> bool:
        """Whether a `for` around the node rebinds the name."""
        outer = node.parent
        while outer is not None:
            if outer.type == "for_statement":
                head = text(outer).partition(" in ")[0]
                if re.search(rf"\b{re.escape(name)}\b", head):
                    return True
            outer = outer.parent
        return False


def _hint(key: str, known: Mapping[str, Property]) -> str:
    close = get_close_matches(key, known, n=1)
    return f" (did you mean {close[0]}?)" if close else ""
