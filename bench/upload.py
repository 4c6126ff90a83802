"""Uploads videos into a stack with the storage SDK."""

import os
from collections.abc import Mapping
from unittest.mock import patch

from azure.identity import ManagedIdentityCredential
from azure.storage.blob import BlobServiceClient


def upload(env: Mapping[str, str], videos: Mapping[str, bytes], metadata: dict[str, str] | None = None) -> None:
    """Upload videos by name into the stack with the environment `env`."""
    # Only meanwhile: the next benchmark has another stack, and downloads clips with the system's certificates.
    with (
        patch.dict(os.environ, env),
        ManagedIdentityCredential(client_id=env["AZURE_CLIENT_ID"]) as credential,
        BlobServiceClient(
            env["GIFDROP_STORAGE_URL"], credential=credential, connection_verify=env["SSL_CERT_FILE"]
        ) as storage,
    ):
        for name, body in videos.items():
            blob = storage.get_blob_client(env["GIFDROP_INPUT_CONTAINER"], name)
            blob.upload_blob(body, metadata=metadata, overwrite=True)
