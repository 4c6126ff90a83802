"""Translates the exceptions of azure-core into those of `errors.py`: the only place that knows both."""

from collections.abc import Iterator
from contextlib import contextmanager

from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ServiceRequestError,
)

from shared.services.errors import AuthenticationError, ConflictError, NotFoundError, ServiceError, UnreachableError

CONFLICT_CODES = {
    "BlobAlreadyExists",
    "ConditionNotMet",
    "PendingCopyOperation",
    "SourceConditionNotMet",
    "TargetConditionNotMet",
}
"""Codes of 409 and 412 that mean a blob was changed by somebody else; all others mean what they say.

https://learn.microsoft.com/rest/api/storageservices/blob-service-error-codes
"""


@contextmanager
def azure_errors() -> Iterator[None]:
    """Raise `ServiceError` and its subclasses in place of azure-core's exceptions."""
    try:
        yield
    except AzureError as error:
        raise translate(error) from error


def translate(error: AzureError) -> ServiceError:
    """The error of `errors.py` that corresponds to one of azure-core.

    Status and code decide, not the class: azure-batch raises every failure of a conditional request as
    ResourceModifiedError or ResourceNotFoundError, azure-storage-blob every 409 as ResourceExistsError and a copy
    whose source is forbidden (403) as ResourceNotFoundError.
    """
    message = message_of(error)
    if isinstance(error, ServiceRequestError):
        return UnreachableError(message)
    if not isinstance(error, HttpResponseError):
        return ServiceError(message)
    if error.status_code is None and isinstance(error, ClientAuthenticationError):
        return AuthenticationError(message)
    return error_of_status(error.status_code, code_of(error), message)


def error_of_status(status: int | None, code: str, message: str) -> ServiceError:
    """The error of `errors.py` for a response with this status and error code."""
    kind = ServiceError
    if code in CONFLICT_CODES or (status == 412 and not code):
        kind = ConflictError
    elif status == 404:
        kind = NotFoundError
    elif status == 401:
        kind = AuthenticationError
    return kind(message, status=status, code=code)


def code_of(error: HttpResponseError) -> str:
    """The service's error code: azure-storage-blob keeps it in `error_code`, azure-batch in `error.code`."""
    code = getattr(error, "error_code", None) or (error.error.code if error.error else None) or ""
    return str(getattr(code, "value", code))


def message_of(error: Exception) -> str:
    """The first line of the service's message, or of the error's own; never empty.

    Batch's message is an object, which azure-core puts into its own message as it is.
    https://learn.microsoft.com/rest/api/batchservice/batch-status-and-error-codes#error-response
    """
    said = getattr(getattr(error, "error", None), "message", None) or getattr(error, "message", None) or error
    lines = str(said.get("value", "") if isinstance(said, dict) else said).strip().splitlines()
    return lines[0] if lines else type(error).__name__
