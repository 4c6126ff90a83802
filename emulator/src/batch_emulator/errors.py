"""Errors as the Batch service reports them."""

from __future__ import annotations

STATUS = {
    "AuthenticationFailed": 403,
    "ActiveJobAndScheduleQuotaReached": 409,
    "ApplicationNotFound": 404,
    "AutoScaleTooManyRequestsToEnable": 409,
    "ConditionNotMet": 412,
    "FileNotFound": 404,
    "InvalidHeaderValue": 400,
    "InvalidPropertyValue": 400,
    "InvalidQueryParameterValue": 400,
    "InvalidRange": 416,
    "InvalidRequestBody": 400,
    "JobBeingDeleted": 409,
    "JobBeingTerminated": 409,
    "JobCompleted": 409,
    "JobExists": 409,
    "JobNotFound": 404,
    "JobPreparationTaskNotSpecified": 409,
    "JobScheduleBeingDeleted": 409,
    "JobScheduleBeingTerminated": 409,
    "JobScheduleCompleted": 409,
    "JobScheduleExists": 409,
    "JobScheduleNotFound": 404,
    "MissingApiVersionParameter": 400,
    "MissingRequiredProperty": 400,
    "MissingRequiredQueryParameter": 400,
    "MutuallyExclusiveProperties": 400,
    "NodeAlreadyInTargetSchedulingState": 409,
    "NodeNotFound": 404,
    "NodeNotReady": 409,
    "NodeUserExists": 409,
    "NodeUserNotFound": 404,
    "OperationInvalidForCurrentState": 409,
    "OperationNotSupported": 400,
    "PoolBeingDeleted": 409,
    "PoolBeingResized": 409,
    "PoolExists": 409,
    "PoolNotFound": 404,
    "PoolQuotaReached": 409,
    "PropertyCannotBeUpdated": 409,
    "RequestBodyTooLarge": 413,
    "ResourceNotFound": 404,
    "TaskCompleted": 409,
    "TaskDependenciesNotSpecifiedOnJob": 400,
    "TaskExists": 409,
    "TaskFilesCleanedup": 409,
    "TaskFilesUnavailable": 409,
    "TaskIdSameAsJobPreparationTask": 409,
    "TaskIdSameAsJobReleaseTask": 409,
    "TaskNotFound": 404,
    "TooManyRequests": 429,
    "UnsupportedHttpVerb": 405,
    "UnsupportedRequestVersion": 400,
}

MESSAGE = {
    "AuthenticationFailed": "Server failed to authenticate the request. Make sure the value of Authorization header "
    "is formed correctly including the signature.",
    "ConditionNotMet": "The condition specified using HTTP conditional header(s) is not met.",
    "FileNotFound": "The specified file does not exist.",
    "InvalidPropertyValue": "The value provided for one of the properties in the request body is invalid.",
    "InvalidQueryParameterValue": "Value for one of the query parameters specified in the request URI is invalid.",
    "InvalidRequestBody": "The specified Request Body is not syntactically valid.",
    "JobExists": "The specified job already exists.",
    "JobNotFound": "The specified job does not exist.",
    "JobScheduleExists": "The specified job schedule already exists.",
    "JobScheduleNotFound": "The specified job schedule does not exist.",
    "MissingApiVersionParameter": "The api-version query parameter (?api-version=) is required for all requests.",
    "MissingRequiredProperty": "A required property was not specified in the request body.",
    "NodeNotFound": "The specified node does not exist.",
    "PoolExists": "The specified pool already exists.",
    "PoolNotFound": "The specified pool does not exist.",
    "PropertyCannotBeUpdated": "The property cannot be changed on a pool that exists.",
    "ResourceNotFound": "The specified resource does not exist.",
    "TaskExists": "The specified task already exists.",
    "TaskNotFound": "The specified task does not exist.",
    "TooManyRequests": "The request rate is too high; try again later.",
}


class BatchError(Exception):
    """An error response: `code` is Batch's, `details` become `values` of the body, `status` depends on the code."""

    def __init__(self, code: str, message: str | None = None, *, status: int | None = None, **details: object) -> None:
        self.code = code
        self.message = message or MESSAGE.get(code) or "The operation is not valid for the current state."
        self.status = status or STATUS[code]
        self.headers: dict[str, str] = {}
        self.details = {key: str(value) for key, value in details.items()}
        super().__init__(f"{code}: {self.message}")

    def body(self, *, request_id: str, time: str) -> dict[str, object]:
        """The body of the error response."""
        text = f"{self.message}\nRequestId:{request_id}\nTime:{time}"
        body: dict[str, object] = {"code": self.code, "message": {"lang": "en-US", "value": text}}
        if self.details:
            body["values"] = [{"key": key, "value": value} for key, value in self.details.items()]
        return body
