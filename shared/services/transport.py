"""Timeouts and retries of every client: a service that falls silent must not use up the function's time."""

from typing import TypedDict

CONNECTION_TIMEOUT_SECONDS = 5.0
READ_TIMEOUT_SECONDS = 20.0
"""Between two reads of a response; the SDKs' default is 300 s, in azure-storage-blob 60 s."""


class Timeouts(TypedDict):
    """Keywords that every SDK client accepts."""

    connection_timeout: float
    read_timeout: float


class Retries(TypedDict):
    """Keywords of azure-core's retry policy."""

    retry_total: int
    retry_connect: int
    retry_read: int
    retry_backoff_max: int


TIMEOUTS = Timeouts(connection_timeout=CONNECTION_TIMEOUT_SECONDS, read_timeout=READ_TIMEOUT_SECONDS)
RETRIES = Retries(retry_total=3, retry_connect=1, retry_read=1, retry_backoff_max=8)
