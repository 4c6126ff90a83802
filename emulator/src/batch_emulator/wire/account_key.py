"""The account's shared key if none is given."""

from __future__ import annotations

import base64
import os
import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_FILE = "account-key"


def stored_key(directory: Path | None) -> str:
    """The key stored in `directory`, where a random one is created; without a directory a random key."""
    if directory is None:
        return _new_key()
    path = directory / _FILE
    if not path.exists():
        draft = path.with_name(f".{_FILE}.{os.getpid()}")
        draft.touch(mode=0o600)
        draft.write_text(_new_key())
        draft.replace(path)
    return path.read_text().strip()


def _new_key() -> str:
    return base64.b64encode(secrets.token_bytes(64)).decode()
