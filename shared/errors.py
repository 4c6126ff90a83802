"""Azure's errors in a form to decide by and to show."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from azure.core.exceptions import HttpResponseError

MOST = 300
"""Characters of a message that are shown."""


def code_of(error: HttpResponseError) -> str:
    """The service's error code of a failed call, or an empty text.

    Read from the error, not from its class: with an ETag condition azure-batch raises every failure as
    ResourceModifiedError or ResourceNotFoundError.
    """
    return (error.error.code or "") if error.error else ""


def message_of(error: Exception) -> str:
    """The first line of what the service says, or of the error itself; never empty.

    Batch's message is an object, which azure-core puts into its own message as it is.
    https://learn.microsoft.com/rest/api/batchservice/batch-status-and-error-codes#error-response
    """
    said = getattr(getattr(error, "error", None), "message", None) or getattr(error, "message", None) or error
    lines = str(said.get("value", "") if isinstance(said, dict) else said).splitlines()
    return (lines[0] if lines else type(error).__name__)[:MOST]
