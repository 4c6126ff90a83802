"""Writes `local.settings.json`, with which Microsoft's own host (`func start`) joins a stack beside ours."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from local.layout import write_private
from local.process import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

FUNC_SETTINGS = ROOT / "local.settings.json"
FUNC_PORT = 7072
"""Of Microsoft's host, whose default, 7071, is the port of the stack's own."""


@contextmanager
def func_settings(path: Path, *, endpoints: Mapping[str, str], env: Mapping[str, str]) -> Iterator[bool]:
    """The settings of a stack, at `path` during the block. False where somebody's own file is there, which is kept."""
    if not _may_replace(path):
        yield False
        return
    values = {"AzureWebJobsStorage": _connection_string(endpoints), "FUNCTIONS_WORKER_RUNTIME": "python", **env}
    settings = {"IsEncrypted": False, "Values": values, "Host": {"LocalHttpPort": FUNC_PORT}}
    write_private(path, json.dumps(settings, indent=2) + "\n")
    try:
        yield True
    finally:
        path.unlink(missing_ok=True)


def _connection_string(endpoints: Mapping[str, str]) -> str:
    """For the host alone, which keeps its leases and the state of timers in the storage account."""
    account = endpoints["storage"].rpartition("/")[2]
    parts = {
        "DefaultEndpointsProtocol": "https",
        "AccountName": account,
        "AccountKey": endpoints["storage_key"],
        "BlobEndpoint": endpoints["storage"],
        "TableEndpoint": endpoints["tables"],
    }
    return ";".join(f"{name}={value}" for name, value in parts.items())


def _may_replace(path: Path) -> bool:
    """Whether there is no file, or one that a stack has left when it was killed."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))["Values"]
        return bool(urlsplit(values["GIFDROP_STORAGE_URL"]).hostname == "127.0.0.1")
    except FileNotFoundError:
        return True
    except (ValueError, TypeError, KeyError, AttributeError):
        return False
