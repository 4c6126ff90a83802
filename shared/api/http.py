"""HTTP responses, and their form in azure.functions: the only module of the app that imports it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

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
