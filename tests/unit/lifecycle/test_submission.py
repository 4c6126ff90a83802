"""What the properties of a video alone decide."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from shared.conversion import Conversion, Problem, Source
from shared.lifecycle import submission
from shared.lifecycle.submission import plan
from shared.options import Options
from shared.services.storage.blob import Blob
from shared.settings import read_settings
from tests.support.settings import MINIMAL_SETTINGS

AT = datetime(2026, 11, 21, tzinfo=UTC)
MIB = 1024**2
SETTINGS = replace(read_settings(MINIMAL_SETTINGS), max_video_bytes=2000 * MIB)


@pytest.fixture(autouse=True)
def now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submission, "utc_now", lambda: AT)


def blob(name: str = "tom.mp4", *, size: int = 7, **metadata: str) -> Blob:
    return Blob(name=name, etag="0x1", last_modified=AT, bytes=size, metadata=metadata)


def refusal(made: Conversion) -> Problem | None:
    """Why there is no task, `None` if there is to be one."""
    assert (made.task_id is None, made.finished_at) == ((True, AT) if made.error else (False, None))
    assert made.state == ("failed" if made.error else "queued")
    return made.error


def test_plan_names_the_first_task_of_a_version() -> None:
    made = plan(blob(gif_width="99"), SETTINGS)
    assert refusal(made) is None
    assert (made.video, made.etag, made.task_id, made.attempt) == ("tom.mp4", "0x1", f"{made.id}-1", 1)
    assert (made.queued_at, made.source, made.warnings) == (AT, Source(bytes=7), ())
    assert made.options == replace(SETTINGS.defaults, width=99)


def test_unknown_metadata_leads_to_warnings_unless_other_options_are_given() -> None:
    video = blob(gif_widht="99")
    [warning] = plan(video, SETTINGS).warnings
    assert "gif_widht" in warning
    asked = Options(width=50)
    made = plan(video, SETTINGS, options=asked)
    assert (made.options, made.warnings) == (asked, ())


def test_empty_video_is_refused() -> None:
    message = "The file is empty: the upload may have been cut short."
    assert refusal(plan(blob(size=0), SETTINGS)) == Problem(code="EmptyFile", message=message)


def test_video_larger_than_the_limit_is_refused_with_both_sizes_in_mebibytes() -> None:
    assert refusal(plan(blob(size=2000 * MIB), SETTINGS)) is None
    message = "The file has 3,000 MiB; the limit is 2,000 MiB."
    assert refusal(plan(blob(size=3000 * MIB), SETTINGS)) == Problem(code="TooLarge", message=message)


def test_video_with_invalid_metadata_is_refused_unless_other_options_are_given() -> None:
    message = "The video's metadata is not valid: gif_width must be a whole number from 16 to 1920."
    assert refusal(plan(blob(gif_width="5"), SETTINGS)) == Problem(code="InvalidOption", message=message)
    assert refusal(plan(blob(gif_width="5"), SETTINGS, options=Options())) is None


@pytest.mark.parametrize(
    ("name", "also", "too_long"),
    [
        ("x" * 1016 + ".mov", "", None),
        ("x" * 1017 + ".mov", "", "The GIF's name"),
        ("x" * 1015 + ".mov", "webp", None),
        ("x" * 1016 + ".mov", "webp", "The name of a file beside the GIF"),
    ],
)
def test_video_whose_files_would_have_too_long_a_name_is_refused(name: str, also: str, too_long: str | None) -> None:
    found = refusal(plan(blob(name, gif_also=also), SETTINGS))
    assert (found and found.code) == ("NameTooLong" if too_long else None)
    if found:
        assert found.message.startswith(f"{too_long} would be longer than ")
