"""Runs the Functions host as a process of its own, for tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]
APPS = Path(__file__).parent / "apps"


@dataclass
class RunningHost:
    """A host that serves one app; `first` is the first line it printed."""

    process: subprocess.Popen[str]
    first: dict[str, Any]
    log: Path
    notes: Path

    @property
    def url(self) -> str:
        return str(self.first["url"])

    def ask(self, method: str, path: str, **headers: str) -> tuple[int, bytes]:
        """Send a request with an empty JSON object and wait for the answer."""
        connection = HTTPConnection("127.0.0.1", urlsplit(self.url).port, timeout=30)
        try:
            connection.request(method, path, body="{}", headers={"Content-Type": "application/json", **headers})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def noted(self, **facts: object) -> list[dict[str, Any]]:
        """What the app noted so far, of what has these facts."""
        lines = self.notes.read_text().splitlines() if self.notes.exists() else []
        notes = [json.loads(line) for line in lines]
        return [note for note in notes if facts.items() <= note.items()]


def command(app: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "local.functions", "--app", str(app), *arguments]


def environment(**settings: str) -> dict[str, str]:
    """A bare environment with these app settings."""
    return {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **settings}


@contextmanager
def running_host(app: Path, *arguments: str, directory: Path, **settings: str) -> Iterator[RunningHost]:
    """Serve `app` with these app settings, with its log and notes in `directory`, and stop it in the end."""
    log, notes = directory / "host.log", directory / "notes.jsonl"
    with log.open("a") as stderr:
        process = subprocess.Popen(
            command(app, *arguments),
            cwd=ROOT,
            env=environment(NOTES=str(notes), **settings),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
        with process:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, log.read_text()
            try:
                yield RunningHost(process=process, first=json.loads(line), log=log, notes=notes)
            finally:
                process.terminate()


def eventually(condition: Callable[[], object], *, within: float = 20.0) -> None:
    """Wait until `condition` holds; fail when it does not within so many seconds."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)
