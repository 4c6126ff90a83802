"""Progress of conversions: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn

from cli.words import SAVING, STATES, STYLES, UPLOADING, count, printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cli.output import Output

_MAX_BARS = 12
_MAX_LABEL_CHARS = 40
_WAITING, _CONVERTING, _DONE, _FAILED = STATES.values()
_SPANS = {UPLOADING: (0.0, 0.2), _WAITING: (0.2, 0.2), _CONVERTING: (0.2, 0.95), SAVING: (0.95, 0.95)}
"""State -> the part of a bar that it fills."""


class ProgressDisplay(Protocol):
    """Shows the progress of conversions."""

    def update(self, name: str, *, state: str, fraction: float | None) -> None:
        """Show a video's state and the completed fraction of that state, 0 to 1, if known."""

    def end(self, name: str, line: str, *, failed: bool) -> None:
        """Show the result of a video as `line` and stop showing its progress."""


@contextmanager
def progress_display(names: Sequence[str], *, output: Output) -> Iterator[ProgressDisplay]:
    """A display for these videos; more may be added while it is open."""
    if not output.console.is_terminal:
        yield _Lines(output)
        return
    progress = Progress(
        TextColumn("{task.fields[label]}", markup=False),
        BarColumn(bar_width=30),
        TaskProgressColumn(),
        TextColumn("{task.fields[state]}", markup=False),
        TimeElapsedColumn(),
        console=output.console,
        transient=True,
    )
    with progress:
        yield _Bars(progress, names, output)


class _Lines:
    def __init__(self, output: Output) -> None:
        self._output = output
        self._states: dict[str, str] = {}

    def update(self, name: str, *, state: str, fraction: float | None) -> None:
        if self._states.get(name) != state:
            self._states[name] = state
            self._output.say(f"{printable(name)}: {state}")

    def end(self, name: str, line: str, *, failed: bool) -> None:
        self._states.pop(name, None)
        self._output.say(line)


class _Bars:
    """A bar for each video; with many videos, one total and a bar for each that moves."""

    def __init__(self, progress: Progress, names: Sequence[str], output: Output) -> None:
        self._progress = progress
        self._output = output
        self._bars: dict[str, TaskID] = {}
        self._states: dict[str, tuple[str, float]] = {}
        self._ended: Counter[str] = Counter()
        self._total: TaskID | None = None
        if len(names) > _MAX_BARS:
            self._states = dict.fromkeys(names, ("", 0.0))
            self._total = progress.add_task("", total=len(names), label=count(len(names), "video"), state="")
        else:
            for name in names:
                self._add(name)

    def _add(self, name: str) -> TaskID:
        label = printable(name)
        bar = self._progress.add_task("", total=1.0, label=_shortened(label), state="")
        self._bars[name] = bar
        return bar

    def update(self, name: str, *, state: str, fraction: float | None) -> None:
        low, high = _SPANS.get(state, (0.95, 0.95))
        done = low + (high - low) * min(max(fraction or 0.0, 0.0), 1.0)
        self._states[name] = state, done
        bar = self._bars.get(name)
        if bar is None and (self._total is None or (state in (UPLOADING, _CONVERTING) and len(self._bars) < _MAX_BARS)):
            bar = self._add(name)
        if bar is not None and self._total is not None and state == _WAITING:
            self._remove(name)
        elif bar is not None:
            self._progress.update(bar, completed=done, state=state)
        self._show_total()

    def end(self, name: str, line: str, *, failed: bool) -> None:
        self._output.say(line, style=STYLES[_FAILED] if failed else "")
        self._states.pop(name, None)
        self._ended[_FAILED if failed else _DONE] += 1
        self._remove(name)
        self._show_total()

    def _remove(self, name: str) -> None:
        if (bar := self._bars.pop(name, None)) is not None:
            self._progress.remove_task(bar)

    def _show_total(self) -> None:
        if self._total is None:
            return
        counts = self._ended + Counter(state for state, _ in self._states.values() if state)
        done = self._ended.total() + sum(fraction for _, fraction in self._states.values())
        shown = (_DONE, _FAILED, _CONVERTING, UPLOADING, _WAITING)
        text = ", ".join(f"{counts[state]} {state}" for state in shown if counts[state])
        self._progress.update(self._total, completed=done, state=text)


def _shortened(label: str) -> str:
    return label if len(label) <= _MAX_LABEL_CHARS else f"{label[: _MAX_LABEL_CHARS - 1]}…"
