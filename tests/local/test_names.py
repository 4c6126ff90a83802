"""Unusual blob names through the whole stack."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from unittest.mock import patch

import pytest

from cli.connection import Connection
from cli.storage import Storage, open_storage
from cli.target import find_target
from local.stack import Stack
from tests.support.videos import make_video
from tests.support.waiting import wait_until_async

SETTINGS = {"GIFDROP_GRACE_SECONDS": "2", "GIFDROP_RECONCILE_SCHEDULE": "*/3 * * * * *"}
NAMES = [
    "100%.mp4",
    "100%25 %2F.mp4",
    "a+b c.mp4",
    "#1?.mp4",
    "a./b.mp4",
    "dots.../..b...mp4",
    "größe/☃ 雪.mp4",
    "é combining e\u0301.mp4",
    'it\'s "quoted" & <b>.mp4',
    "back\\slash.mp4",
    "emoji 🎬.mp4",
]


@pytest.fixture(scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    async with Stack(directory=tmp_path_factory.mktemp("stack"), settings=SETTINGS) as stack:
        yield stack


@pytest.fixture(scope="module")
async def storage(stack: Stack) -> AsyncIterator[Storage]:
    with patch.dict(os.environ):
        target = find_target(Connection(directory=stack.layout.directory))
        async with open_storage(target, stack.endpoints["storage"]) as storage:
            yield storage


@pytest.mark.parametrize("interface", ["blob", "dfs", "sftp"])
async def test_gifs_are_named_after_their_videos(
    interface: str, stack: Stack, storage: Storage, tmp_path: Path
) -> None:
    arguments = ["--interface", interface, *(["--garble-supplementary"] if interface == "dfs" else [])]
    await stack.kill("events")
    await stack.restart("events", arguments=arguments)
    gifs = storage.service.get_container_client("gifs")
    # Those of the interface before.
    await asyncio.gather(*[gifs.delete_blob(blob.name) async for blob in gifs.list_blobs()])

    video = make_video(tmp_path / "video.mp4", seconds=0.2, size="64x36")
    folder = storage.service.get_blob_client(storage.container, "folder.mp4")
    await folder.upload_blob(b"", metadata={"hdi_isfolder": "true"}, overwrite=True)
    await asyncio.gather(*(storage.upload(name, video, metadata={}, progress=lambda _: None) for name in NAMES))
    # The service stores a backslash as a slash.
    expected = {name.replace("\\", "/").removesuffix(".mp4") + ".gif" for name in NAMES}

    async def complete() -> bool:
        return expected <= {blob.name async for blob in gifs.list_blobs()}

    await wait_until_async(complete, within=90.0, interval=0.3)
    assert {blob.name async for blob in gifs.list_blobs()} == expected
