"""The data directory of a stack, and the two files in it that clients need to connect."""

from __future__ import annotations

import json
import os
import secrets
import shlex
import shutil
import sys
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Layout:
    """Paths in the data directory of a stack."""

    directory: Path

    @property
    def tls(self) -> Path:
        return self.directory / "tls"

    @property
    def logs(self) -> Path:
        return self.directory / "logs"

    @property
    def storage(self) -> Path:
        return self.directory / "storage"

    @property
    def access_log(self) -> Path:
        return self.logs / "access.log"

    @property
    def table_log(self) -> Path:
        return self.logs / "tables.log"

    @property
    def batch(self) -> Path:
        return self.directory / "batch"

    @property
    def nodes(self) -> Path:
        return self.directory / "nodes"

    @property
    def programs(self) -> Path:
        return self.directory / "bin"

    @property
    def functions(self) -> Path:
        return self.directory / "functions"

    @property
    def pools(self) -> Path:
        return self.directory / "pools.json"

    @property
    def identities(self) -> Path:
        return self.directory / "identities.json"

    @property
    def events_checkpoint(self) -> Path:
        return self.directory / "events.offset"

    @property
    def keys(self) -> Path:
        return self.directory / "keys.json"

    @property
    def endpoints(self) -> Path:
        return self.directory / "endpoints.json"

    @property
    def env(self) -> Path:
        return self.directory / "env"

    def clear(self) -> None:
        """Delete everything a stack created here. Does nothing in a directory no stack has used."""
        if not self.keys.exists():
            return
        for path in (self.tls, self.logs, self.storage, self.batch, self.nodes, self.programs, self.functions):
            shutil.rmtree(path, ignore_errors=True)
        for path in (self.pools, self.identities, self.events_checkpoint, self.keys, self.endpoints, self.env):
            path.unlink(missing_ok=True)


def create_private(directory: Path) -> None:
    """Create a directory that only its owner may enter; takes the permissions of others from one that exists."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    # mkdir leaves an existing directory as it is.
    directory.chmod(0o700)


def link_python(layout: Layout) -> None:
    """Make the Python that runs the stack, without its virtual environment, `python3` for tasks.

    The machine's own `python3` may be too old for the converter.
    """
    create_private(layout.programs)
    link = layout.programs / "python3"
    link.unlink(missing_ok=True)
    link.symlink_to(Path(sys.executable).resolve())


def write_private(path: Path, text: str) -> None:
    """Atomically write a file that only its owner may read."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


def read_keys(layout: Layout) -> dict[str, str]:
    """The stack's secrets by name. Those that `keys.json` lacks are random and added to it.

    They are kept across restarts so that a bookmarked dashboard URL stays valid.
    """
    try:
        stored: dict[str, str] = json.loads(layout.keys.read_text())
    except FileNotFoundError:
        stored = {}
    names = ("function", "master", "eventgrid", "identity_header", "token_key")
    keys = {name: secrets.token_hex(32) for name in names}
    # Azure's account keys are 64 bytes in base64.
    keys |= {name: b64encode(secrets.token_bytes(64)).decode() for name in ("batch_key", "storage_key")}
    keys |= stored
    if keys != stored:
        write_private(layout.keys, json.dumps(keys))
    return keys


def write_connection_files(layout: Layout, *, endpoints: Mapping[str, str], env: Mapping[str, str]) -> None:
    """Write `endpoints.json` and `env`, the latter quoted for a shell."""
    lines = [f"{name}={shlex.quote(value)}\n" for name, value in env.items()]
    write_private(layout.env, "".join(lines))
    write_private(layout.endpoints, json.dumps(endpoints, indent=2) + "\n")


def read_endpoints(layout: Layout) -> dict[str, str]:
    """The contents of `endpoints.json`; raises FileNotFoundError if no stack is running in the directory."""
    found: dict[str, str] = json.loads(layout.endpoints.read_text(encoding="utf-8"))
    return found


def read_env(layout: Layout) -> dict[str, str]:
    """The contents of `env`; raises FileNotFoundError if no stack is running in the directory."""
    words = shlex.split(layout.env.read_text(encoding="utf-8"))
    return dict(word.split("=", 1) for word in words)
