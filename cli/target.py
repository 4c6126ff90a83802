"""Which app a command talks to: a deployed one, or the one in the local stack."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from cli.errors import UnreachableError, UsageError
from cli.invocation import command_line
from local.layout import Layout, read_endpoints, read_env
from local.lock import is_locked
from local.process import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cli.connection import Connection

LOCAL_DIRECTORY = ROOT / ".local"
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


@dataclass(frozen=True, kw_only=True)
class Target:
    """An app: its address and keys, and the storage account behind it."""

    url: str
    label: str
    key: str | None = field(repr=False)
    operator_key: str | None = field(repr=False)
    storage_url: str | None
    container: str
    env: Mapping[str, str] | None = field(default=None, repr=False)
    """The environment of the local stack's clients; None for a deployed app."""
    layout: Layout | None = None

    @property
    def ca_bundle(self) -> str | None:
        """CA certificates to trust instead of the system's."""
        return self.env["SSL_CERT_FILE"] if self.env is not None else None

    @property
    def page(self) -> str:
        """The address of the page, with the key, which browsers do not send."""
        return f"{self.url}/api/dashboard" + (f"#code={quote(self.key)}" if self.key else "")

    def command(self, *arguments: str) -> str:
        """A line that runs `gifdrop` with these arguments for this app; a deployed one is in the environment."""
        return command_line(*arguments, *directory_arguments(self.layout.directory if self.layout else None))

    def check_running(self) -> None:
        """Raise UnreachableError if this is a local stack that does not run any more."""
        if self.layout is not None and not is_locked(self.layout.directory):
            raise UnreachableError(_not_running(self.layout.directory, crashed=self.layout.endpoints.exists()))

    def unreachable(self, reason: str) -> UnreachableError:
        """The error for an app that does not answer."""
        if self.layout is not None:
            return UnreachableError(
                f"The stack in {short(self.layout.directory)} does not answer: {reason}. "
                f"Stop it, look into {short(self.layout.logs)} and start it again."
            )
        return UnreachableError(f"{self.url} does not answer: {reason}. Check the address and the network.")

    def denied(self) -> str:
        """What to do if the app rejects the key."""
        if self.layout is not None:
            return f"The stack in {short(self.layout.directory)} rejects its own key. Stop it and start it again."
        if self.key is None:
            return f"{self.url} needs a key. Set GIFDROP_KEY to one of its function keys."
        return f"{self.url} rejects the key. Set GIFDROP_KEY to one of its function keys."


def find_target(connection: Connection) -> Target:
    """The app that the caller chose: `url` if given, else the local stack.

    Raises UsageError for an address that cannot be used, UnreachableError if no local stack is running.
    """
    if connection.url is not None and connection.directory is None:
        return Target(
            url=_checked(connection.url, "GIFDROP_URL"),
            label=connection.url,
            key=connection.key,
            operator_key=connection.operator_key,
            storage_url=_checked(connection.storage_url, "GIFDROP_STORAGE_URL") if connection.storage_url else None,
            container=os.environ.get("GIFDROP_INPUT_CONTAINER", "videos"),
        )
    directory = (connection.directory or LOCAL_DIRECTORY).resolve()
    layout = Layout(directory)
    if not is_locked(directory):
        # A stack that was killed leaves its files behind.
        raise UnreachableError(_not_running(directory, crashed=layout.endpoints.exists()))
    try:
        endpoints, env = read_endpoints(layout), read_env(layout)
    except FileNotFoundError:
        raise UnreachableError(f"The stack in {short(directory)} is starting. Try again in a few seconds.") from None
    except (json.JSONDecodeError, ValueError):
        raise UnreachableError(f"{short(layout.endpoints)} cannot be read. Start the stack again.") from None
    return Target(
        url=endpoints["functions"],
        label=f"the local stack in {short(directory)}",
        key=endpoints["function_key"],
        operator_key=connection.operator_key,
        storage_url=env["GIFDROP_STORAGE_URL"],
        container=env["GIFDROP_INPUT_CONTAINER"],
        env=env,
        layout=layout,
    )


def _not_running(directory: Path, *, crashed: bool) -> str:
    start = f"Start it with `{command_line('up', *directory_arguments(directory))}`"
    if crashed:
        return f"The stack in {short(directory)} was killed or has crashed. {start}."
    return f"No stack is running in {short(directory)}. {start}, or set GIFDROP_URL to use a deployed app."


def _checked(url: str, name: str) -> str:
    """The address without /api and slashes at its end. Raises UsageError."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
        _ = parts.port
    except ValueError:
        parts, host = urlsplit(""), None
    if not host or parts.scheme not in ("http", "https") or parts.query or parts.fragment or parts.username:
        raise UsageError(f"{name} must be an address such as https://myapp.azurewebsites.net; it is {url!r}.")
    if parts.scheme == "http" and host not in _LOOPBACK:
        raise UsageError(f"{name} begins with http://, which would send keys unencrypted. Use https://.")
    return url.rstrip("/").removesuffix("/api")


def directory_arguments(directory: Path | None) -> list[str]:
    """The arguments that choose the local stack in a directory; none for the default one."""
    return [] if directory is None or directory == LOCAL_DIRECTORY else ["--dir", short(directory)]


def short(path: Path) -> str:
    """A path relative to the current directory if it is below it."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
