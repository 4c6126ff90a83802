"""Prints the rows of a benchmark."""

from rich.console import Console
from rich.table import Table

from bench import Row


def show(title: str, rows: list[Row]) -> None:
    """Print rows as a table; numbers with three significant digits."""
    table = Table(title=title, title_justify="left")
    columns = list(dict.fromkeys(column for row in rows for column in row))
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(_text(row.get(column, "")) for column in columns))
    console = Console()
    # Not folded to 80 columns in a file or a log.
    (console if console.is_terminal else Console(width=200)).print(table)


def _text(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
