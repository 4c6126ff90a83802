"""Whoever reads the stack's environment can join in with the plain SDKs, sync or async, and nothing else."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

from local.layout import read_env
from local.stack import Stack
from tests.integration.kit import Person

SCRIPT = """
import os, sys
from azure.batch import BatchClient
from azure.identity import ManagedIdentityCredential
from azure.storage.blob import BlobServiceClient
credential = ManagedIdentityCredential(client_id=os.environ["AZURE_CLIENT_ID"])
storage = BlobServiceClient(os.environ["GIFDROP_STORAGE_URL"], credential=credential)
storage.get_blob_client("videos", "joined.mp4").upload_blob(sys.stdin.buffer.read())
batch = BatchClient(os.environ["GIFDROP_BATCH_URL"], credential)
print(*(pool.id for pool in batch.list_pools()))
"""


async def test_a_client_made_from_the_environment_alone_joins_in(stack: Stack, person: Person, video: bytes) -> None:
    environment = {"PATH": os.environ["PATH"], **read_env(stack.layout)}
    command = [sys.executable, "-c", SCRIPT]
    done = await asyncio.to_thread(
        subprocess.run, command, input=video, env=environment, capture_output=True, check=True
    )
    assert done.stdout.split() == [b"gifdrop"]
    assert (await person.ended("joined.mp4"))["state"] == "succeeded"
    assert await person.gif("joined.gif")


def test_nothing_in_app_or_converter_is_a_key_or_knows_the_laptop(project: Path) -> None:
    sources = [project / "function_app.py", *(project / "shared").rglob("*.py"), *(project / "converter").rglob("*.py")]
    text = "\n".join(source.read_text() for source in sources).lower()
    for secret in ("account_key", "accountkey", "connection_string", "namedkeycredential", "azurite", "localhost"):
        assert secret not in text
