"""Videos into a stack, by the unchanged SDK."""

import os
from collections.abc import Mapping
from unittest.mock import patch


def upload(env: Mapping[str, str], videos: Mapping[str, bytes], metadata: dict[str, str] | None = None) -> None:
    """Upload videos by name into the stack that wrote `env`."""
    from azure.identity import ManagedIdentityCredential
    from azure.storage.blob import BlobServiceClient

    # For a moment only: what it names is gone with the stack, and the next benchmark fetches clips from elsewhere.
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
