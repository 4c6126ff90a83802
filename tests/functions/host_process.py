"""Runs the Functions host as a child process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
APPS = Path(__file__).parent / "apps"


@dataclass
class RunningHost:
    """A running host; `first_line` is the JSON it printed at start, `notes` the file that its app writes to."""

    process: subprocess.Popen[str]
    first_line: dict[str, Any]
    log: Path
    notes: Path

    @property
    def url(self) -> str:
        return str(self.first_line["url"])

    def request(self, method: str, path: str, **headers: str) -> tuple[int, bytes]:
        """Send a request with an empty JSON object; returns the status code and the body of the response."""
        connection = HTTPConnection("127.0.0.1", urlsplit(self.url).port, timeout=30)
        try:
            connection.request(method, path, body="{}", headers={"Content-Type": "application/json", **headers})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def notes_with(self, **facts: object) -> list[dict[str, Any]]:
        """The notes the app has written so far that contain these facts."""
        lines = self.notes.read_text().splitlines() if self.notes.exists() else []
        notes = [json.loads(line) for line in lines]
        return [note for note in notes if facts.items() <= note.items()]


def command(app: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "local.functions", "--app", str(app), *arguments]


def environment(**settings: str) -> dict[str, str]:
    """A minimal environment with these app settings."""
    return {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **settings}


@contextmanager
def running_host(app: Path, *arguments: str, directory: Path, **settings: str) -> Iterator[RunningHost]:
    """Run a host that serves `app` with these app settings; its log and notes are in `directory`."""
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
                yield RunningHost(process=process, first_line=json.loads(line), log=log, notes=notes)
            finally:
                process.terminate()
