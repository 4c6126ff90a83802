"""The functions of autoscale formulas."""

from __future__ import annotations

import math
import statistics
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from batch_emulator.autoscale.values import OperationError, Value, Vector, type_name

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

UNITS = {
    "Zero": 0.0,
    "100ns": 1e-7,
    "Microsecond": 1e-6,
    "Millisecond": 1e-3,
    "Second": 1.0,
    "Minute": 60.0,
    "Hour": 3600.0,
    "Day": 86400.0,
    "Week": 7 * 86400.0,
    "Year": 365 * 86400.0,
}


def _vector(arguments: Sequence[Value]) -> Vector:
    found: list[float] = []
    for each in arguments:
        if isinstance(each, float):
            found.append(each)
        elif isinstance(each, tuple):
            found += each
        else:
            raise OperationError(f"a double or a doubleVec is expected, not a {type_name(each)}")
    return tuple(found)


def _reduce(function: Callable[[Vector], float]) -> Callable[..., Value]:
    def call(*arguments: Value) -> Value:
        values = _vector(arguments)
        if not values:
            raise OperationError("the vector has no elements")
        return float(function(values))

    return call


def _map(function: Callable[[float], float]) -> Callable[..., Value]:
    def call(*arguments: Value) -> Value:
        values = tuple(float(function(value)) for value in _vector(arguments))
        if len(arguments) == 1 and isinstance(arguments[0], float):
            return values[0]
        return values

    return call


def _percentile(*arguments: Value) -> Value:
    match arguments:
        case (tuple() as values, float() as wanted) if values and 0 <= wanted <= 100:
            ordered = sorted(values)
            place = (len(ordered) - 1) * wanted / 100
            low = math.floor(place)
            high = min(low + 1, len(ordered) - 1)
            return float(ordered[low] + (ordered[high] - ordered[low]) * (place - low))
    raise OperationError("percentile takes a doubleVec with elements and a double from 0 to 100")


def _val(*arguments: Value) -> Value:
    match arguments:
        case (tuple() as values, float() as place) if 0 <= place < len(values):
            return float(values[int(place)])
    raise OperationError("val takes a doubleVec and the place of one of its elements")


def _len(*arguments: Value) -> Value:
    return float(len(_vector(arguments)))


def _vec(*arguments: Value) -> Value:
    return _vector(arguments)


def moment(text: str) -> datetime:
    """Parse a W3C-DTF or RFC 1123 time. Raises OperationError."""
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            found = read(text)
        except (ValueError, TypeError, IndexError):
            continue
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    raise OperationError(f"{text!r} is not a date and time")


FUNCTIONS: dict[str, Callable[..., Value]] = {
    "avg": _reduce(statistics.fmean),
    "len": _len,
    "lg": _map(math.log2),
    "ln": _map(math.log),
    "log": _map(math.log10),
    "max": _reduce(max),
    "min": _reduce(min),
    "norm": _reduce(lambda values: math.hypot(*values)),
    "percentile": _percentile,
    "range": _reduce(lambda values: max(values) - min(values)),
    "std": _reduce(lambda values: statistics.stdev(values) if len(values) > 1 else 0.0),
    "sum": _reduce(math.fsum),
    "val": _val,
    "vec": _vec,
}
