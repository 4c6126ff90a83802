"""The autoscale language: types, functions, samples, errors, and the formulas that Microsoft's article shows."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batch_emulator.autoscale import (
    FormulaError,
    History,
    InsufficientSampleDataError,
    Result,
    Situation,
    evaluate,
    parse,
)
from support.formulas import ARTICLE

# A Saturday.
NOW = datetime(2026, 11, 21, 12, 30, 45, 678000, tzinfo=UTC)


def history(minutes: float = 60, *, lag: float = 60, **metrics: float) -> History:
    """Samples every 30 s up to now, of constant metrics."""
    made = History(lag=lag)
    count = int(minutes * 2)
    for index in range(count, -1, -1):
        sample = {f"${name}": value for name, value in metrics.items()}
        made.record(NOW - timedelta(seconds=30 * index), sample)
    return made


def run(formula: str, samples: History | None = None, **situation: int) -> Result:
    return evaluate(formula, Situation(now=NOW, history=samples or History(), **situation), seed=1)


def value(expression: str, samples: History | None = None) -> object:
    return run(f"x = {expression};", samples).variables["x"]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("1 + 2 * 3 - 4 / 8", 6.5),
        ("-(2 - 5) * .5", 1.5),
        ("10 - 4 - 3", 3),
        ("1e3 / 4", 250),
        ("!0 + !5", 1),
        ("1 < 2 && 2 <= 2 && 3 > 2 && 3 >= 3 && 1 == 1 && 1 != 2", 1),
        ("0 && 1 || 1", 1),
        ("0 ? 1 : 0 ? 2 : 3", 3),
        ("1 || unknown", 1),
        ("0 && unknown", 0),
        ("1 ? 2 : unknown", 2),
        ("'a' < 'b'", 1),
        ('"x" == "x"', 1),
        ("avg(1, 2, 6)", 3),
        ("len(vec(1, 2), 3)", 3),
        ("lg(8)", 3),
        ("log(1000)", 3),
        ("ln(1)", 0),
        ("max(vec(1, 5), 3) - min(4, 2)", 3),
        ("norm(3, 4)", 5),
        ("percentile(vec(1, 2, 3, 4, 5), 50)", 3),
        ("range(2, 9)", 7),
        ("std(1, 3)", 2**0.5),
        ("sum(1, vec(2, 3))", 6),
        ("val(vec(7, 8, 9), 1)", 8),
        ("sum(vec(1, 2) * vec(3, 4) + 1)", 13),
        ("len(lg(vec(1, 2)))", 2),
        ("time().weekday", 6),
        ("time().hour * 10000 + time().minute * 100 + time().second", 123045),
        ("time('2024-02-29').day + time('2024-02-29').month + time('2024-02-29').year", 2055),
        ("time('Sun, 06 Nov 1994 08:49:37 GMT').weekday", 0),
        ("time() - TimeInterval_Day < time()", 1),
        ("(time() - time('2026-11-21T12:00:45.678Z')) / 2 == TimeInterval_Minute * 15", 1),
        ("TimeInterval_Zero + 2 * TimeInterval_Hour - TimeInterval_Week / 7 == -(22 * TimeInterval_Hour)", 1),
    ],
)
def test_expression_evaluates_to_its_value(expression: str, expected: float) -> None:
    assert value(expression) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("formula", "line", "column", "words"),
    [
        ("$TargetDedicatedNodes = ", 1, 25, "end of formula"),
        ("a = 1;\nb = 2 +;", 2, 8, "unexpected ';'"),
        ("a = 1;\n  b = @;", 2, 7, "unexpected character '@'"),
        ("a = 1 b = 2", 1, 7, "unexpected 'b'"),
        ("a = 1;\nb = missing;", 2, 5, "unknown variable missing"),
        ("b = foo(1)", 1, 5, "unknown function foo"),
        ("b = 1 / 0", 1, 5, "division by zero"),
        ("b = 1 + time()", 1, 5, "no double + timestamp"),
        ("b = time() ? 1 : 2", 1, 5, "as a condition"),
        ("b = $PendingTasks + 1", 1, 5, "use $PendingTasks.GetSample()"),
        ("b = $PendingTasks.GetSample('x')", 1, 5, "no GetSample(string)"),
        ("$ActiveTasks = 1", 1, 1, "cannot be assigned"),
        ("$TargetDedicatedNodes = 'x'", 1, 1, "takes a double"),
        ("$TargetDedicatedNodes = ln(0)", 1, 25, "domain"),
        ("$NodeDeallocationOption = 'explode'", 1, 1, "takes one of requeue"),
        ("b = val(vec(1), 1)", 1, 5, "place"),
        ("b = avg()", 1, 5, "no elements"),
    ],
)
def test_formula_error_has_message_line_and_column(formula: str, line: int, column: int, words: str) -> None:
    with pytest.raises(FormulaError) as caught:
        run(formula)
    assert (caught.value.line, caught.value.column) == (line, column)
    assert words in str(caught.value)


def test_formula_size_and_number_of_statements_are_limited() -> None:
    with pytest.raises(FormulaError, match="longer than 8192"):
        parse("a = 1;" + " " * 8192)
    parse("a=1;" * 100)
    with pytest.raises(FormulaError, match="more than 100"):
        parse("a=1;" * 101)


def test_formula_nested_too_deeply_is_refused() -> None:
    with pytest.raises(FormulaError, match="nested too deeply"):
        run("a = " + "-" * 4000 + "1")


def test_comments_and_line_breaks_are_ignored() -> None:
    assert run("// first\na = 1; /* more\n lines */ $TargetDedicatedNodes = a\n;\n").target_dedicated == 1


def test_targets_are_truncated_and_never_negative() -> None:
    result = run("$TargetDedicatedNodes = 2.9; $TargetLowPriorityNodes = -3;")
    assert (result.target_dedicated, result.target_low_priority) == (2, 0)


def test_targets_not_assigned_keep_their_values() -> None:
    result = run("a = 1;", target_dedicated=4, target_low_priority=2)
    assert (result.target_dedicated, result.target_low_priority, result.deallocation_option) == (4, 2, "requeue")


def test_stop_ends_the_evaluation_and_keeps_assignments() -> None:
    result = run("$TargetDedicatedNodes = 3; 1 ? stop() : 0; $TargetDedicatedNodes = 9;")
    assert result.target_dedicated == 3


def test_result_string_has_the_format_of_batch() -> None:
    formula = "b = vec(1, 0.5); a = time(); $NodeDeallocationOption = taskcompletion; $TargetDedicatedNodes = 1;"
    assert run(formula).text == (
        "$TargetDedicatedNodes=1;$TargetLowPriorityNodes=0;$NodeDeallocationOption=taskcompletion;"
        "a=2026-11-21T12:30:45.678Z;b=[1,0.5]"
    )


def test_samples_of_the_last_minute_are_not_visible() -> None:
    samples = history(RunningTasks=4)
    assert value("len($RunningTasks.GetSample(TimeInterval_Minute * 10))", samples) == 18
    assert value("$RunningTasks.GetSamplePercent(TimeInterval_Minute * 10)", samples) == 90
    assert value("$RunningTasks.GetSamplePercent(TimeInterval_Second * 60)", samples) == 0
    assert value("len($RunningTasks.GetSample(TimeInterval_Minute * 10, 80))", samples) == 18
    with pytest.raises(FormulaError, match="wanted 95%, received 90%") as caught:
        value("$RunningTasks.GetSample(TimeInterval_Minute * 10, 95)", samples)
    assert isinstance(caught.value.__cause__, InsufficientSampleDataError)


def test_sample_window_can_have_a_start_and_an_end() -> None:
    samples = history(RunningTasks=4)
    assert value("len($RunningTasks.GetSample(1 * TimeInterval_Minute, 6 * TimeInterval_Minute))", samples) == 10
    window = "time() - 6 * TimeInterval_Minute, time() - TimeInterval_Minute"
    assert value(f"sum($RunningTasks.GetSample({window}, 75))", samples) == 40


def test_window_wants_seventy_percent_of_its_samples_unless_the_formula_says_otherwise() -> None:
    samples = history(lag=90, RunningTasks=4)
    with pytest.raises(FormulaError, match=r"\$RunningTasks wanted 70%, received 50%"):
        value("$RunningTasks.GetSample(TimeInterval_Minute * 3)", samples)
    with pytest.raises(FormulaError, match="wanted 70%, received 50%"):
        value("$RunningTasks.GetSample(TimeInterval_Minute * 3, TimeInterval_Minute * 0)", samples)
    assert value("len($RunningTasks.GetSample(TimeInterval_Minute * 3, 50))", samples) == 3


def test_metric_has_count_period_and_begin_time_of_its_history() -> None:
    samples = history(10, RunningTasks=4)
    assert value("$RunningTasks.Count()", samples) == 19
    assert value("$RunningTasks.GetSamplePeriod() == 30 * TimeInterval_Second", samples) == 1
    assert value("$RunningTasks.HistoryBeginTime()", samples) == NOW - timedelta(minutes=10)
    assert value("len($RunningTasks.GetSample(5))", samples) == 5


def test_formula_with_a_start_size_works_on_a_new_pool() -> None:
    # As workflow tools write them: the tasks are computed before they are needed.
    formula = """
        age = time() - time("2026-11-21T12:30:44.123456Z");
        recent = TimeInterval_Minute * 5;
        $tasks = $PendingTasks.GetSamplePercent(recent) < 70 ?
            max(0, $PendingTasks.GetSample(1)) : avg($PendingTasks.GetSample(recent));
        $TargetDedicatedNodes = age < recent ? 2 : $tasks;"""
    assert run(formula, history(0)).target_dedicated == 2


def test_last_sample_of_a_metric_without_samples_is_zero() -> None:
    # https://github.com/Azure/batch-shipyard/issues/138: on a new pool, val(GetSample(1), 0) has a value, while
    # GetSample(interval) in the next line fails.
    assert value("val($PendingTasks.GetSample(1), 0)", history(0)) == 0
    with pytest.raises(FormulaError, match="Insufficient data"):
        value("$PendingTasks.GetSample(TimeInterval_Minute * 5)", history(0))


@pytest.mark.parametrize("name", ARTICLE)
def test_formulas_of_microsofts_article_evaluate(name: str) -> None:
    samples = history(90, lag=30, ActiveTasks=6, RunningTasks=2, PendingTasks=8, CPUPercent=0.9, PreemptedNodeCount=1)
    result = run(ARTICLE[name], samples, current_dedicated=10, target_dedicated=10)
    assert 0 <= result.target_dedicated <= 400
    assert result.text.startswith("$TargetDedicatedNodes=")


_words = st.sampled_from(
    [
        "$TargetDedicatedNodes",
        "$PendingTasks.GetSample(",
        "TimeInterval_Minute",
        "time()",
        "avg(",
        "min(",
        "vec(",
        "rand()",
        "stop()",
        "=",
        "==",
        ";",
        "?",
        ":",
        "(",
        ")",
        ",",
        "+",
        "-",
        "*",
        "/",
        "!",
        "&&",
        "||",
        "<",
        "1",
        "2.5",
        "'a'",
        "x",
        ".year",
        "requeue",
    ]
)


@settings(deadline=None)
@given(st.lists(_words, max_size=40).map(" ".join) | st.text(max_size=200))
def test_arbitrary_text_gives_a_result_or_a_formula_error(text: str) -> None:
    with contextlib.suppress(FormulaError):
        assert run(text, history(20, PendingTasks=3)).target_dedicated >= 0


@settings(deadline=None)
@given(
    st.recursive(
        st.integers(0, 99).map(str),
        lambda inner: st.tuples(inner, st.sampled_from("+-*"), inner).map(lambda parts: f"({' '.join(parts)})"),
        max_leaves=20,
    )
)
def test_arithmetic_agrees_with_python(expression: str) -> None:
    assert value(expression) == pytest.approx(eval(expression))  # noqa: S307
