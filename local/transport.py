"""The transport with which clients of the stack use the Azure SDKs."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import aiohttp
from azure.core.pipeline.transport import AioHttpTransport

if TYPE_CHECKING:
    from pathlib import Path


def transport(bundle: Path | str) -> AioHttpTransport:
    """A transport for one SDK client that trusts the CA certificates in `bundle`; the client closes it.

    With `connection_verify=bundle` the SDKs read the file again for every request, which takes 30 ms or more.
    """
    connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=bundle))
    # As azure-core makes its own sessions.
    session = aiohttp.ClientSession(connector=connector, auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar())
    return AioHttpTransport(session=session)
