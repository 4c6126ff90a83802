"""An emulator with TLS, storage and managed identities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from azure.batch import BatchClient

from support.tokens import Bearer

if TYPE_CHECKING:
    from pathlib import Path

    from azure.storage.blob import BlobServiceClient

NODE_IDENTITY = "/subscriptions/s/resourcegroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/nodes"
AZURITE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


@dataclass(frozen=True)
class SecureEmulator:
    """An emulator over TLS; its pool `nodes` has one identity, NODE_IDENTITY."""

    url: str
    ca: Path
    storage: BlobServiceClient

    def client(self) -> BatchClient:
        """A client with a bearer token."""
        return BatchClient(self.url, Bearer(), connection_verify=str(self.ca))
