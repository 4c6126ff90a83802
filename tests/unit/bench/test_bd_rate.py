"""The difference in bytes at equal quality is right on curves whose difference is known."""

import math

import pytest

from bench.gif.bd_rate import bd_rate

REFERENCE = [(100.0, 0.90), (200.0, 0.93), (400.0, 0.95), (800.0, 0.96)]


@pytest.mark.parametrize("factor", [0.5, 0.9, 1.0, 1.25])
def test_curve_of_so_many_times_the_bytes_has_that_rate(factor: float) -> None:
    measured = [(factor * size, quality) for size, quality in REFERENCE]
    assert bd_rate(REFERENCE, measured) == pytest.approx(factor - 1)


def test_straight_lines_are_averaged_over_their_common_range() -> None:
    # log2 of the bytes: 10 q and 10 q + q - 0.5, whose difference is q - 0.5; common from 0.2 to 0.6, on average -0.1.
    reference = [(2.0 ** (10 * q), q) for q in (0.0, 0.3, 0.6)]
    measured = [(2.0 ** (11 * q - 0.5), q) for q in (0.2, 0.5, 1.0)]
    assert bd_rate(reference, measured) == pytest.approx(2**-0.1 - 1)


def test_smooth_curves_agree_with_their_integral() -> None:
    qualities = [0.5 + 0.05 * step for step in range(10)]
    reference = [(math.exp(4 * q * q), q) for q in qualities]
    measured = [(math.exp(4 * q * q + 0.3 * q - 0.2), q) for q in qualities]
    mean = (0.3 * (0.5 + 0.95) / 2) - 0.2
    assert bd_rate(reference, measured) == pytest.approx(math.exp(mean) - 1, abs=1e-3)


def test_range_can_be_limited() -> None:
    measured = [(100.0, 0.90), (200.0, 0.93), (200.0 * 2, 0.945), (1600.0, 0.96)]
    assert bd_rate(REFERENCE, measured, within=(0.90, 0.93)) == pytest.approx(0, abs=0.05)
    assert (bd_rate(REFERENCE, measured, within=(0.95, 0.96)) or 0) > 0.2


def test_points_that_another_beats_do_not_count() -> None:
    assert bd_rate(REFERENCE, [*REFERENCE, (900.0, 0.94)]) == pytest.approx(0)


@pytest.mark.parametrize(
    "measured", [[], [(100.0, 0.95)], [(1.0, 0.1), (2.0, 0.2)], [(5.0, 0.95), (5.0, 0.95)]], ids=str
)
def test_curves_without_a_common_range_have_no_rate(measured: list[tuple[float, float]]) -> None:
    assert bd_rate(REFERENCE, measured) is None


def test_interpolation_does_not_overshoot_a_step() -> None:
    steep = [(100.0, 0.1), (101.0, 0.2), (1000.0, 0.21), (1001.0, 0.3)]
    flat = [(100.0, 0.1), (100.0000001, 0.3)]
    rate = bd_rate(flat, steep)
    assert rate is not None
    assert 0 < rate < 9.01
