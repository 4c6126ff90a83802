"""Talks to the control endpoint, and to the emulator over sockets that show how a response arrives."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from support.emulators import Emulator, call
from support.tokens import make_token

if TYPE_CHECKING:
    from types import TracebackType

# Longer than a response without a fault takes; only tests that expect no response wait as long.
SILENCE_SECONDS = 0.5


def inject(plain: Emulator, **fault: object) -> None:
    """Inject one fault."""
    status, _, body = call(plain, "POST", "/_control/faults", body={"faults": [fault]})
    assert status == 204, body


def lift(plain: Emulator, name: str = "") -> None:
    """Lift the fault with this name, or all."""
    assert call(plain, "DELETE", f"/_control/faults/{name}" if name else "/_control/faults")[0] == 204


def control_state(plain: Emulator) -> dict[str, Any]:
    """What the control endpoint lists."""
    state: dict[str, Any] = call(plain, "GET", "/_control")[2]
    return state


@dataclass(frozen=True)
class RawResponse:
    """A response as it arrived until the connection was idle or closed."""

    pieces: list[bytes]
    closed: bool

    @property
    def status(self) -> int:
        return int(b"".join(self.pieces).split(b" ", 2)[1])

    @property
    def content_length(self) -> int:
        head = b"".join(self.pieces).partition(b"\r\n\r\n")[0].lower()
        return int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces).partition(b"\r\n\r\n")[2]


class RawCall:
    """A request on a connection of its own."""

    def __init__(self, plain: Emulator, method: str, path: str, *, body: object = None) -> None:
        address = urlsplit(plain.url)
        content = json.dumps(body).encode() if body is not None else b""
        head = (
            f"{method} {path}?api-version=2025-06-01 HTTP/1.1\r\nHost: {address.netloc}\r\n"
            f"Authorization: Bearer {make_token('https://batch.core.windows.net/')}\r\n"
            f"Content-Length: {len(content)}\r\n\r\n"
        )
        self._socket = socket.create_connection((address.hostname, address.port))
        self._socket.sendall(head.encode() + content)

    def __enter__(self) -> RawCall:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def is_silent(self) -> bool:
        """Whether nothing arrives for a while and the connection stays open."""
        self._socket.settimeout(SILENCE_SECONDS)
        try:
            self._socket.recv(1)
        except TimeoutError:
            return True
        return False

    def read(self) -> RawResponse:
        """Read the response until it is complete or the connection is closed."""
        self._socket.settimeout(30)
        pieces: list[bytes] = []
        while piece := self._receive():
            pieces.append(piece)
            received = RawResponse(pieces, closed=False)
            if b"\r\n\r\n" in b"".join(pieces) and len(received.body) >= received.content_length:
                return received
        return RawResponse(pieces, closed=True)

    def _receive(self) -> bytes:
        try:
            return self._socket.recv(4096)
        except ConnectionResetError:
            return b""
