"""Authentication by shared key or bearer token."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from itertools import product
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import jwt

from batch_emulator.errors import BatchError
from batch_emulator.machine.task_token import task_token

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aiohttp import web

    from batch_emulator.entity import Doc

AUDIENCES = ("https://batch.core.windows.net",)
_SIGNED = (
    "content-encoding",
    "content-language",
    "content-length",
    "content-md5",
    "content-type",
    "date",
    "if-modified-since",
    "if-match",
    "if-none-match",
    "if-unmodified-since",
    "range",
)
_MAX_CLOCK_SKEW_SECONDS = 15 * 60


@dataclass(slots=True)
class Authenticator:
    """Authenticates requests against the account's name and keys.

    key: The shared key, in base64.
    token_key: The key that signs bearer tokens (HS256). Without it no token is accepted.
    unsigned_tokens: Accept tokens without checking their signature: anybody can make one. Default False.
    """

    account: str
    key: str = field(repr=False)
    token_key: str | None = field(default=None, repr=False)
    unsigned_tokens: bool = False
    _tokens: dict[tuple[str, tuple[str, ...]], float] = field(default_factory=dict)

    def check(self, request: web.Request) -> None:
        """Check the credentials of a request. Raises AuthenticationFailed."""
        scheme, _, value = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            if not self._is_job_token(request, value):
                self._check_token(value, AUDIENCES)
        elif scheme.lower() in ("sharedkey", "sharedkeylite"):
            self._check_signature(request, value, lite=scheme.lower() == "sharedkeylite")
        else:
            raise BatchError("AuthenticationFailed", status=401, AuthenticationErrorDetail="No usable Authorization.")

    def check_token(self, request: web.Request, audiences: tuple[str, ...]) -> None:
        """Check that a request has a bearer token for one of `audiences`. Raises AuthenticationFailed."""
        scheme, _, value = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            detail = "A bearer token is expected."
            raise BatchError("AuthenticationFailed", status=401, AuthenticationErrorDetail=detail)
        self._check_token(value, audiences)

    def _check_token(self, token: str, audiences: tuple[str, ...]) -> None:
        if self._tokens.get((token, audiences), 0) > time.time():
            return
        if self.token_key is None and not self.unsigned_tokens:
            detail = "The emulator has no key for tokens: set BATCH_TOKEN_KEY, or start it with --unsigned-tokens."
            raise BatchError("AuthenticationFailed", status=401, AuthenticationErrorDetail=detail)
        try:
            claims = self._claims(token)
        except (jwt.PyJWTError, ValueError) as error:
            raise BatchError("AuthenticationFailed", status=401, AuthenticationErrorDetail=error) from None
        audience = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
        if not any(str(each).rstrip("/") in audiences for each in audience):
            detail = f"The audience is not {audiences[0]}/"
            raise BatchError("AuthenticationFailed", status=401, AuthenticationErrorDetail=detail)
        self._tokens = {known: end for known, end in self._tokens.items() if end > time.time()}
        self._tokens[token, audiences] = float(claims["exp"])

    def _is_job_token(self, request: web.Request, token: str) -> bool:
        """Whether it is the token of a task, which permits requests to its job and the job's tasks."""
        _, _, job, *_ = f"{request.path}//".split("/")
        expected = task_token(self.key, job)
        return request.path.startswith("/jobs/") and hmac.compare_digest(expected.encode(), token.encode())

    def _claims(self, token: str) -> Doc:
        return jwt.decode(
            token,
            self.token_key or "",
            algorithms=["HS256"],
            options={
                "verify_signature": not self.unsigned_tokens,
                "verify_exp": True,
                "verify_nbf": True,
                # Checked by the caller: PyJWT compares the audience literally.
                "verify_aud": False,
                "require": ["exp", "aud"],
            },
            leeway=5,
        )

    def _check_signature(self, request: web.Request, value: str, *, lite: bool) -> None:
        name, _, given = value.partition(":")
        if name.lower() != self.account.lower():
            raise BatchError("AuthenticationFailed", AuthenticationErrorDetail=f"The account is not {name}.")
        date = request.headers.get("ocp-date", request.headers.get("Date", ""))
        try:
            skew = abs(parsedate_to_datetime(date).timestamp() - time.time())
        except ValueError:
            raise BatchError("AuthenticationFailed", AuthenticationErrorDetail="The date is missing.") from None
        if skew > _MAX_CLOCK_SKEW_SECONDS:
            raise BatchError("AuthenticationFailed", AuthenticationErrorDetail="The date is too far off.")
        key = base64.b64decode(self.key)
        for text in _strings_to_sign(request, name, lite=lite):
            expected = base64.b64encode(hmac.digest(key, text.encode(errors="surrogateescape"), hashlib.sha256))
            if hmac.compare_digest(expected, given.encode(errors="surrogateescape")):
                return
        raise BatchError("AuthenticationFailed", AuthenticationErrorDetail="The signature does not match.")


def _strings_to_sign(request: web.Request, account: str, *, lite: bool) -> Iterator[str]:
    """The strings that clients may have signed: they differ in an absent length and in the case of query names."""
    path, _, query = request.raw_path.partition("?")
    headers = request.headers
    ocp = sorted((name.lower(), value) for name, value in headers.items() if name.lower().startswith("ocp-") and value)
    lengths = dict.fromkeys((headers.get("Content-Length", ""), "0", ""))
    pairs = [(name, values[0]) for name, values in parse_qs(query).items()]
    for length, lower in product(lengths, (False, True)):
        signed = [length if name == "content-length" else headers.get(name, "") for name in _SIGNED]
        if lite:
            signed = [headers.get("Date", "")]
        named = sorted((name.lower() if lower else name, value) for name, value in pairs)
        yield (
            f"{request.method}\n"
            + "\n".join(signed)
            + "\n"
            + "".join(f"{name}:{value}\n" for name, value in ocp)
            + f"/{account}{path}"
            + "".join(f"\n{name}:{value}" for name, value in named)
        )
