"""Benchmarks: each module has `run() -> list[Row]` and can be run by itself."""

Row = dict[str, object]
"""One line of a table: column -> text or number. A row with a goal has `figure`, `value`, `unit`, `goal` and `met`."""
