"""Translates the exceptions of azure-core into those of `errors.py`: the only place that knows both."""

from collections.abc import Iterator
from contextlib import contextmanager

from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
    ServiceRequestError,
)

from shared.services.errors import AuthenticationError, ConflictError, NotFoundError, ServiceError, UnreachableError


@contextmanager
def azure_errors(*, precondition: bool = False) -> Iterator[None]:
    """Raise `ServiceError` and its subclasses in place of azure-core's exceptions.

    `precondition`: the call carries an ETag condition, so that 409 and 412 mean `ConflictError`.
    """
    try:
        yield
    except AzureError as error:
        raise translate(error, precondition=precondition) from error


def translate(error: AzureError, *, precondition: bool = False) -> ServiceError:
    """The error of `errors.py` that corresponds to one of azure-core.

    A service's code is read from the error, not from its class: with an ETag condition, azure-batch raises every
    failure as ResourceModifiedError or ResourceNotFoundError.
    """
    message = message_of(error)
    if not isinstance(error, HttpResponseError):
        kind = UnreachableError if isinstance(error, ServiceRequestError) else ServiceError
        return kind(message)
    status = error.status_code
    code = (error.error.code or "") if error.error else ""
    kind = ServiceError
    if precondition and isinstance(error, (ResourceExistsError, ResourceModifiedError)):
        kind = ConflictError
    elif status == 404 or (status is None and isinstance(error, ResourceNotFoundError)):
        kind = NotFoundError
    elif status == 401 or (status is None and isinstance(error, ClientAuthenticationError)):
        kind = AuthenticationError
    return kind(message, status=status, code=code)


def message_of(error: Exception) -> str:
    """The first line of the service's message, or of the error's own; never empty.

    Batch's message is an object, which azure-core puts into its own message as it is.
    https://learn.microsoft.com/rest/api/batchservice/batch-status-and-error-codes#error-response
    """
    said = getattr(getattr(error, "error", None), "message", None) or getattr(error, "message", None) or error
    lines = str(said.get("value", "") if isinstance(said, dict) else said).strip().splitlines()
    return lines[0] if lines else type(error).__name__
