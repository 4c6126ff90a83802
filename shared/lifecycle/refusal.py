"""The refusal of a change that a person asked for."""


class RefusedError(Exception):
    """Nothing is changed, or not everything. `code` is one of the API's."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
