"""Errors that end a command with one sentence, and the exit codes of all commands."""

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes beside 0 and 128 + the number of a signal."""

    FAILED = 1
    """The command ran, but a video failed, was refused, or a check is not ok."""
    USAGE = 2
    """The arguments are wrong or there is nothing to convert."""
    UNREACHABLE = 3
    """No stack is running, or the app does not answer."""
    DENIED = 4
    """The app or the storage account rejects the key or the identity."""
    STACK = 5
    """The local stack cannot start, or one of its services crashed."""


class CommandError(Exception):
    """Ends the command: the message says what happened, then what to do."""

    exit_code = ExitCode.FAILED


class UsageError(CommandError):
    """The arguments cannot be used."""

    exit_code = ExitCode.USAGE


class UnreachableError(CommandError):
    """Nothing answers at the address."""

    exit_code = ExitCode.UNREACHABLE


class DeniedError(CommandError):
    """The key or the identity is rejected."""

    exit_code = ExitCode.DENIED


class StackError(CommandError):
    """The local stack cannot start or has crashed."""

    exit_code = ExitCode.STACK


class RefusedError(CommandError):
    """The app refuses one request, with a stable code."""

    def __init__(self, code: str, message: str, *, status: int = 0, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.retry_after = retry_after
