"""Fixtures of more than one folder: one local stack for the whole run, a client of it, and a video."""

from collections.abc import AsyncIterator

import pytest

from local.stack import Stack
from tests.support.stack_client import StackClient
from tests.support.videos import make_video


@pytest.fixture(scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    async with Stack(directory=tmp_path_factory.mktemp("stack")) as stack:
        yield stack


@pytest.fixture(scope="session")
async def client(stack: Stack) -> AsyncIterator[StackClient]:
    async with StackClient(stack.endpoints, stack.env) as client:
        yield client


@pytest.fixture(scope="session")
def video(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Two seconds, 320x180, 25 frames a second."""
    return make_video(tmp_path_factory.mktemp("videos") / "two-seconds.mp4", seconds=2).read_bytes()


@pytest.fixture(scope="session")
def tiny_video(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A fifth of a second, 64x36: for tests that need a GIF, whatever it looks like."""
    return make_video(tmp_path_factory.mktemp("videos") / "tiny.mp4", seconds=0.2, size="64x36").read_bytes()
