"""What a completed task came to is decided from Batch's word and the converter's verdict alone."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from azure.batch.models import BatchTaskExecutionInfo, BatchTaskFailureInfo, NameValuePair

from shared.outcome import Converted, Interrupted, Outcome, Rejected, Trouble, outcome_of

START = datetime(2026, 11, 21, tzinfo=UTC)
GIF = {"bytes": 1000, "width": 480, "height": 270, "frames": 48, "duration_seconds": 4.0, "sha256": "0"}


def outcome(result: object = None, *, failure: str | None = None, exit_code: int = 0, ran: float = 10) -> Outcome:
    info = BatchTaskFailureInfo(
        category="servererror",
        code=failure,
        message="What Batch says",
        details=[NameValuePair(name="FilePath", value="input.mp4")],
    )
    execution = BatchTaskExecutionInfo(
        start_time=START,
        end_time=START + timedelta(seconds=ran),
        retry_count=0,
        requeue_count=0,
        exit_code=exit_code,
        failure_info=info if failure else None,
    )
    body = result if isinstance(result, bytes) else json.dumps(result).encode() if result is not None else None
    return outcome_of(execution, body, gif="tom.gif", limit=1800)


def test_a_converted_video_has_a_gif_with_its_measurements() -> None:
    got = outcome({"verdict": "converted", "gif": GIF})
    assert isinstance(got, Converted)
    assert (got.gif.name, got.gif.bytes, got.gif.frames) == ("tom.gif", 1000, 48)


def test_a_rejected_video_tells_its_code_and_sentence() -> None:
    got = outcome({"verdict": "rejected", "code": "NotAVideo", "message": "This is no video."})
    assert isinstance(got, Rejected)
    assert (got.error.code, got.error.message) == ("NotAVideo", "This is no video.")


@pytest.mark.parametrize(("failure", "code"), [("BlobNotFound", "VideoGone"), ("TaskEnded", "TookTooLong")])
def test_a_video_that_went_or_took_too_long_is_not_tried_again(failure: str, code: str) -> None:
    got = outcome(failure=failure, ran=1800)
    assert isinstance(got, Rejected)
    assert got.error.code == code


def test_a_task_ended_by_hand_is_tried_again() -> None:
    assert isinstance(outcome(failure="TaskEnded", ran=10), Interrupted)


def test_a_converter_that_crashed_is_the_machines_trouble() -> None:
    got = outcome(failure="FailureExitCode", exit_code=137)
    assert isinstance(got, Trouble)
    assert got.error.code == "ConverterFailed"
    assert "137" in got.error.message


def test_batchs_own_failures_keep_their_code_and_details() -> None:
    got = outcome(failure="BlobAccessDenied")
    assert isinstance(got, Trouble)
    assert got.error.code == "BlobAccessDenied"
    assert got.error.message == "The task could not run: What Batch says (FilePath: input.mp4)"


def test_a_failed_upload_is_trouble_though_the_converter_ended_well() -> None:
    assert isinstance(outcome({"verdict": "converted", "gif": GIF}, failure="FileUploadMiscError"), Trouble)


@pytest.mark.parametrize(
    "result",
    [b"", b"\xff", [], "x", {}, {"verdict": "maybe"}, {"verdict": "converted"}, {"verdict": "converted", "gif": {}}],
)
def test_a_result_that_cannot_be_read_is_trouble(result: object) -> None:
    got = outcome(result)
    assert isinstance(got, Trouble)
    assert got.error.code == "ResultUnreadable"


def test_no_result_at_all_is_trouble() -> None:
    got = outcome(None)
    assert isinstance(got, Trouble)
    assert got.error.code == "ResultMissing"


@pytest.mark.parametrize(
    "odd",
    [
        {"verdict": "converted", "gif": GIF | {"duration_seconds": float("nan")}},
        {"verdict": "converted", "gif": GIF | {"duration_seconds": -1}},
        {"verdict": "converted", "gif": GIF | {"frames": float("inf")}},
        {"verdict": "converted", "gif": GIF | {"bytes": 1e300}},
        {"verdict": "rejected", "code": "Not\na code", "message": "no"},
        {"verdict": "rejected", "code": "x" * 65, "message": "no"},
        {"verdict": "\ud800" * 9999},
        b"[" * 60_000,
        b"\xff",
    ],
)
def test_a_result_that_no_converter_of_ours_writes_is_trouble_and_says_so_in_brief(odd: object) -> None:
    got = outcome(odd)
    assert isinstance(got, Trouble)
    assert got.error.code == "ResultUnreadable"
    assert len(got.error.message.encode()) < 5000


def test_a_sentence_that_is_no_text_is_kept_as_far_as_it_is() -> None:
    got = outcome({"verdict": "rejected", "code": "NotAVideo", "message": "no \ud800" + "x" * 9999})
    assert isinstance(got, Rejected)
    assert got.error.message.startswith("no ?xx")
    assert len(got.error.message) == 1000
