"""The local stack's private certificate authority and its server certificate for loopback."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Certificates:
    """PEM files: `bundle` is what clients trust, `chain` and `key` are the servers'."""

    bundle: Path
    chain: Path
    key: Path


def certificates(directory: Path) -> Certificates:
    """The certificates in `directory`, made if they are not there; they are good for 127.0.0.1 and localhost.

    The bundle holds the private authority and the public roots, so that one trust file serves for both.
    """
    found = Certificates(bundle=directory / "ca.pem", chain=directory / "server.pem", key=directory / "server.key")
    # The bundle is written last: where it is, the others are whole.
    if not found.bundle.exists():
        _make(found)
    return found


def _make(files: Certificates) -> None:
    import certifi
    import trustme

    files.bundle.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    authority = trustme.CA(organization_name="gifdrop local stack")
    server = authority.issue_cert("127.0.0.1", "localhost")
    files.key.touch(mode=0o600)
    files.key.write_bytes(server.private_key_pem.bytes())
    files.chain.write_bytes(b"".join(pem.bytes() for pem in server.cert_chain_pems))
    files.bundle.write_bytes(authority.cert_pem.bytes() + b"\n" + Path(certifi.where()).read_bytes())
