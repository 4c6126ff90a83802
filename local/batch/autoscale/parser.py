"""Text to syntax tree, with the limits that Batch sets."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedCharacters, UnexpectedEOF, UnexpectedInput, UnexpectedToken

Node = Tree[Token]

LARGEST_FORMULA = 8 * 1024
MOST_STATEMENTS = 100


class FormulaError(ValueError):
    """A formula that cannot be parsed or evaluated; `line` and `column` count from 1."""

    def __init__(self, problem: str, *, line: int = 1, column: int = 1) -> None:
        self.problem = problem
        self.line = line
        self.column = column
        super().__init__(f"Line {line}, Col {column}: {problem}")


@dataclass(frozen=True, slots=True)
class Formula:
    """A formula whose syntax is right."""

    text: str
    statements: tuple[Node, ...]


@cache
def _lark() -> Lark:
    """Made on first use, so that importing costs nothing."""
    grammar = Path(__file__).with_name("grammar.lark").read_text()
    return Lark(grammar, parser="lalr", propagate_positions=True, maybe_placeholders=False)


@lru_cache(maxsize=64)
def parse(text: str) -> Formula:
    """The formula that `text` holds. Raises FormulaError."""
    if len(text.encode(errors="surrogatepass")) > LARGEST_FORMULA:
        raise FormulaError(f"the formula is longer than {LARGEST_FORMULA} bytes")
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
    if len(statements) > MOST_STATEMENTS:
        raise FormulaError(f"the formula has more than {MOST_STATEMENTS} statements")
    return Formula(text, statements)


def _place(error: UnexpectedInput) -> dict[str, int]:
    return {"line": max(1, error.line), "column": max(1, error.column)}


def _end(text: str) -> dict[str, int]:
    return {"line": text.count("\n") + 1, "column": len(text) - (text.rfind("\n") + 1) + 1}
