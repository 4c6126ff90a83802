"""Benchmarks: each module has `run() -> list[Row]` and can be run by itself."""

Row = dict[str, object]
"""One line of a table: column -> text or number. A row with a goal has `figure`, `value`, `unit`, `goal` and `met`."""


def goal_row(figure: str, value: float, unit: str, goal: float, *, at_least: bool = False) -> Row:
    """A row with a goal, which `value` must not exceed, or with `at_least` must reach."""
    met = value >= goal if at_least else value <= goal
    return {"figure": figure, "value": value, "unit": unit, "goal": goal, "met": met}
