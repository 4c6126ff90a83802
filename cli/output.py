"""Prints results for people, or JSON lines for programs."""

from __future__ import annotations

import asyncio
import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from cli.words import STYLES, printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def _stdout() -> Console:
    return Console(highlight=False, soft_wrap=True, emoji=False, markup=False)


def _stderr() -> Console:
    return Console(highlight=False, soft_wrap=True, emoji=False, markup=False, stderr=True)


@dataclass(kw_only=True)
class Output:
    """Standard output has either sentences or, with `json`, one JSON value a line; sentences then go to stderr.

    Colours appear only on a terminal, and never if NO_COLOR is set.
    """

    json: bool = False
    errors: Console = field(default_factory=_stderr)
    _stdout: Console = field(default_factory=_stdout)
    _announced: bool = False

    @property
    def console(self) -> Console:
        """Where sentences and progress go."""
        return self.errors if self.json else self._stdout

    def say(self, text: str, *, style: str = "") -> None:
        """Print a line for people."""
        self.console.print(Text(text, style=style))

    def failure(self, video: str, problem: str) -> None:
        """Print a video that failed and why."""
        self.console.print(Text.assemble("  ", (printable(video), STYLES["Failed"]), f": {problem}"))

    def result(self, value: Mapping[str, Any]) -> None:
        """Print a JSON value, if the caller asked for JSON."""
        if self.json:
            print(json.dumps(value), flush=True)

    def error(self, text: str) -> None:
        """Print why the command ends."""
        self.errors.print(Text(text, style=STYLES["Failed"]))

    def stopped(self, text: str = "Stopped.") -> None:
        """Print that a signal ends the command; only the first call prints."""
        if not self._announced:
            self._announced = True
            # The terminal shows ^C where the cursor is.
            self.errors.print(Text(f"\n{text}" if self.errors.is_terminal else text))

    @contextmanager
    def announcing_stop(self, text: str) -> Iterator[None]:
        """Call `stopped` as soon as the block is cancelled, before its callers clean up."""
        try:
            yield
        except asyncio.CancelledError:
            self.stopped(text)
            raise
