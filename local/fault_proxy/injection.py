"""Injects one fault into one request."""

from __future__ import annotations

import asyncio
import uuid
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal
from xml.sax.saxutils import escape

from aiohttp import web

from local.fault_proxy.forwarding import abort, end_to_end, relay

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import aiohttp

    from local.fault_proxy.forwarding import Upstream
    from local.fault_proxy.rules import Rule, Rules

_MAX_KEPT_BYTES = 1 << 20
Service = Literal["storage", "identity"]


async def inject(
    rule: Rule, rules: Rules, request: web.Request, upstream: Upstream, *, service: Service
) -> web.StreamResponse:
    """Handle a request with the fault of `rule`."""
    body = None
    if rule.delay and (request.content_length or 0) <= _MAX_KEPT_BYTES:
        # It cannot be read once the client has disconnected.
        body = await request.read()
    with rules.holding(rule):
        await _until_lifted(rule, rule.delay)
    if rule.status is not None:
        return _refusal(rule, rule.status, service=service)
    if rule.silent:
        with rules.holding(rule):
            await rule.lifted.wait()
    async with upstream.response(request, body=body) as response:
        if rule.drop:
            await response.read()
            return abort(request)
        if rule.pace is not None:
            return await _send_slowly(request, response, pace=rule.pace)
        if rule.truncate is not None:
            return await _truncate(request, response, size=rule.truncate)
        # The service responds when the work is done.
        with rules.holding(rule):
            await _until_lifted(rule, rule.respond_after or 0.0)
        return await relay(request, response)


async def _until_lifted(rule: Rule, seconds: float) -> None:
    """Wait `seconds`, at most until the rule is lifted."""
    if seconds:
        with suppress(TimeoutError):
            await asyncio.wait_for(rule.lifted.wait(), seconds)


def _refusal(rule: Rule, status: int, *, service: Service) -> web.Response:
    request_id = str(uuid.uuid4())
    headers = {} if rule.retry_after is None else {"Retry-After": f"{rule.retry_after:g}"}
    if service == "identity":
        body = {"statusCode": status, "message": f"{rule.code}: {rule.message}", "correlationId": request_id}
        return web.json_response(body, status=status, headers=headers)
    message = (
        f"{escape(rule.message)}\nRequestId:{request_id}\nTime:{datetime.now(UTC).isoformat().replace('+00:00', 'Z')}"
    )
    code = escape(rule.code)
    return web.Response(
        status=status,
        body=f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code><Message>{message}</Message></Error>',
        headers=headers
        | {
            "Content-Type": "application/xml",
            "Server": "Windows-Azure-Blob/1.0 Microsoft-HTTPAPI/2.0",
            "x-ms-error-code": rule.code,
            "x-ms-request-id": request_id,
        },
    )


async def _send_slowly(request: web.Request, response: aiohttp.ClientResponse, *, pace: float) -> web.StreamResponse:
    """Send the response byte by byte, from the status line on, then close the connection."""
    async for piece in _on_the_wire(request, response):
        for byte in piece:
            if not _write(request, bytes([byte])):
                return abort(request)
            await asyncio.sleep(pace)
    return _close(request)


async def _truncate(request: web.Request, response: aiohttp.ClientResponse, *, size: int) -> web.StreamResponse:
    """Send the headers and the first `size` bytes of the body, then close the connection."""
    pieces = _on_the_wire(request, response)
    _write(request, await anext(pieces))
    async for piece in pieces:
        _write(request, piece[:size])
        size -= len(piece)
        if size <= 0:
            break
    return _close(request)


async def _on_the_wire(request: web.Request, response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """The response as sent: status line and headers first, then the body in pieces."""
    headers = end_to_end(response.headers.items())
    chunked = "Content-Length" not in headers and request.method != "HEAD" and response.status not in (204, 304)
    if chunked:
        headers["Transfer-Encoding"] = "chunked"
    headers["Connection"] = "close"
    lines = [f"HTTP/1.1 {response.status} {response.reason}", *(f"{name}: {value}" for name, value in headers.items())]
    yield "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape")
    async for chunk in response.content.iter_any():
        yield b"%x\r\n%b\r\n" % (len(chunk), chunk) if chunked else chunk
    if chunked:
        yield b"0\r\n\r\n"


def _write(request: web.Request, data: bytes) -> bool:
    """Write past aiohttp, which cannot send part of a response; False if the client has disconnected."""
    if request.transport is None or request.transport.is_closing():
        return False
    request.transport.write(data)
    return True


def _close(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.close()
    return web.Response()
