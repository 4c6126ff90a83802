"""HTTP responses, and their form in azure.functions: the only module of the app that imports it."""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import quote

from azure.functions import HttpRequest, HttpResponse

if TYPE_CHECKING:
    from collections.abc import Mapping

AzureRequest = HttpRequest
"""What the Functions host gives."""
AzureResponse = HttpResponse
"""What the Functions host takes."""
HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
"""Headers of every response."""


@dataclass(frozen=True, kw_only=True)
class Response:
    """A response to a request; `headers` override `HEADERS`."""

    status: int = 200
    body: bytes = b""
    content_type: str = "text/plain"
    headers: Mapping[str, str] = field(default_factory=dict)

    def to_azure(self) -> AzureResponse:
        """The response in azure.functions' form."""
        return HttpResponse(
            self.body,
            status_code=self.status,
            mimetype=self.content_type,
            headers=HEADERS | dict(self.headers),
        )


def json_response(
    body: object,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    content_type: str = "application/json",
) -> Response:
    """A response with a JSON body."""
    return Response(
        status=status,
        body=json.dumps(body, ensure_ascii=False).encode(),
        content_type=content_type,
        headers=headers or {},
    )


def etag_matches(header: str | None, etag: str) -> bool:
    """Whether an If-None-Match header has this ETag, by weak comparison."""
    tags = {tag.strip().removeprefix("W/") for tag in (header or "").split(",")}
    return etag.removeprefix("W/") in tags or "*" in tags


def revalidated(
    body: object, requested: Mapping[str, str], *, same: object = None, headers: Mapping[str, str] | None = None
) -> Response:
    """A response with a JSON body and an ETag, or 304 if the request's If-None-Match has that.

    same: What of the body must have changed for another ETag. Default the body.
    """
    digest = sha256(json.dumps(body if same is None else same, sort_keys=True).encode()).hexdigest()[:32]
    etag = f'"{digest}"' if same is None else f'W/"{digest}"'
    validators = {"ETag": etag, **(headers or {})}
    if etag_matches(requested.get("if-none-match"), etag):
        return Response(status=304, headers=validators)
    return json_response(body, headers=validators)


MAX_FILE_NAME_CHARS = 120


def content_disposition(name: str, *, download: bool = False) -> str:
    """The header that gives a blob's file name to a browser (RFC 6266, RFC 8187).

    Characters that could end the header, change how the name reads, or act as a path become underscores.
    """
    file = "".join(
        "_" if unicodedata.category(character).startswith("C") or character in '\\:*?"<>|%' else character
        for character in name.rpartition("/")[2]
    )
    stem, dot, ending = file.rpartition(".")
    excess = max(0, len(file) - MAX_FILE_NAME_CHARS)
    file = f"{stem[: max(0, len(stem) - excess)]}{dot}{ending}"[:MAX_FILE_NAME_CHARS]
    plain = re.sub("[^ -~]", "_", unicodedata.normalize("NFKD", file))
    kind = "attachment" if download else "inline"
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(file, safe='')}"


def with_route_parameters(request: AzureRequest, parameters: Mapping[str, str]) -> AzureRequest:
    """The same request with other route parameters."""
    return HttpRequest(
        request.method,
        request.url,
        headers=request.headers,
        params=request.params,
        route_params=parameters,
        body=request.get_body(),
    )
