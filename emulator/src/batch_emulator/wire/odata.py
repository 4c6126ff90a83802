"""`$filter`: OData expressions, compiled to predicates over wire documents."""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, TypeAlias

from lark import Lark, Transformer, v_args
from lark.exceptions import UnexpectedInput, VisitError

from batch_emulator import clock
from batch_emulator.entity import Doc

Predicate = Callable[[Doc], bool]
Getter = Callable[[Doc], Any]
Operand: TypeAlias = tuple[str, Any]

_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}
# Properties that have other names in filters than in documents.
_ALIASES = {"lastModifiedTime": "lastModified"}
_MAX_NESTING = 40


class FilterError(ValueError):
    """The filter is invalid; the message says where."""


class _Compiler(Transformer[Any, Predicate]):
    def __init__(self, properties: frozenset[str]) -> None:
        super().__init__()
        self._properties = {name.lower(): name for name in properties}

    def either(self, items: list[Predicate]) -> Predicate:
        return items[0] if len(items) == 1 else lambda doc: any(item(doc) for item in items)

    def both(self, items: list[Predicate]) -> Predicate:
        return items[0] if len(items) == 1 else lambda doc: all(item(doc) for item in items)

    @v_args(inline=True)
    def negation(self, item: Predicate) -> Predicate:
        return lambda doc: not item(doc)

    def path(self, items: list[str]) -> Operand:
        given = "/".join(items)
        known = self._properties.get(given.lower())
        if known is None:
            raise FilterError(f"'{given}' cannot be filtered on; what can: {', '.join(sorted(self._properties))}")
        return "path", [_ALIASES.get(part, part) for part in known.split("/")]

    @v_args(inline=True)
    def string(self, text: str) -> Operand:
        return "value", _unquote(text).lower()

    @v_args(inline=True)
    def number(self, text: str) -> Operand:
        return "value", float(text)

    @v_args(inline=True)
    def moment(self, text: str) -> Operand:
        quoted = text.partition("'")[2].rstrip("'") or str(text)
        try:
            return "value", clock.timestamp(clock.moment(quoted)).lower()
        except (ValueError, OverflowError):
            raise FilterError(f"{text} is not a date and time") from None

    def true(self, _items: list[Any]) -> Operand:
        return "value", True

    def false(self, _items: list[Any]) -> Operand:
        return "value", False

    def null(self, _items: list[Any]) -> Operand:
        return "value", None

    @v_args(inline=True)
    def truth(self, item: Operand) -> Predicate:
        get = _getter(item)
        return lambda doc: get(doc) is True

    @v_args(inline=True)
    def startswith(self, item: Operand, text: str) -> Predicate:
        get, prefix = _getter(item), _unquote(text).lower()
        return lambda doc: isinstance(value := get(doc), str) and value.startswith(prefix)

    @v_args(inline=True)
    def comparison(self, left: Operand, name: str, right: Operand) -> Predicate:
        first, second, compare = _getter(left), _getter(right), _OPERATORS[name.lower()]
        ordered = name.lower() not in ("eq", "ne")

        def holds(doc: Doc) -> bool:
            one, other = first(doc), second(doc)
            if ordered and (one is None or other is None or isinstance(one, str) != isinstance(other, str)):
                return False
            return compare(one, other)

        return holds


def _unquote(text: str) -> str:
    return text[1:-1].replace("''", "'")


def _getter(operand: Operand) -> Getter:
    kind, value = operand
    if kind == "value":
        return lambda _doc: value
    if len(value) == 1:
        (only,) = value
        return lambda doc: _comparable(doc.get(only))

    def deep(doc: Doc) -> object:
        found: Any = doc
        for part in value:
            found = found.get(part) if isinstance(found, dict) else None
        return _comparable(found)

    return deep


def _comparable(value: object) -> object:
    # Ids and enum values are case-insensitive, and timestamps survive lower case.
    return value.lower() if isinstance(value, str) else None if isinstance(value, (dict, list)) else value


@cache
def _parser() -> Lark:
    """The parser, created on first use so that the emulator starts sooner."""
    return Lark(Path(__file__).with_name("odata.lark").read_text(), parser="lalr", maybe_placeholders=False)


@lru_cache(maxsize=256)
def compile_filter(text: str, properties: frozenset[str]) -> Predicate:
    """Compile `text` to a predicate; it may use only `properties`. Raises FilterError."""
    if text.count("(") > _MAX_NESTING or text.lower().count("not") > _MAX_NESTING:
        raise FilterError("the expression is nested too deeply")
    try:
        return _Compiler(properties).transform(_parser().parse(text))
    except UnexpectedInput as error:
        raise FilterError(f"unexpected input at character {error.column}: {text[:200]}") from None
    except VisitError as error:
        raise FilterError(str(error.orig_exc)) from None
