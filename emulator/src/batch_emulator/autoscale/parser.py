"""Parses a formula into a syntax tree, within Batch's limits."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedCharacters, UnexpectedEOF, UnexpectedInput, UnexpectedToken

Node = Tree[Token]

MAX_FORMULA_BYTES = 8 * 1024
MAX_STATEMENTS = 100


class FormulaError(ValueError):
    """A formula that cannot be parsed or evaluated; `line` and `column` count from 1."""

    def __init__(self, problem: str, *, line: int = 1, column: int = 1) -> None:
        self.problem = problem
        self.line = line
        self.column = column
        super().__init__(f"Line {line}, Col {column}: {problem}")


@dataclass(frozen=True, slots=True)
class Formula:
    """A formula with valid syntax."""

    text: str
    statements: tuple[Node, ...]


@cache
def _lark() -> Lark:
    """The parser, created on first use so that importing is fast."""
    grammar = Path(__file__).with_name("grammar.lark").read_text()
    return Lark(grammar, parser="lalr", propagate_positions=True, maybe_placeholders=False)


@lru_cache(maxsize=64)
def parse(text: str) -> Formula:
    """Parse a formula. Raises FormulaError."""
    if len(text.encode(errors="surrogatepass")) > MAX_FORMULA_BYTES:
        raise FormulaError(f"the formula is longer than {MAX_FORMULA_BYTES} bytes")
    try:
        tree = _lark().parse(text)
    except UnexpectedCharacters as error:
        raise FormulaError(f"unexpected character {error.char!r}", **_place(error)) from None
    except UnexpectedToken as error:
        what = "end of formula" if error.token.type == "$END" else repr(str(error.token))
        raise FormulaError(f"unexpected {what}", **_end(text) if what[0] == "e" else _place(error)) from None
    except UnexpectedEOF:
        raise FormulaError("unexpected end of formula", **_end(text)) from None
    statements = tuple(each for each in tree.children if isinstance(each, Tree))
    if len(statements) > MAX_STATEMENTS:
        raise FormulaError(f"the formula has more than {MAX_STATEMENTS} statements")
    return Formula(text, statements)


def _place(error: UnexpectedInput) -> dict[str, int]:
    return {"line": max(1, error.line), "column": max(1, error.column)}


def _end(text: str) -> dict[str, int]:
    return {"line": text.count("\n") + 1, "column": len(text) - (text.rfind("\n") + 1) + 1}
