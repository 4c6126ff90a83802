"""Fault injection."""

from hypothesis import given
from hypothesis import strategies as st

from local.events.faults import Faults


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
