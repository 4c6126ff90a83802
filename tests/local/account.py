"""The storage account that the tests share."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Account:
    """A running storage account: its access log, its CA bundle, and the environment its clients need."""

    url: str
    access_log: Path
    bundle: str
    environment: dict[str, str]
