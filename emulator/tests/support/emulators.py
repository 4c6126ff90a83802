"""Starts emulators in separate processes, and sends them raw requests."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

from azure.batch import BatchClient
from azure.core.credentials import AzureNamedKeyCredential

from support.tokens import TOKEN_KEY, make_token

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
ACCOUNT = "devbatchaccount"


class Emulator:
    """An emulator in a separate process: its first line of output, and the shared key in it if it chose one itself.

    With the path of a `terminal`, it runs in a session that this terminal controls.
    """

    def __init__(
        self, *arguments: object, environment: dict[str, str] | None = None, terminal: str | None = None
    ) -> None:
        command = [sys.executable, "-m", "batch_emulator", "--exit-with-stdin", *map(str, arguments)]
        if "--port" not in arguments:
            command += ["--port", "0"]
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=os.environ | {"BATCH_TOKEN_KEY": TOKEN_KEY} | (environment or {}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=terminal is not None,
            # The first terminal that the leader of a session opens controls it.
            preexec_fn=(lambda: os.close(os.open(terminal, os.O_RDWR))) if terminal is not None else None,  # noqa: PLW1509
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.stdin, self.stdout = self.process.stdin, self.process.stdout
        line = self.stdout.readline()
        assert line, "the emulator did not start"
        self.ready: dict[str, str] = json.loads(line)
        self.url = self.ready["url"]
        self.key = self.ready.get("key", "")

    def stop(self) -> int:
        """Terminate it; returns the exit code."""
        self.process.terminate()
        return self.close()

    def kill(self) -> None:
        """Kill it and wait for its end."""
        os.kill(self.process.pid, signal.SIGKILL)
        self.close()

    def close(self) -> int:
        """Close its standard input and wait for its end; returns the exit code."""
        self.stdin.close()
        code = self.process.wait(30)
        self.stdout.close()
        return code

    def client(self, **kwargs: object) -> BatchClient:
        """A client with the shared key."""
        return BatchClient(self.url, AzureNamedKeyCredential(ACCOUNT, self.key), **kwargs)


@contextlib.contextmanager
def emulator(
    *arguments: object, environment: dict[str, str] | None = None, terminal: str | None = None
) -> Iterator[Emulator]:
    """Run an emulator during a `with` block; `environment` is added to its environment."""
    started = Emulator(*arguments, environment=environment, terminal=terminal)
    try:
        yield started
    finally:
        started.stop()


def call(
    plain: Emulator, method: str, path: str, *, body: object = None, headers: dict[str, str] | None = None
) -> tuple[int, dict[str, str], Any]:
    """Send a raw request with a bearer token; returns status, headers and JSON. Adds a missing api-version."""
    url = plain.url + path
    if "api-version" not in path:
        url += ("&" if "?" in path else "?") + "api-version=2025-06-01"
    data = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else None
    sent = {"Authorization": f"Bearer {make_token('https://batch.core.windows.net/')}"} | (headers or {})
    request = urllib.request.Request(url, data=data, method=method, headers=sent)  # noqa: S310
    try:
        with urllib.request.urlopen(request) as reply:  # noqa: S310
            text = reply.read()
            return reply.status, dict(reply.headers), json.loads(text) if text else None
    except urllib.error.HTTPError as error:
        with error:
            text = error.read()
            return error.code, dict(error.headers), json.loads(text) if text else None
