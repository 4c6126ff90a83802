"""A longer video."""

import pytest

from tests.support.videos import make_video


@pytest.fixture(scope="session")
def longer_video(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Three seconds, 320x180, 25 frames a second."""
    return make_video(tmp_path_factory.mktemp("videos") / "three-seconds.mp4", seconds=3).read_bytes()
