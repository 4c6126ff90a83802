"""Benchmarks: one module to a question, each with `run() -> list[Row]` and runnable by itself."""

Row = dict[str, object]
"""One line of a table: column -> text or number, in the order of the columns."""
