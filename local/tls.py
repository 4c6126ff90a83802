"""The local stack's private certificate authority and its server certificate for loopback."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import certifi
import trustme


@dataclass(frozen=True, kw_only=True)
class Certificates:
    """PEM files: `bundle` for clients, `chain` and `key` for servers."""

    bundle: Path
    chain: Path
    key: Path


def certificates(directory: Path) -> Certificates:
    """The certificates in `directory` for 127.0.0.1 and localhost, created if missing.

    The bundle holds the private CA and the public roots, so it also works for servers on the internet.
    """
    found = Certificates(bundle=directory / "ca.pem", chain=directory / "server.pem", key=directory / "server.key")
    # The bundle is written last: if it exists, the other files are complete.
    if not found.bundle.exists():
        _create(found)
    return found


def _create(files: Certificates) -> None:
    files.bundle.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    authority = trustme.CA(organization_name="gifdrop local stack")
    server = authority.issue_cert("127.0.0.1", "localhost")
    files.key.touch(mode=0o600)
    files.key.write_bytes(server.private_key_pem.bytes())
    files.chain.write_bytes(b"".join(pem.bytes() for pem in server.cert_chain_pems))
    files.bundle.write_bytes(authority.cert_pem.bytes() + b"\n" + Path(certifi.where()).read_bytes())
