"""A client of the status API."""

from __future__ import annotations

import asyncio
import json
import ssl
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import aiohttp
from yarl import URL

from cli.errors import DeniedError, RefusedError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from cli.errors import UnreachableError
    from cli.target import Target

_OUTAGE_SECONDS = 60.0
"""How long an app that does not answer is waited for, once it has answered."""
_DOWNLOAD_ATTEMPTS = 3
_MAX_WAIT_SECONDS = 60.0
"""How long a request waits when the app says that it is called too often."""
_TRANSIENT = (408, 429, 500, 502, 503, 504)


class _NoAnswerError(Exception):
    """The app did not answer, or not with JSON; it may when asked again."""


@dataclass(kw_only=True)
class Client:
    """Reads statuses, retries conversions and downloads GIFs. Every method raises DeniedError for a rejected key."""

    target: Target
    session: aiohttp.ClientSession
    _failing_since: float | None = None

    async def get(self, path: str, **query: str) -> dict[str, Any]:
        """The body of GET /api/`path`. Raises RefusedError, UnreachableError."""
        try:
            return await self._request("GET", path, query)
        except _NoAnswerError as error:
            raise self._unreachable(error) from None

    async def change(
        self, path: str, body: dict[str, Any] | None = None, *, query: dict[str, str] | None = None
    ) -> dict[str, Any]:
        """The body of POST /api/`path`, after waiting where the app limits such requests.

        Raises RefusedError, UnreachableError.
        """
        while True:
            try:
                return await self._request("POST", path, query or {}, accepted=(200, 201), body=body)
            except _NoAnswerError as error:
                raise self._unreachable(error) from None
            except RefusedError as error:
                if error.status != 429 or not error.retry_after or error.retry_after > _MAX_WAIT_SECONDS:
                    raise
                await asyncio.sleep(error.retry_after)

    async def health(self) -> dict[str, Any]:
        """The body of GET /api/health, whether everything is ok or not. Raises UnreachableError."""
        try:
            return await self._request("GET", "health", {}, accepted=(200, 503))
        except _NoAnswerError as error:
            raise self._unreachable(error) from None

    async def status(self, name: str) -> dict[str, Any] | None:
        """The video's status, or None if the app does not know the video or does not answer at the moment.

        Raises RefusedError for a name that it rejects, UnreachableError after a minute without an answer.
        """
        try:
            return await self._tolerant(f"status/{quote(name)}")
        except RefusedError as error:
            if error.code in ("UnknownVideo", "VideoGone"):
                return None
            raise

    async def newest(self, *, limit: int) -> list[dict[str, Any]]:
        """The newest videos; none if the app does not answer at the moment. Raises UnreachableError."""
        page = await self._tolerant("status", sort="newest", limit=str(limit), include="videos")
        return [] if page is None else list(page["videos"])

    async def link(self, gif: str) -> str:
        """A link to a GIF that needs no key and expires. Raises RefusedError, UnreachableError."""
        path = f"gifs/{quote(gif)}"
        try:
            async with self._call("GET", path, {}) as response:
                if response.status in (301, 302, 303, 307, 308):
                    return response.headers["Location"]
                await self._body(response, (200,))
        except _NoAnswerError as error:
            raise self._unreachable(error) from None
        raise RefusedError("UnknownGif", "The app gives no link to this GIF.")

    async def download(self, gif: str, path: Path) -> None:
        """Save a GIF as `path`. Raises OSError, RefusedError, UnreachableError."""
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.part")
        try:
            for attempt in range(1, _DOWNLOAD_ATTEMPTS + 1):
                link = await self.link(gif)
                try:
                    await self._save(link, draft)
                    break
                except (aiohttp.ClientError, TimeoutError, _NoAnswerError) as error:
                    if attempt == _DOWNLOAD_ATTEMPTS:
                        raise OSError(f"the GIF could not be downloaded: {error or type(error).__name__}") from None
                    await asyncio.sleep(attempt)
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)

    async def _save(self, link: str, path: Path) -> None:
        # The link is signed: it takes no key, and must not be normalized.
        async with self.session.get(URL(link, encoded=True)) as response:
            if response.status >= 500:
                raise _NoAnswerError(f"the storage account returned {response.status}")
            if response.status != 200:
                raise OSError(f"the storage account returned {response.status} for the GIF")
            with path.open("wb") as file:
                async for chunk in response.content.iter_chunked(1 << 18):
                    file.write(chunk)

    async def _tolerant(self, path: str, **query: str) -> dict[str, Any] | None:
        """Like `get`, but None while the app does not answer for less than a minute."""
        now = asyncio.get_running_loop().time()
        try:
            body = await self._request("GET", path, query)
        except _NoAnswerError as error:
            self.target.check_running()
            self._failing_since = now if self._failing_since is None else self._failing_since
            if now - self._failing_since > _OUTAGE_SECONDS:
                raise self._unreachable(error) from None
            return None
        self._failing_since = None
        return body

    def _unreachable(self, error: _NoAnswerError) -> UnreachableError:
        self.target.check_running()
        return self.target.unreachable(str(error))

    async def _request(
        self,
        method: str,
        path: str,
        query: dict[str, str],
        *,
        accepted: tuple[int, ...] = (200,),
        body: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        async with self._call(method, path, query, body) as response:
            return await self._body(response, accepted)

    @asynccontextmanager
    async def _call(
        self, method: str, path: str, query: dict[str, str], body: dict[str, Any] | None = None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        parameters = "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())
        url = URL(f"{self.target.url}/api/{path}{f'?{parameters}' if parameters else ''}", encoded=True)
        headers = {"Accept": "application/json"}
        if self.target.key:
            headers["x-functions-key"] = self.target.key
        if self.target.operator_key:
            headers["x-gifdrop-operator-key"] = self.target.operator_key
        try:
            # A redirect would take the key to another host.
            async with self.session.request(method, url, headers=headers, json=body, allow_redirects=False) as response:
                yield response
        except aiohttp.ClientConnectorCertificateError as error:
            raise _NoAnswerError(f"its certificate is not trusted ({error.certificate_error})") from None
        except aiohttp.ClientConnectorDNSError:
            raise _NoAnswerError("there is no host of this name") from None
        except TimeoutError:
            raise _NoAnswerError("no answer in time") from None
        except aiohttp.ClientConnectorError as error:
            raise _NoAnswerError((error.strerror or "no connection").lower()) from None
        except aiohttp.ClientError as error:
            raise _NoAnswerError(f"the connection broke ({type(error).__name__})") from None

    async def _body(self, response: aiohttp.ClientResponse, accepted: tuple[int, ...]) -> dict[str, Any]:
        text = await response.text(errors="replace")
        try:
            body = json.loads(text)
        except ValueError:
            body = None
        if response.status in accepted and isinstance(body, dict):
            return body
        code, message = _problem(body)
        if response.status == 401 or (response.status == 403 and code is None):
            raise DeniedError(self.target.denied())
        if code is not None and message is not None and response.status not in (500, 502, 503, 504):
            if code == "OperatorKeyRequired":
                raise DeniedError(f"{message} Set GIFDROP_OPERATOR_KEY.")
            retry_after = response.headers.get("Retry-After", "")
            raise RefusedError(
                code,
                message,
                status=response.status,
                retry_after=float(retry_after) if retry_after.isdigit() else None,
            )
        if response.status in _TRANSIENT:
            raise _NoAnswerError(f"it returned {response.status}" + (f", {message}" if message else ""))
        raise _NoAnswerError(f"it returned {response.status}, which is not an answer of gifdrop")


def _problem(body: object) -> tuple[str | None, str | None]:
    """Code and sentence of an error: RFC 9457 problem details, or `{"error": {"code", "message"}}`."""
    match body:
        case {"error": {"code": str(code), "message": str(message)}}:
            return code, message
        case {"code": str(code), "detail": str(message)}:
            return code, message
    return None, None


@asynccontextmanager
async def connect(target: Target) -> AsyncIterator[Client]:
    """A client of an app."""
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=15, sock_read=60)
    connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=target.ca_bundle))
    local = target.layout is not None
    async with aiohttp.ClientSession(timeout=timeout, connector=connector, trust_env=not local) as session:
        yield Client(target=target, session=session)
