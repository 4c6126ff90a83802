"""One local stack for all tests of this folder, and what a person does with it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from local.stack import Stack
from tests.integration.kit import Person
from tests.support.videos import make_video


@pytest.fixture(scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    async with Stack(directory=tmp_path_factory.mktemp("stack")) as stack:
        yield stack


@pytest.fixture(scope="session")
async def person(stack: Stack) -> AsyncIterator[Person]:
    async with Person(stack.endpoints, stack.env) as person:
        yield person


@pytest.fixture(scope="session")
def video(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Two seconds, 320x180, 25 frames a second."""
    return make_video(tmp_path_factory.mktemp("videos") / "two-seconds.mp4", seconds=2).read_bytes()


@pytest.fixture(scope="session")
def longer_video(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Three seconds of the same."""
    return make_video(tmp_path_factory.mktemp("videos") / "three-seconds.mp4", seconds=3).read_bytes()


@pytest.fixture(scope="session")
def project() -> Path:
    return Path(__file__).parents[2]
