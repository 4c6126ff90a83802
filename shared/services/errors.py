"""What can go wrong with a call to Azure. Everything outside `services/` sees these errors and no others.

`azure_errors.py` translates the SDKs' exceptions into them.
"""

MAX_MESSAGE_CHARS = 300


class ServiceError(Exception):
    """A call to storage, Batch, Event Grid or the identity endpoint failed. `str()` gives one line for people."""

    def __init__(self, message: str, *, status: int | None = None, code: str = "") -> None:
        super().__init__(message[:MAX_MESSAGE_CHARS])
        self.status = status
        """HTTP status; `None` where there was no response."""
        self.code = code
        """The service's error code, or an empty string."""

    @property
    def refused(self) -> bool:
        """Whether the service answered and will answer the same again, unless somebody changes something."""
        return self.status is not None and 400 <= self.status < 500 and self.status not in (408, 429)


class NotFoundError(ServiceError):
    """The blob, container, job, task, pool or application does not exist."""


class ConflictError(ServiceError):
    """A precondition failed: the blob was changed since it was read. Read it again and decide again."""

    @property
    def refused(self) -> bool:
        return False


class NewerRecordError(ServiceError):
    """The record was written by a newer version of gifdrop, with a schema that this one must not change."""


class AuthenticationError(ServiceError):
    """The managed identity got no token, or the service did not accept it (401)."""


class UnreachableError(ServiceError):
    """The request was not sent: no connection could be made."""


class NoJobError(ServiceError):
    """The Batch account has no pool, or no open job, for a task."""


class NoNodesError(NoJobError):
    """The pool has no usable node and gets none."""
