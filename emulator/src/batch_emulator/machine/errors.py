"""Errors before a command line runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from batch_emulator.entity import Doc


class PreparationError(Exception):
    """A file or package could not be fetched; `code` and `message` are Batch's."""

    def __init__(self, code: str, message: str, **details: str) -> None:
        self.code = code
        self.message = message
        self.details: list[Doc] = [{"name": name, "value": value} for name, value in details.items()]
        super().__init__(message)
