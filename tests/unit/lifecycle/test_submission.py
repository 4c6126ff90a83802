"""What the properties of a video alone decide."""

from datetime import UTC, datetime

import pytest

from shared.lifecycle.submission import plan
from shared.services.storage.blob import Blob
from shared.settings import read_settings
from tests.support.settings import MINIMAL_SETTINGS


@pytest.mark.parametrize(("name", "code"), [("x" * 1016 + ".mov", None), ("x" * 1017 + ".mov", "NameTooLong")])
def test_video_whose_gif_would_have_too_long_a_name_is_refused(name: str, code: str | None) -> None:
    blob = Blob(name=name, etag="0x1", last_modified=datetime(2026, 11, 21, tzinfo=UTC), bytes=1, metadata={})
    error = plan(blob, read_settings(MINIMAL_SETTINGS)).error
    assert (error and error.code) == code
