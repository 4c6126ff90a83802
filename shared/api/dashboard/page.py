"""Serves the page: the plain HTML, CSS and JavaScript in `files/`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from shared.api.errors import ApiError
from shared.api.http import Response
from shared.settings import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from shared.settings import Settings

FOLDER = Path(__file__).with_name("files")
FILE_CACHE_SECONDS = 300
"""How long browsers and proxies keep a file of the page: each request is a paid execution that needs no key."""
TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".m4v": "video/mp4",
    ".svg": "image/svg+xml",
}
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        # GIFs are fetched with the key in a header and shown as object URLs.
        "img-src 'self' blob:",
        "media-src blob:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    )
)
SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    # A bookmark of an earlier version contains the key.
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@dataclass(frozen=True, kw_only=True)
class File:
    """A file of the page."""

    body: bytes
    type: str
    etag: str


def page_response(settings: Callable[[], Settings]) -> Response:
    """The HTML, which may also connect to the storage account, for uploads, and show videos from there.

    Without settings it only shows health.
    """
    body = (FOLDER / "index.html").read_bytes()
    try:
        known = settings()
        parts = urlsplit(known.link_url or known.storage_url)
    except SettingsError:
        return Response(body=body, content_type="text/html", headers=SECURITY_HEADERS)
    origin = f"{parts.scheme}://{parts.netloc}"
    policy = CONTENT_SECURITY_POLICY
    for directive in ("connect-src 'self'", "media-src blob:"):
        policy = policy.replace(directive, f"{directive} {origin}")
    headers = SECURITY_HEADERS | {"Content-Security-Policy": policy}
    return Response(body=body, content_type="text/html", headers=headers)


def page_file_response(name: str, headers: Mapping[str, str]) -> Response:
    """A file that the HTML loads. Raises `ApiError` `UnknownFile`."""
    file = files().get(name)
    if file is None:
        raise ApiError("UnknownFile", "The page has no such file.")
    validators = SECURITY_HEADERS | {
        "Cache-Control": f"public, max-age={FILE_CACHE_SECONDS}",
        "ETag": file.etag,
    }
    if headers.get("if-none-match") == file.etag:
        return Response(status=304, headers=validators)
    return Response(body=file.body, content_type=file.type, headers=validators)


@cache
def files() -> dict[str, File]:
    """All files by name, read once: a requested name is looked up here and never on the disk."""
    found = {}
    for path in FOLDER.iterdir():
        if path.suffix in TYPES:
            body = path.read_bytes()
            tag = f'"{sha256(body).hexdigest()[:16]}"'
            found[path.name] = File(body=body, type=TYPES[path.suffix], etag=tag)
    return found
