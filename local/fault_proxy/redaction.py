"""Removes signatures from URLs before they are logged."""

from __future__ import annotations

import re

_SIGNATURE = re.compile(r"([?&]sig=)[^&]*", re.IGNORECASE)


def redacted(url: str) -> str:
    """The URL with the signature of a SAS replaced."""
    return _SIGNATURE.sub(r"\1REDACTED", url)
