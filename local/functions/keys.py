"""The host's access keys and the access level of each."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aiohttp import web


class Level(IntEnum):
    """The access level of a key; each level includes the lower ones."""

    ANONYMOUS = 0
    FUNCTION = 2
    SYSTEM = 3
    ADMIN = 4


def new_key() -> str:
    return secrets.token_urlsafe(40)


@dataclass(frozen=True)
class Keys:
    """The host key for functions, the master key, and the system key of the Event Grid extension."""

    function: str = field(default_factory=new_key, repr=False)
    master: str = field(default_factory=new_key, repr=False)
    eventgrid: str = field(default_factory=new_key, repr=False)

    def level(self, request: web.Request, *, system: bool = False) -> Level:
        """The level of the key in `x-functions-key`, else in `?code=`; the system key counts only with `system`."""
        given = request.headers.get("x-functions-key")
        if given is None:
            given = request.query.get("code", "")
        if _same(given, self.master):
            return Level.ADMIN
        if system and _same(given, self.eventgrid):
            return Level.SYSTEM
        if _same(given, self.function):
            return Level.FUNCTION
        return Level.ANONYMOUS


def _same(given: str, key: str) -> bool:
    return hmac.compare_digest(given.encode(errors="surrogateescape"), key.encode())
