"""The storage account that the tests share."""

import base64
import secrets
from dataclasses import dataclass
from pathlib import Path

TOKEN_KEY = secrets.token_hex(32)
ACCOUNT_KEY = base64.b64encode(secrets.token_bytes(64)).decode()


@dataclass(frozen=True)
class Account:
    """A running storage account: its access log, its CA bundle, and the environment its clients need."""

    url: str
    access_log: Path
    bundle: str
    environment: dict[str, str]
