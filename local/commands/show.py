"""Progress on a terminal as bars, elsewhere as a line for each event."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.progress import Progress, TaskID

_BARS_AT_MOST = 12


class Show(Protocol):
    """Where progress goes."""

    def update(self, name: str, *, state: str, fraction: float | None) -> None:
        """A video is in a state (a word), and so far done, 0 to 1, if that is known."""

    def end(self, name: str, line: str) -> None:
        """A video is done; the line says how it came out."""


@contextmanager
def show(names: Sequence[str]) -> Iterator[Show]:
    """Show the progress of these videos for as long as the context lasts."""
    if not sys.stdout.isatty():
        yield _Lines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    progress = Progress(
        TextColumn("{task.fields[label]}", markup=False),
        BarColumn(bar_width=30),
        TaskProgressColumn(),
        TextColumn("{task.fields[state]}", markup=False),
        TimeElapsedColumn(),
        console=Console(highlight=False),
    )
    with progress:
        yield _Bars(progress, names)


class _Lines:
    def __init__(self) -> None:
        self._states: dict[str, str] = {}

    def update(self, name: str, *, state: str, fraction: float | None) -> None:
        if self._states.get(name) != state:
            self._states[name] = state
            print(f"{printable(name)}: {state}", flush=True)

    def end(self, name: str, line: str) -> None:
        print(line, flush=True)


class _Bars:
    """A bar for each video, or one for all of them and those that are being converted when there are many."""

    def __init__(self, progress: Progress, names: Sequence[str]) -> None:
        self._progress = progress
        self._total: TaskID | None = None
        self._bars: dict[str, TaskID] = {}
        self._many = len(names) > _BARS_AT_MOST
        if self._many:
            self._total = progress.add_task("", total=len(names), label=f"{len(names)} videos", state="")
        else:
            for name in names:
                self._add(name)

    def _add(self, name: str) -> TaskID:
        label = printable(name)
        bar = self._progress.add_task("", total=1.0, label=label if len(label) <= 40 else f"{label[:39]}…", state="")
        self._bars[name] = bar
        return bar

    def update(self, name: str, *, state: str, fraction: float | None) -> None:
        bar = self._bars.get(name)
        if bar is None:
            if state != "running":
                return
            bar = self._add(name)
        self._progress.update(bar, completed=fraction or 0.0, state=state)

    def end(self, name: str, line: str) -> None:
        self._progress.console.print(line, markup=False, soft_wrap=True)
        if self._total is not None:
            self._progress.advance(self._total)
        if (bar := self._bars.pop(name, None)) is not None:
            self._progress.remove_task(bar)


def printable(text: str) -> str:
    """The text without what would move a terminal's cursor or could not be printed."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)
