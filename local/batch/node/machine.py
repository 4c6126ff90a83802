"""What all nodes share: the way to storage, the guardian of processes, the packages on offer."""

from __future__ import annotations

import ssl
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import aiohttp

if TYPE_CHECKING:
    from pathlib import Path

    from local.batch.domain.entity import Doc
    from local.batch.node.guardian import Guardian
    from local.batch.options import Options

_STORAGE = "https://storage.azure.com/"
# A token is asked for anew this many seconds before it ends.
_MARGIN = 300


class IdentityError(Exception):
    """The identity may not be used here, or gives no token."""


@dataclass(slots=True)
class Machine:
    """The host of the nodes."""

    options: Options
    guardian: Guardian
    session: aiohttp.ClientSession
    url: str = ""
    broken_uploads: int = 0
    _tokens: dict[str | None, tuple[str, float]] = field(default_factory=dict)

    @property
    def account(self) -> str:
        return self.options.account

    @property
    def applications(self) -> Path | None:
        return self.options.applications

    async def token(self, *, resource_id: str | None, identities: list[Doc]) -> str:
        """A storage token of one of the pool's `identities`; None is the account's own. Raises IdentityError."""
        client_id: str | None = None
        if resource_id is not None:
            wanted = resource_id.lower()
            found = [each for each in identities if each["resourceId"].lower() == wanted]
            if not found:
                raise IdentityError(f"The pool does not have the identity {resource_id}.")
            client_id = found[0].get("clientId")
        token, expires = self._tokens.get(client_id, ("", 0.0))
        if expires - _MARGIN < time.time():
            token, expires = await self._ask(client_id)
            self._tokens[client_id] = token, expires
        return token

    async def _ask(self, client_id: str | None) -> tuple[str, float]:
        endpoint = self.options.identity_endpoint
        if endpoint is None:
            raise IdentityError("The emulator was started without an identity endpoint.")
        query = {"api-version": "2019-08-01", "resource": _STORAGE}
        if client_id is not None:
            query["client_id"] = client_id
        headers = {"X-IDENTITY-HEADER": self.options.identity_header or ""}
        try:
            async with self.session.get(endpoint, params=query, headers=headers) as reply:
                if reply.status != 200:
                    raise IdentityError(f"The identity endpoint answered {reply.status}: {(await reply.text())[:200]}")
                body = await reply.json(content_type=None)
        except aiohttp.ClientError as error:
            raise IdentityError(f"The identity endpoint cannot be reached: {error}") from error
        return str(body["access_token"]), float(body["expires_on"])


def open_session(options: Options) -> aiohttp.ClientSession:
    """The client that nodes reach storage with."""
    context = ssl.create_default_context(cafile=str(options.ca_bundle) if options.ca_bundle else None)
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=30, sock_read=120)
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context, limit=32), timeout=timeout)
