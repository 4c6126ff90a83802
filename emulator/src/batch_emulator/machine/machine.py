"""What all nodes share: the HTTP session, storage tokens, the process guardian, the application packages."""

from __future__ import annotations

import ssl
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import aiohttp

if TYPE_CHECKING:
    from pathlib import Path

    from batch_emulator.entity import Doc
    from batch_emulator.machine.isolation import Isolation
    from batch_emulator.machine.podman import Podman
    from batch_emulator.machine.process import Processes
    from batch_emulator.options import Options

_STORAGE = "https://storage.azure.com/"
_TOKEN_RENEWAL_SECONDS = 300


class IdentityError(Exception):
    """The pool does not have the identity, or there is no token for it."""


@dataclass(slots=True)
class Machine:
    """The machine that all nodes run on.

    `failing_uploads` and `failing_unmatched_uploads` are how many of the next output files, and of those whose pattern
    matches no file, fail by fault injection; -1 means all.
    """

    options: Options
    processes: Processes
    session: aiohttp.ClientSession
    isolation: Isolation | None = None
    podman: Podman | None = None
    url: str = ""
    key: str = field(default="", repr=False)
    failing_uploads: int = 0
    failing_unmatched_uploads: int = 0
    _tokens: dict[tuple[str, str, str | None], tuple[str, float]] = field(default_factory=dict)

    @property
    def account(self) -> str:
        return self.options.account

    @property
    def applications(self) -> Path | None:
        return self.options.applications

    async def token(self, *, resource_id: str | None, identities: list[Doc], resource: str = _STORAGE) -> str:
        """A token for `resource` of one of the pool's `identities`; None is the account's own. Raises IdentityError."""
        client_id: str | None = None
        if resource_id is not None:
            wanted = resource_id.lower()
            found = [each for each in identities if each["resourceId"].lower() == wanted]
            if not found:
                raise IdentityError(f"The pool does not have the identity {resource_id}.")
            client_id = found[0].get("clientId")
        # The client id of an identity is known only if the pool came with it.
        name = ("client_id", client_id) if client_id is not None else ("mi_res_id", resource_id)
        token, expires = self._tokens.get((resource, *name), ("", 0.0))
        if expires - _TOKEN_RENEWAL_SECONDS < time.time():
            token, expires = await self._request_token(resource, *name)
            self._tokens[resource, *name] = token, expires
        return token

    async def _request_token(self, resource: str, name: str, value: str | None) -> tuple[str, float]:
        endpoint = self.options.identity_endpoint
        if endpoint is None:
            raise IdentityError("The emulator was started without an identity endpoint.")
        query = {"api-version": "2019-08-01", "resource": resource}
        if value is not None:
            query[name] = value
        headers = {"X-IDENTITY-HEADER": self.options.identity_header or ""}
        try:
            async with self.session.get(endpoint, params=query, headers=headers) as reply:
                if reply.status != 200:
                    raise IdentityError(f"The identity endpoint responded {reply.status}: {(await reply.text())[:200]}")
                body = await reply.json(content_type=None)
        except aiohttp.ClientError as error:
            raise IdentityError(f"The identity endpoint cannot be reached: {error}") from error
        return str(body["access_token"]), float(body["expires_on"])


def open_session(options: Options) -> aiohttp.ClientSession:
    """The HTTP session for storage and the identity endpoint."""
    # True is aiohttp's own context: reading the system's certificates again would take 20 ms of each start.
    context = ssl.create_default_context(cafile=str(options.ca_bundle)) if options.ca_bundle else True
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=30, sock_read=120)
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context, limit=32), timeout=timeout)
