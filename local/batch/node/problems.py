"""What can go wrong before a command line runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from local.batch.domain.entity import Doc


class PreparationError(Exception):
    """Batch's `code` and words for a file or package that could not be brought to the node."""

    def __init__(self, code: str, message: str, **details: str) -> None:
        self.code = code
        self.message = message
        self.details: list[Doc] = [{"name": name, "value": value} for name, value in details.items()]
        super().__init__(message)
