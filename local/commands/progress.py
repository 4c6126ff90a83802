"""Progress of conversions: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_MAX_BARS = 12
_MAX_LABEL_CHARS = 40


class ProgressDisplay(Protocol):
    """Shows the progress of conversions."""

    def update(self, name: str, *, state: str, fraction: float | None) -> None:
        """Show a video's state and the completed fraction, 0 to 1, if known."""

    def end(self, name: str, line: str) -> None:
        """Show the result of a video as `line` and stop showing its progress."""


@contextmanager
def progress_display(names: Sequence[str]) -> Iterator[ProgressDisplay]:
    """A display for these videos; more may be added while it is open."""
    if not sys.stdout.isatty():
        yield _Lines()
        return
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
    """A bar for each video; with many videos, one total and a bar for each running conversion."""

    def __init__(self, progress: Progress, names: Sequence[str]) -> None:
        self._progress = progress
        self._total: TaskID | None = None
        self._bars: dict[str, TaskID] = {}
        self._many = len(names) > _MAX_BARS
        if self._many:
            self._total = progress.add_task("", total=len(names), label=f"{len(names)} videos", state="")
        else:
            for name in names:
                self._add(name)

    def _add(self, name: str) -> TaskID:
        label = printable(name)
        bar = self._progress.add_task("", total=1.0, label=_shortened(label), state="")
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


def _shortened(label: str) -> str:
    return label if len(label) <= _MAX_LABEL_CHARS else f"{label[: _MAX_LABEL_CHARS - 1]}…"


def printable(text: str) -> str:
    """The text with control characters and unprintable characters escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)
