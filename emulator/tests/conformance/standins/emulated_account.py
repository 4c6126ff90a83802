"""The Batch account of a test: an emulator in a process of its own."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import azure.batch
import jwt
import requests
from azure.core.credentials import AzureNamedKeyCredential

ROOT = Path(__file__).parents[3]
TOKEN_KEY = "k" * 32
WAIT_SECONDS = 30


@dataclass
class EmulatedAccount:
    """A running emulator. `name` and `account_endpoint` are what the tests read."""

    name: str
    directory: tempfile.TemporaryDirectory[str] = field(default_factory=tempfile.TemporaryDirectory)
    account_endpoint: str = ""
    key: str = ""

    def start(self) -> None:
        root, tls = Path(self.directory.name), Path(os.environ["CONFORMANCE_TLS"])
        (root / "applications/application_id").mkdir(parents=True)
        with zipfile.ZipFile(root / "applications/application_id/v1.0.zip", "w") as archive:
            archive.writestr("hello.txt", "Hello World")
        options = ["--port", "0", "--account", self.name, "--exit-with-stdin", "--allocation-delay", "0.2"]
        options += ["--tls-cert", tls / "cert.pem", "--tls-key", tls / "key.pem"]
        options += ["--applications", root / "applications"]
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "batch_emulator", *map(str, options)],
            cwd=ROOT,
            env=environment | {"BATCH_TOKEN_KEY": TOKEN_KEY},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self.process.stdout is not None
        ready = json.loads(self.process.stdout.readline())
        self.account_endpoint, self.key = ready["url"], ready["key"]

    def stop(self) -> None:
        self.process.terminate()
        self.process.communicate(timeout=WAIT_SECONDS)
        self.directory.cleanup()

    def credential(self) -> Any:
        """A shared key, as the client of this version takes it."""
        if hasattr(azure.batch, "BatchClient"):
            return AzureNamedKeyCredential(self.name, self.key)
        old = importlib.import_module("azure.batch.batch_auth")
        return old.SharedKeyCredentials(self.name, self.key)

    def call(self, method: str, path: str, body: object = None) -> Any:
        """Send a request as an administrator; returns its JSON. Raises for an error."""
        claims = {"aud": "https://batch.core.windows.net/", "exp": 2**31}
        headers = {"Authorization": f"Bearer {jwt.encode(claims, TOKEN_KEY, algorithm='HS256')}"}
        url = f"{self.account_endpoint}{path}?api-version=2025-06-01"
        response = requests.request(method, url, json=body, headers=headers, timeout=WAIT_SECONDS)
        assert response.ok, response.text
        return response.json() if response.content else None


_accounts: list[EmulatedAccount] = []


def start(name: str) -> EmulatedAccount:
    account = EmulatedAccount(name)
    account.start()
    _accounts.append(account)
    return account


def stop() -> None:
    _accounts.pop().stop()


def current() -> EmulatedAccount:
    """The account of the test that runs."""
    return _accounts[-1]
