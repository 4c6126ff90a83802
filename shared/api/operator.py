"""Who may change something: signed-in operators, and holders of a function key and, if there is one, the operator's."""

from __future__ import annotations

import hmac
from contextlib import contextmanager
from hashlib import sha256
from math import ceil
from typing import TYPE_CHECKING

from shared.api.access import is_operator
from shared.api.errors import ApiError
from shared.lifecycle.refusal import RefusedError
from shared.services.errors import NewerRecordError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from shared.api.rate_limit import RateLimit
    from shared.settings import Settings

OPERATOR_HEADER = "x-gifdrop-operator-key"


def check_operator(headers: Mapping[str, str], settings: Settings, *, what: str) -> None:
    """Raise `ApiError` `OperatorKeyRequired` unless the caller may do `what`: the end of a sentence."""
    expected = settings.operator_sha256
    found = sha256(headers.get(OPERATOR_HEADER, "").encode(errors="replace")).hexdigest()
    if expected and not is_operator() and not hmac.compare_digest(found, expected):
        raise ApiError("OperatorKeyRequired", f"Only an operator can {what}.")


@contextmanager
def refusals() -> Iterator[None]:
    """Raises `ApiError` where the lifecycle refuses a change."""
    try:
        yield
    except RefusedError as error:
        raise ApiError(error.code, str(error)) from error
    except NewerRecordError as error:
        raise ApiError("NewerRecord", "A newer version of gifdrop looks after this video.") from error


def check_rate(limit: RateLimit, code: str, what: str) -> None:
    """Count one of `what`. Raises `ApiError` with `code` and `Retry-After` if there were too many."""
    seconds = limit.take()
    if seconds:
        wait = ceil(seconds)
        message = f"Too many {what}. Try again in {wait} second{'' if wait == 1 else 's'}."
        raise ApiError(code, message, headers={"Retry-After": str(wait)})
