"""Fault injection."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.events.faults import Faults, fractions


@given(st.integers(), st.text(), st.integers(1, 9))
def test_faults_with_fractions_0_and_1_affect_no_and_all_events(seed: int, subject: str, occurrence: int) -> None:
    assert Faults(seed=seed).copies(subject, occurrence=occurrence) == 1
    assert Faults(seed=seed, drop=1).copies(subject, occurrence=occurrence) == 0
    assert Faults(seed=seed, double=1).copies(subject, occurrence=occurrence) == 2


def test_faults_affect_about_the_configured_fractions_of_events() -> None:
    faults = Faults(drop=0.2, double=0.25, seed=1)
    copies = [faults.copies(f"{number}.mp4", occurrence=1) for number in range(2000)]
    assert 340 < copies.count(0) < 460
    assert 340 < copies.count(2) < 460


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], {"videos": 0, "results": 0}),
        (["0.2"], {"videos": 0.2, "results": 0.2}),
        (["results=1"], {"videos": 0, "results": 1}),
        (["0.2", "results=1"], {"videos": 0.2, "results": 1}),
        (["results=1", "0.2"], {"videos": 0.2, "results": 0.2}),
    ],
)
def test_fraction_applies_to_all_subscriptions_or_to_one(options: list[str], expected: dict[str, float]) -> None:
    assert fractions(options, ["videos", "results"]) == expected


@pytest.mark.parametrize("option", ["video=1", "=1", "x", "videos="])
def test_invalid_fraction_raises_value_error(option: str) -> None:
    with pytest.raises(ValueError, match=r"no subscription|could not convert"):
        fractions([option], ["videos", "results"])
