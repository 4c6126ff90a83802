"""The types of autoscale formulas, their operators, and their form in a result string."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeAlias, cast

if TYPE_CHECKING:
    from collections.abc import Callable

Vector: TypeAlias = tuple[float, ...]


@dataclass(frozen=True, slots=True, order=True)
class Interval:
    """A timeinterval."""

    seconds: float


Value: TypeAlias = float | Vector | str | datetime | Interval


class OperationError(ValueError):
    """An operation that is not defined for these values."""


_ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
_NAMES = ((bool, "double"), (float, "double"), (tuple, "doubleVec"), (str, "string"), (datetime, "timestamp"))


def type_name(value: Value) -> str:
    """The name of the type in error messages."""
    return next((name for kind, name in _NAMES if isinstance(value, kind)), "timeinterval")


def binary(symbol: str, left: Value, right: Value) -> Value:
    """The value of `left symbol right`. Raises OperationError."""
    try:
        if symbol in _COMPARISONS:
            return _compare(symbol, left, right)
        return _calculate(symbol, left, right)
    except ZeroDivisionError:
        raise OperationError("division by zero") from None
    except OverflowError:
        raise OperationError("the value is out of range") from None


def _compare(symbol: str, left: Value, right: Value) -> float:
    if type(left) is not type(right) or isinstance(left, tuple):
        raise _undefined(symbol, left, right)
    return float(_COMPARISONS[symbol](left, right))


def _calculate(symbol: str, left: Value, right: Value) -> Value:
    apply = _ARITHMETIC[symbol]
    match left, right:
        case float(), float():
            return apply(left, right)
        case tuple(), float():
            return tuple(apply(each, right) for each in left)
        case float(), tuple() if symbol in "+*":
            return tuple(apply(left, each) for each in right)
        case tuple(), tuple():
            if len(left) != len(right):
                raise OperationError(f"vectors of {len(left)} and {len(right)} elements have different lengths")
            return tuple(apply(one, other) for one, other in zip(left, right, strict=True))
        case float(), Interval() if symbol == "*":
            return Interval(left * right.seconds)
        case Interval(), float() if symbol in "*/":
            return Interval(apply(left.seconds, right))
        case Interval(), Interval() if symbol in "+-":
            return Interval(apply(left.seconds, right.seconds))
        case Interval(), datetime() if symbol == "+":
            return right + timedelta(seconds=left.seconds)
        case datetime(), Interval() if symbol in "+-":
            return cast("datetime", apply(cast("float", left), cast("float", timedelta(seconds=right.seconds))))
        case datetime(), datetime() if symbol == "-":
            return Interval((left - right).total_seconds())
        case str(), str() if symbol == "+":
            return left + right
    raise _undefined(symbol, left, right)


def _undefined(symbol: str, left: Value, right: Value) -> OperationError:
    return OperationError(f"there is no {type_name(left)} {symbol} {type_name(right)}")


def format_value(value: Value) -> str:
    """The value as written in the result string."""
    match value:
        case float():
            return f"{value:.15g}"
        case tuple():
            return "[" + ",".join(format_value(each) for each in value) + "]"
        case datetime():
            return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        case Interval():
            return _span(value.seconds)
    return value


def _span(seconds: float) -> str:
    whole, fraction = divmod(round(abs(seconds) * 10_000_000), 10_000_000)
    days, rest = divmod(whole, 86400)
    text = f"{days}." if days else ""
    text += f"{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}"
    return ("-" if seconds < 0 else "") + text + (f".{fraction:07}" if fraction else "")
