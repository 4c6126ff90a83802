"""The `context` argument of a function: an implementation of azure.functions.Context."""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass, field

import azure.functions as func
from azure.functions import _abc as contracts  # the public module does not export these two


class _Trace(contracts.TraceContext):
    """A W3C trace context, new for each invocation."""

    def __init__(self) -> None:
        self._parent = f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-00"

    @property
    def trace_parent(self) -> str:
        return self._parent

    @property
    def trace_state(self) -> str:
        return ""

    @property
    def attributes(self) -> dict[str, str]:
        return {}


class _Retry(contracts.RetryContext):
    """There is no retry policy: always the first attempt."""

    @property
    def retry_count(self) -> int:
        return 0

    @property
    def max_retry_count(self) -> int:
        return 0

    @property
    def exception(self) -> contracts.RpcException:
        raise NotImplementedError("nothing was retried")


@dataclass
class InvocationContext(func.Context):
    """The context of one invocation."""

    name: str
    directory: str
    id: str
    local: threading.local = field(default_factory=threading.local)
    trace: _Trace = field(default_factory=_Trace)

    @property
    def invocation_id(self) -> str:
        return self.id

    @property
    def function_name(self) -> str:
        return self.name

    @property
    def function_directory(self) -> str:
        return self.directory

    @property
    def thread_local_storage(self) -> threading.local:  # type: ignore[override]  # azure-functions declares the wrong type
        return self.local

    @property
    def trace_context(self) -> contracts.TraceContext:
        return self.trace

    @property
    def retry_context(self) -> contracts.RetryContext:
        return _Retry()
