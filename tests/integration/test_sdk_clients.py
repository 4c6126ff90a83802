"""Clients made from the stack's `env` file alone, with the unchanged SDKs."""

import asyncio
import os
import subprocess
import sys

from local.layout import read_env
from local.stack import Stack
from tests.support.stack_client import StackClient

SCRIPT = """
import os, sys
from azure.batch import BatchClient
from azure.identity import ManagedIdentityCredential
from azure.storage.blob import BlobServiceClient
credential = ManagedIdentityCredential(client_id=os.environ["AZURE_CLIENT_ID"])
storage = BlobServiceClient(os.environ["GIFDROP_STORAGE_URL"], credential=credential)
storage.get_blob_client("videos", "sdk.mp4").upload_blob(sys.stdin.buffer.read())
batch = BatchClient(os.environ["GIFDROP_BATCH_URL"], credential)
print(*(pool.id for pool in batch.list_pools()))
"""


async def test_sdk_clients_need_only_the_variables_of_the_env_file(
    stack: Stack, client: StackClient, video: bytes
) -> None:
    environment = {"PATH": os.environ["PATH"], **read_env(stack.layout)}
    command = [sys.executable, "-c", SCRIPT]
    done = await asyncio.to_thread(
        subprocess.run, command, input=video, env=environment, capture_output=True, check=True
    )
    assert done.stdout.split() == [b"gifdrop"]
    assert (await client.final_status("sdk.mp4"))["state"] == "succeeded"
    assert await client.gif("sdk.gif")
