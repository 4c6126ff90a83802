"""The managed identities, and the selection of one by a token request."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path


class UnknownIdentityError(LookupError):
    """No identity has the requested id."""


@dataclass(frozen=True, kw_only=True)
class Identity:
    """A managed identity. `resource_id` is empty for the system-assigned one."""

    client_id: str
    principal_id: str
    resource_id: str = ""


def read_identities(path: Path) -> list[Identity]:
    """The identities in a JSON file written by `write_identities`; raises ValueError or TypeError for other content."""
    return [Identity(**entry) for entry in json.loads(path.read_text(encoding="utf-8"))]


def write_identities(path: Path, identities: Iterable[Identity]) -> None:
    path.write_text(json.dumps([asdict(identity) for identity in identities], indent=2), encoding="utf-8")


_SELECTORS = {
    "client_id": "client_id",
    "clientid": "client_id",
    "principal_id": "principal_id",
    "object_id": "principal_id",
    "mi_res_id": "resource_id",
    "msi_res_id": "resource_id",
}


def select_identity(identities: Iterable[Identity], query: Mapping[str, str]) -> Identity:
    """The identity that the query names, or the system-assigned one if it names none.

    Raises UnknownIdentityError. Ids are case-insensitive, as in Azure.
    """
    wanted = {field: query[name].lower() for name, field in _SELECTORS.items() if query.get(name)} or {
        "resource_id": ""
    }
    for identity in identities:
        if all(getattr(identity, field).lower() == value for field, value in wanted.items()):
            return identity
    raise UnknownIdentityError(
        "No User Assigned or Delegated Managed Identity found for specified ClientId/ResourceId/PrincipalId."
    )
