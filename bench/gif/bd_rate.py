"""Bjøntegaard's delta rate: the bytes that one method needs at the quality of another, averaged over a range."""

import math
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Final

Point = tuple[float, float]
"""Bytes and quality."""
STEPS: Final = 200


def bd_rate(
    reference: Iterable[Point], measured: Iterable[Point], *, within: tuple[float, float] | None = None
) -> float | None:
    """The mean difference of bytes at equal quality, as a share: -0.1 is 10 % fewer bytes than the reference.

    The mean is that of the logarithms, over the qualities that both reach. None if they share no range.

    within: Limits the range of qualities. Default: no limit.
    """
    curves = [_increasing(reference), _increasing(measured)]
    if min(map(len, curves)) < 2:
        return None
    lowest = max(curve[0][0] for curve in curves)
    highest = min(curve[-1][0] for curve in curves)
    if within is not None:
        lowest, highest = max(lowest, within[0]), min(highest, within[1])
    if highest <= lowest:
        return None
    base, other = map(_interpolation, curves)
    places = [lowest + (highest - lowest) * (step + 0.5) / STEPS for step in range(STEPS)]
    return math.exp(sum(other(place) - base(place) for place in places) / STEPS) - 1


def _increasing(points: Iterable[Point]) -> list[Point]:
    """(quality, logarithm of bytes) of the points that no other point beats, by quality."""
    kept: list[Point] = []
    for size, quality in sorted(points, key=lambda point: (point[0], -point[1])):
        if not kept or quality > kept[-1][0]:
            kept.append((quality, math.log(size)))
    return kept


def _interpolation(points: list[Point]) -> Callable[[float], float]:
    """A monotone cubic through the points, which never overshoots between them (Fritsch and Carlson)."""
    xs, ys = [point[0] for point in points], [point[1] for point in points]
    widths = [b - a for a, b in pairwise(xs)]
    slopes = [(b - a) / width for (a, b), width in zip(pairwise(ys), widths, strict=True)]
    tangents = [slopes[0], *map(_harmonic_mean, slopes, slopes[1:], widths, widths[1:]), slopes[-1]]

    def value(x: float) -> float:
        at = max(0, sum(x >= start for start in xs[:-1]) - 1)
        width = widths[at]
        t = (x - xs[at]) / width
        return (
            (1 + 2 * t) * (1 - t) ** 2 * ys[at]
            + t * (1 - t) ** 2 * width * tangents[at]
            + t**2 * (3 - 2 * t) * ys[at + 1]
            + t**2 * (t - 1) * width * tangents[at + 1]
        )

    return value


def _harmonic_mean(before: float, after: float, width_before: float, width_after: float) -> float:
    if before * after <= 0:
        return 0.0
    first, second = 2 * width_after + width_before, width_after + 2 * width_before
    return (first + second) / (first / before + second / after)
