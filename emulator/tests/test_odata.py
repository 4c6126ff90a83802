"""`$filter`: its semantics, and invalid text."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batch_emulator.wire.odata import FilterError, compile_filter

NAMES = frozenset({"id", "state", "creationTime", "lastModifiedTime", "executionInfo/exitCode", "isDedicated"})
TASK = {
    "id": "Task-1",
    "state": "completed",
    "creationTime": "2026-11-21T10:00:00.5000000Z",
    "lastModified": "2026-11-21T10:00:01.0000000Z",
    "executionInfo": {"exitCode": 3},
    "isDedicated": True,
}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("state eq 'completed'", True),
        ("state EQ 'Completed'", True),
        ("state ne 'completed'", False),
        ("'completed' eq state", True),
        ("id eq 'task-1' and executionInfo/exitCode eq 3", True),
        ("executionInfo/exitCode gt 3 or executionInfo/exitCode le 3", True),
        ("executionInfo/exitCode ge 3.5", False),
        ("executionInfo/exitCode lt -1", False),
        ("not (state eq 'active')", True),
        ("not state eq 'completed' or id eq 'x'", False),
        ("id eq 'x' and id eq 'y' or state eq 'completed'", True),
        ("id eq 'x' and (id eq 'y' or state eq 'completed')", False),
        ("startswith(id, 'task')", True),
        ("startswith(id,'ask')", False),
        ("creationTime gt 2026-11-21T10:00:00Z", True),
        ("creationTime gt 2026-11-21T10:00:00.5Z", False),
        ("creationTime eq DateTime'2026-11-21T12:00:00.5+02:00'", True),
        ("creationTime lt datetime'2026-11-22'", True),
        ("lastModifiedTime ge 2026-11-21T10:00:01Z", True),
        ("executionInfo/exitCode ne null", True),
        ("isDedicated", True),
        ("isDedicated eq false", False),
    ],
)
def test_filter_selects_by_odata_expression(text: str, holds: bool) -> None:
    assert compile_filter(text, NAMES)(TASK) is holds


def test_absent_property_equals_only_null() -> None:
    for text, holds in (("executionInfo/exitCode eq null", True), ("executionInfo/exitCode lt 5", False)):
        assert compile_filter(text, NAMES)({"id": "x"}) is holds


def test_doubled_quote_in_a_filter_means_one_quote() -> None:
    assert compile_filter("id eq 'it''s'", NAMES)({"id": "it's"})


@pytest.mark.parametrize(
    "text",
    ["state", "'a'", "state eq", "eq 'a'", "color eq 'red'", "state eq 'a", "((state eq 'a')", "id eq datetime'x'"],
)
def test_invalid_filter_is_refused(text: str) -> None:
    if text == "state":
        assert not compile_filter(text, NAMES)(TASK)
    else:
        with pytest.raises(FilterError):
            compile_filter(text, NAMES)


_words = st.sampled_from(
    [
        "id",
        "state",
        "executionInfo/exitCode",
        "eq",
        "ne",
        "gt",
        "le",
        "and",
        "or",
        "not",
        "(",
        ")",
        ",",
        "startswith(",
        "'a'",
        "'it''s'",
        "1",
        "-2.5",
        "true",
        "null",
        "2026-01-01",
        "datetime'x'",
        "/",
        "nothing",
    ]
)


@settings(deadline=None)
@given(st.lists(_words, max_size=60).map(" ".join) | st.text(max_size=100))
def test_arbitrary_text_gives_a_filter_or_a_filter_error(text: str) -> None:
    with contextlib.suppress(FilterError):
        assert compile_filter(text, NAMES)(TASK) in (True, False)


def test_filter_nested_too_deeply_is_refused() -> None:
    with pytest.raises(FilterError):
        compile_filter("(" * 5000 + "id eq 'a'" + ")" * 5000, NAMES)
