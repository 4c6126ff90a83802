"""The lines of the deployed formula that the app rewrites."""

from datetime import UTC, datetime

import pytest

from infra.autoscale import formula
from infra.autoscale import with_hint as as_the_simulation_does
from shared.lifecycle.scaling.hint import held_until, with_hint, with_hold

AT = datetime(2026, 11, 21, 12, 30, 45, tzinfo=UTC)
TEXT = formula(max_dedicated=4, max_low_priority=2, min_nodes=0)


def test_hint_is_written_as_the_simulation_writes_it() -> None:
    assert with_hint(TEXT, AT, 17) == as_the_simulation_does(TEXT, AT, 17)


def test_hint_replaces_an_earlier_one_and_nothing_else() -> None:
    once = with_hint(TEXT, AT, 17)
    assert once is not None
    twice = with_hint(once, AT, 3)
    assert twice == with_hint(TEXT, AT, 3)
    assert sum(old != new for old, new in zip(TEXT.splitlines(), once.splitlines(), strict=True)) == 1


@pytest.mark.parametrize("text", ["", "$TargetDedicatedNodes = 1;", TEXT + TEXT])
def test_formula_without_one_such_line_is_left_alone(text: str) -> None:
    assert with_hint(text, AT, 1) is None
    assert with_hold(text, AT) is None


def test_formula_with_windows_line_ends_has_its_lines_too() -> None:
    text = TEXT.replace("\n", "\r\n")
    hinted = with_hint(text, AT, 1)
    assert hinted is not None
    assert hinted.replace("\r\n", "\n") == with_hint(TEXT, AT, 1)


def test_hold_and_hint_are_independent() -> None:
    held = with_hold(TEXT, AT)
    assert held is not None
    assert held_until(held) == AT
    hinted = with_hint(held, AT, 5)
    assert hinted is not None
    assert held_until(hinted) == AT


def test_formula_is_held_until_a_time_in_the_past_at_first() -> None:
    until = held_until(TEXT)
    assert until is not None
    assert until < AT
    assert held_until("a = 1;") is None
    assert held_until('holdTime = time("soon");') is None
