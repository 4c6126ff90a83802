"""`--tls auto`: a certificate authority and a server certificate of the emulator's own."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_MISSING = "--tls auto needs the package trustme: pip install 'batch-emulator[tls]'"


class CertificatesError(OSError):
    """The certificates cannot be made."""


@dataclass(frozen=True, slots=True)
class Certificates:
    """Files in PEM: the authority to trust, the server's chain and its key."""

    ca: Path
    chain: Path
    key: Path


def make(directory: Path, names: Sequence[str]) -> Certificates:
    """Certificates for `names` in `directory`. An authority that is there already is kept, so clients keep trusting it.

    Raises CertificatesError.
    """
    try:
        import trustme  # noqa: PLC0415 - an optional dependency
    except ImportError:
        raise CertificatesError(_MISSING) from None
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    found = Certificates(directory / "ca.pem", directory / "server.pem", directory / "server.key")
    ca_key = directory / "ca.key"
    if found.ca.exists() and ca_key.exists():
        authority = trustme.CA.from_pem(found.ca.read_bytes(), ca_key.read_bytes())
    else:
        authority = trustme.CA(organization_name="batch-emulator")
        _write(ca_key, authority.private_key_pem.bytes())
        found.ca.write_bytes(authority.cert_pem.bytes())
    server = authority.issue_cert(*dict.fromkeys(names))
    found.chain.write_bytes(b"".join(each.bytes() for each in server.cert_chain_pems))
    _write(found.key, server.private_key_pem.bytes())
    return found


def _write(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
