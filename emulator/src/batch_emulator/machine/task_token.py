"""The tokens by which tasks authenticate their requests."""

from __future__ import annotations

import base64
import hashlib
import hmac


def task_token(key: str, job: str) -> str:
    """The token of a job's tasks, which permits requests to that job and its tasks; `key` is the account's."""
    return hmac.new(base64.b64decode(key), f"job {job.lower()}".encode(), hashlib.sha256).hexdigest()
