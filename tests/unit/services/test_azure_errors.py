"""Exceptions of azure-core become those of `services/errors.py`."""

import json
from types import SimpleNamespace
from typing import Any

import pytest
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.identity import CredentialUnavailableError
from azure.storage.blob import StorageErrorCode

from shared.services.azure_errors import azure_errors, message_of, translate
from shared.services.errors import (
    MAX_MESSAGE_CHARS,
    AuthenticationError,
    ConflictError,
    NotFoundError,
    ServiceError,
    UnreachableError,
)


def response(status: int, body: object = None) -> Any:
    """The part of an HTTP response that azure-core reads."""
    text = "" if body is None else json.dumps(body)
    return SimpleNamespace(status_code=status, reason="Reason", text=lambda: text)


def batch_error(code: str, message: str) -> object:
    """The body of an error of the Batch service."""
    return {"code": code, "message": {"lang": "en-US", "value": message}, "values": []}


def storage_error(status: int, code: str, error: type[HttpResponseError]) -> HttpResponseError:
    """An exception as azure-storage-blob raises it."""
    failure = error(response=response(status))
    failure.error_code = code  # type: ignore[attr-defined]
    return failure


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (404, ResourceNotFoundError, NotFoundError),
        (404, HttpResponseError, NotFoundError),
        (401, ClientAuthenticationError, AuthenticationError),
        (403, HttpResponseError, ServiceError),
        (403, ClientAuthenticationError, ServiceError),
        (409, ResourceExistsError, ServiceError),
        (409, HttpResponseError, ServiceError),
        (412, ResourceModifiedError, ConflictError),
        (429, HttpResponseError, ServiceError),
        (503, HttpResponseError, ServiceError),
    ],
)
def test_translate_maps_a_response_by_its_status(
    status: int, error: type[HttpResponseError], kind: type[ServiceError]
) -> None:
    translated = translate(error(response=response(status)))
    assert (type(translated), translated.status) == (kind, status)


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (409, "BlobAlreadyExists", ResourceExistsError),
        (409, "PendingCopyOperation", ResourceExistsError),
        (412, "ConditionNotMet", ResourceModifiedError),
        (412, "TargetConditionNotMet", ResourceModifiedError),
        (412, "SourceConditionNotMet", ResourceModifiedError),
    ],
)
def test_translate_takes_the_codes_of_a_race_for_a_conflict(
    status: int, code: str, error: type[HttpResponseError]
) -> None:
    translated = translate(storage_error(status, code, error))
    assert (type(translated), translated.code, translated.refused) == (ConflictError, code, False)


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (409, "BlobImmutableDueToPolicy", ResourceExistsError),
        (409, "BlobArchived", ResourceExistsError),
        (409, "PublicAccessNotPermitted", ResourceExistsError),
        (412, "LeaseIdMissing", ResourceModifiedError),
        (403, "CannotVerifyCopySource", ResourceNotFoundError),
        (403, "AuthorizationPermissionMismatch", ClientAuthenticationError),
    ],
)
def test_translate_takes_other_codes_of_the_same_status_for_a_refusal(
    status: int, code: str, error: type[HttpResponseError]
) -> None:
    translated = translate(storage_error(status, code, error))
    assert (type(translated), translated.code, translated.refused) == (ServiceError, code, True)


def test_translate_reads_the_code_from_an_enum() -> None:
    translated = translate(storage_error(412, StorageErrorCode.CONDITION_NOT_MET, ResourceModifiedError))
    assert (type(translated), translated.code) == (ConflictError, "ConditionNotMet")


@pytest.mark.parametrize(("status", "refused"), [(None, False), (403, True), (408, False), (429, False), (503, False)])
def test_only_a_definite_answer_is_a_refusal(status: int | None, refused: bool) -> None:
    assert ServiceError("", status=status).refused is refused


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ServiceRequestError("Cannot connect to host"), UnreachableError),
        (ServiceResponseError("Server disconnected"), ServiceError),
        (CredentialUnavailableError(message="No managed identity endpoint found"), AuthenticationError),
    ],
)
def test_translate_maps_an_error_without_a_response_by_its_class(error: AzureError, kind: type[ServiceError]) -> None:
    translated = translate(error)
    assert type(translated) is kind
    assert (str(translated), translated.status, translated.code) == (error.message, None, "")


def test_translate_reads_the_code_and_message_of_batch() -> None:
    body = batch_error("JobNotFound", "The specified job does not exist.\nRequestId:1\nTime:2026-11-21")
    translated = translate(ResourceNotFoundError(response=response(404, body)))
    assert type(translated) is NotFoundError
    assert (translated.code, str(translated)) == ("JobNotFound", "The specified job does not exist.")


def test_translate_reads_the_code_and_not_the_class() -> None:
    body = batch_error("ActiveJobAndScheduleQuotaReached", "The quota is reached.")
    translated = translate(ResourceModifiedError(response=response(409, body)))
    assert type(translated) is ServiceError
    assert (translated.status, translated.code) == (409, "ActiveJobAndScheduleQuotaReached")


def test_translate_cuts_a_long_message() -> None:
    assert len(str(translate(HttpResponseError("x" * 5000)))) == MAX_MESSAGE_CHARS


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (HttpResponseError("first\nsecond"), "first"),
        (HttpResponseError(response=response(500)), "Operation returned an invalid status 'Reason'"),
        (HttpResponseError(response=response(500, {"error": {"code": "C", "message": "plain"}})), "plain"),
        (HttpResponseError(response=response(500, batch_error("C", "in an object\nRequestId:1"))), "in an object"),
        (ServiceRequestError(""), "ServiceRequestError"),
        (TimeoutError(), "TimeoutError"),
        (OSError("refused"), "refused"),
    ],
)
def test_message_is_the_first_line_and_never_empty(error: Exception, message: str) -> None:
    assert message_of(error) == message


def test_azure_errors_raises_the_translation_from_the_original() -> None:
    original = ResourceModifiedError(response=response(412))
    with pytest.raises(ConflictError) as caught, azure_errors():
        raise original
    assert caught.value.__cause__ is original


def test_azure_errors_lets_other_exceptions_pass() -> None:
    with pytest.raises(TimeoutError), azure_errors():
        raise TimeoutError
