"""The page's files, as they lie in shared/dashboard/: plain HTML, CSS and JavaScript."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from azure.functions import HttpResponse

from shared.api import HEADERS, ApiError

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER = Path(__file__).with_name("dashboard")
TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        # GIFs are fetched with the key in a header, and shown from memory.
        "img-src 'self' blob:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    )
)
GUARDS = {
    "Content-Security-Policy": POLICY,
    # The key stands in the page's address.
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@dataclass(frozen=True, kw_only=True)
class File:
    """A file of the page, with the tag of its version."""

    body: bytes
    type: str
    etag: str


async def page() -> HttpResponse:
    """The page itself."""
    body = (FOLDER / "index.html").read_bytes()
    return HttpResponse(body, mimetype="text/html", charset="utf-8", headers=HEADERS | GUARDS)


async def page_file(name: str, headers: Mapping[str, str]) -> HttpResponse:
    """A file that the page loads. Raises `ApiError` 404 `UnknownFile`."""
    file = files().get(name)
    if file is None:
        raise ApiError(404, "UnknownFile", "The page has no such file.")
    sent = HEADERS | GUARDS | {"Cache-Control": "no-cache", "ETag": file.etag}
    if headers.get("if-none-match") == file.etag:
        return HttpResponse(status_code=304, headers=sent)
    return HttpResponse(file.body, mimetype=file.type, charset="utf-8", headers=sent)


@cache
def files() -> dict[str, File]:
    """All files that may be asked for, by name; what is asked for is looked up here and never on the disk."""
    found = {}
    for path in FOLDER.iterdir():
        if path.suffix in TYPES:
            body = path.read_bytes()
            tag = f'"{sha256(body).hexdigest()[:16]}"'
            found[path.name] = File(body=body, type=TYPES[path.suffix], etag=tag)
    return found
