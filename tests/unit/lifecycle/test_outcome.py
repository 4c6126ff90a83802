"""The outcome of a completed task, and the conversion after it."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from shared.conversion import MAX_ATTEMPTS, Conversion, Gif, JobRef, Problem, Source
from shared.lifecycle.outcome import (
    LIMIT_TOLERANCE_SECONDS,
    MAX_MESSAGE_CHARS,
    MAX_NOTE_CHARS,
    MAX_NOTES,
    Asked,
    Converted,
    Interrupted,
    Origin,
    Outcome,
    Rejected,
    TransientFailure,
    apply_outcome,
    origin_of_result,
    outcome_of,
)
from shared.services.batch.tasks import Task, TaskFailure

START = datetime(2026, 11, 21, tzinfo=UTC)
END = START + timedelta(hours=1)
TOM = Gif(name="tom.gif", bytes=1, width=2, height=3, frames=4, duration_seconds=5)
WHY = Problem(code="Why", message="Because.")
GIF = {"bytes": 1000, "width": 480, "height": 270, "frames": 48, "duration_seconds": 4.0, "sha256": "0" * 64}


def outcome(
    result: object = None,
    *,
    failure: str | None = None,
    exit_code: int = 0,
    ran: float = 10,
    also: tuple[str, ...] = (),
    details: tuple[tuple[str, str], ...] = (),
) -> Outcome:
    """The outcome of a task that ran for `ran` seconds under a limit of 1800."""
    task = Task(
        job=JobRef(batch_url="https://batch", id="job"),
        id="task",
        video="tom.mp4",
        state="completed",
        started_at=START,
        ended_at=START + timedelta(seconds=ran),
        exit_code=exit_code,
        failure=TaskFailure(code=failure, message="What Batch says", details=details) if failure else None,
    )
    body = result if isinstance(result, bytes) else json.dumps(result).encode() if result is not None else None
    return outcome_of(task, body, Asked(gif="tom.gif", also=also), limit=1800)


def test_converted_verdict_gives_a_gif_with_its_measurements() -> None:
    got = outcome({"verdict": "converted", "gif": GIF})
    assert isinstance(got, Converted)
    assert got.gif == Gif(name="tom.gif", bytes=1000, width=480, height=270, frames=48, duration_seconds=4.0)
    assert (got.sha256, got.sandbox) == ("0" * 64, None)


@pytest.mark.parametrize(
    ("reported", "sandbox"),
    [
        (["seccomp", "landlock"], "landlock seccomp"),
        (["landlock", "\u202e"], "landlock"),
        ([], ""),
        ("landlock", None),
        (None, None),
    ],
)
def test_sandbox_of_a_result_is_the_parts_that_are_known(reported: object, sandbox: str | None) -> None:
    got = outcome({"verdict": "converted", "gif": GIF, "sandbox": reported})
    assert isinstance(got, Converted)
    assert got.sandbox == sandbox


WEBP = {"kind": "webp", "name": "out.webp", "bytes": 400, "width": 480, "height": 270, "sha256": "1" * 64}
POSTER = {"kind": "poster", "name": "out.jpg", "bytes": 40, "width": 480, "height": 270, "sha256": "2" * 64}


def test_converted_verdict_gives_the_files_that_were_asked_for() -> None:
    got = outcome({"verdict": "converted", "gif": GIF, "also": [WEBP, POSTER]}, also=("poster", "webp"))
    assert isinstance(got, Converted)
    assert [(extra.kind, extra.name, extra.bytes) for extra in got.gif.also] == [
        ("poster", "tom.jpg", 40),
        ("webp", "tom.webp", 400),
    ]
    assert got.extra_sha256 == {"webp": "1" * 64, "poster": "2" * 64}


@pytest.mark.parametrize(
    "also",
    [
        None,
        [],
        [POSTER],
        [WEBP, WEBP],
        [WEBP, POSTER],
        [WEBP | {"kind": "exe"}],
        [WEBP | {"name": "../../conversions/tom.mp4"}],
        [WEBP | {"name": "out.gif"}],
        [WEBP | {"bytes": -1}],
        [WEBP | {"bytes": 1e400}],
        [WEBP | {"width": "wide"}],
        [WEBP | {"sha256": None}],
        [{"kind": "webp", "name": "out.webp"}],
        ["webp"],
        [None],
        [["webp"]],
        {"kind": "webp"},
        "webp",
        7,
    ],
)
def test_result_with_other_files_than_were_asked_for_cannot_be_read(also: object) -> None:
    got = outcome({"verdict": "converted", "gif": GIF, "also": also}, also=("webp",))
    assert isinstance(got, TransientFailure)
    assert got.error.code == "ResultUnreadable"


def test_result_with_files_that_nobody_asked_for_cannot_be_read() -> None:
    got = outcome({"verdict": "converted", "gif": GIF, "also": [WEBP]})
    assert isinstance(got, TransientFailure)


@pytest.mark.parametrize(
    ("number", "possible"), [(0, True), (0.5, True), (2**53 - 1, True), (2**53, False), (-0.1, False)]
)
def test_duration_of_a_gif_is_from_0_to_what_a_double_counts_exactly(number: float, possible: bool) -> None:
    got = outcome({"verdict": "converted", "gif": GIF | {"duration_seconds": number}})
    assert isinstance(got, Converted) is possible


@pytest.mark.parametrize("name", ["bytes", "width", "height", "frames"])
@pytest.mark.parametrize(("number", "possible"), [(0, True), (2**53 - 1, True), (2**53, False), (-1, False)])
def test_whole_number_of_a_gif_is_from_0_to_what_a_double_counts_exactly(
    name: str, number: int, possible: bool
) -> None:
    got = outcome({"verdict": "converted", "gif": GIF | {name: number}})
    assert isinstance(got, Converted) is possible


@pytest.mark.parametrize("digest", ["", "0" * 63, "G" * 64, 1, ["0" * 64]])
def test_result_with_an_invalid_digest_cannot_be_read(digest: object) -> None:
    got = outcome({"verdict": "converted", "gif": GIF | {"sha256": digest}})
    assert isinstance(got, TransientFailure)
    assert got.error.code == "ResultUnreadable"


def test_result_of_a_converter_that_reports_no_digest_is_accepted() -> None:
    got = outcome({"verdict": "converted", "gif": {name: GIF[name] for name in GIF if name != "sha256"}})
    assert isinstance(got, Converted)
    assert got.sha256 is None


def test_rejected_verdict_keeps_its_code_and_message() -> None:
    got = outcome({"verdict": "rejected", "code": "NotAVideo", "message": "This is no video."})
    assert isinstance(got, Rejected)
    assert (got.error.code, got.error.message) == ("NotAVideo", "This is no video.")


@pytest.mark.parametrize(("failure", "code"), [("BlobNotFound", "VideoGone"), ("TaskEnded", "TookTooLong")])
def test_task_is_rejected_when_the_video_is_gone_or_takes_too_long(failure: str, code: str) -> None:
    got = outcome(failure=failure, ran=1800)
    assert isinstance(got, Rejected)
    assert got.error.code == code


def test_task_terminated_before_its_limit_is_interrupted() -> None:
    assert isinstance(outcome(failure="TaskEnded", ran=10), Interrupted)
    assert isinstance(outcome(failure="TaskEnded", ran=1800 - LIMIT_TOLERANCE_SECONDS - 1), Interrupted)
    assert isinstance(outcome(failure="TaskEnded", ran=1800 - LIMIT_TOLERANCE_SECONDS), Rejected)


def test_converter_crash_is_a_transient_failure_with_its_exit_code() -> None:
    got = outcome(failure="FailureExitCode", exit_code=137)
    assert isinstance(got, TransientFailure)
    assert got.error.code == "ConverterFailed"
    assert "137" in got.error.message


def test_batch_failure_keeps_its_code_and_details() -> None:
    got = outcome(failure="BlobAccessDenied", details=(("FilePath", "input.mp4"), ("Status", "403")))
    assert isinstance(got, TransientFailure)
    assert got.error.code == "BlobAccessDenied"
    assert got.error.message == "The task could not run: What Batch says (FilePath: input.mp4; Status: 403)"
    got = outcome(failure="BlobAccessDenied")
    assert isinstance(got, TransientFailure)
    assert got.error.message == "The task could not run: What Batch says"


REJECTED = {"verdict": "rejected", "code": "NotAVideo", "message": "This is no video."}


@pytest.mark.parametrize("code", ["FileUploadAccessDenied", "FileUploadContainerNotFound", "FileUploadMiscError"])
def test_failed_upload_is_a_transient_failure_unless_the_video_was_rejected(code: str) -> None:
    assert isinstance(outcome({"verdict": "converted", "gif": GIF}, failure=code), TransientFailure)
    assert isinstance(outcome(None, failure=code), TransientFailure)
    assert isinstance(outcome(REJECTED, failure=code), Rejected)


def test_other_failure_is_a_transient_failure_although_the_video_was_rejected() -> None:
    assert isinstance(outcome(REJECTED, failure="FailureExitCode", exit_code=1), TransientFailure)


@pytest.mark.parametrize(
    "result",
    [b"", b"\xff", [], "x", {}, {"verdict": "maybe"}, {"verdict": "converted"}, {"verdict": "converted", "gif": {}}],
)
def test_unreadable_result_is_a_transient_failure(result: object) -> None:
    got = outcome(result)
    assert isinstance(got, TransientFailure)
    assert got.error.code == "ResultUnreadable"


def test_missing_result_is_a_transient_failure() -> None:
    got = outcome(None)
    assert isinstance(got, TransientFailure)
    assert got.error.code == "ResultMissing"


@pytest.mark.parametrize(
    "malformed",
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
def test_malformed_result_is_a_transient_failure_with_a_short_message(malformed: object) -> None:
    got = outcome(malformed)
    assert isinstance(got, TransientFailure)
    assert got.error.code == "ResultUnreadable"
    assert len(got.error.message.encode()) < 5000


def test_rejection_message_is_cut_and_made_valid_text() -> None:
    got = outcome({"verdict": "rejected", "code": "NotAVideo", "message": "no \ud800" + "x" * 9999})
    assert isinstance(got, Rejected)
    assert got.error.message.startswith("no ?xx")
    assert len(got.error.message) == MAX_MESSAGE_CHARS == 1000


SOURCE = {"codec": "h264", "width": 1280, "height": 720, "fps": 25.0, "duration_seconds": 70.0, "bytes": 1}


def test_notes_and_source_of_a_result_reach_the_conversion() -> None:
    note = "only 60 of 70 seconds, the longest that a GIF may last"
    got = outcome({"verdict": "converted", "gif": GIF, "source": SOURCE, "notes": [note]})
    queued = Conversion(video="tom.mp4", etag="0", id="a", source=Source(bytes=9_000_000))
    ended = apply_outcome(queued, got, at=END)
    assert ended.notes == (note,)
    assert ended.source == Source(
        bytes=9_000_000, duration_seconds=70.0, width=1280, height=720, fps=25.0, codec="h264"
    )


def test_source_of_a_rejected_video_reaches_the_conversion() -> None:
    got = outcome({"verdict": "rejected", "code": "TooLong", "message": "Too long.", "source": SOURCE})
    ended = apply_outcome(Conversion(video="tom.mp4", etag="0", id="a"), got, at=END)
    assert ended.source
    assert ended.source.duration_seconds == 70.0


@pytest.mark.parametrize(
    ("notes", "kept"),
    [
        (None, ()),
        ("text", ()),
        ({"0": "x"}, ()),
        ([1, None, ["x"], "kept"], ("kept",)),
        (["x" * 9999], ("x" * MAX_NOTE_CHARS,)),
        ([str(number) for number in range(99)], tuple(str(number) for number in range(MAX_NOTES))),
        (["a\nb\x1b[31m\u202egnp.exe \ud800"], ("ab[31mgnp.exe ",)),
    ],
)
def test_hostile_notes_are_bounded_and_printable(notes: object, kept: tuple[str, ...]) -> None:
    got = outcome({"verdict": "converted", "gif": GIF, "notes": notes})
    assert isinstance(got, Converted)
    assert got.notes == kept


@pytest.mark.parametrize("value", [-1, 2**53, 1e300, float("nan"), float("inf"), True, "70", [70], {"x": 1}])
def test_impossible_measurements_of_the_source_are_left_out(value: object) -> None:
    got = outcome({"verdict": "converted", "gif": GIF, "source": dict.fromkeys(SOURCE, value)})
    assert isinstance(got, Converted)
    assert got.source == Source(codec="70" if value == "70" else None)


def test_measurements_of_the_source_may_be_0() -> None:
    got = outcome({"verdict": "converted", "gif": GIF, "source": dict.fromkeys(SOURCE, 0)})
    assert isinstance(got, Converted)
    assert got.source == Source(duration_seconds=0, width=0, height=0, fps=0)


@pytest.mark.parametrize("source", ["x", 1, [], [[]]])
def test_source_that_is_no_object_is_left_out(source: object) -> None:
    got = outcome({"verdict": "converted", "gif": GIF, "source": source})
    assert isinstance(got, Converted)
    assert got.source is None


def after(outcome: Outcome, *, retries_left: int = 2, attempt: int = 5) -> Conversion:
    """A running conversion after its task had this outcome."""
    conversion = Conversion(
        video="tom.mp4",
        etag="0",
        id="a" * 32,
        attempt=attempt,
        retries_left=retries_left,
        state="running",
        batch_url="https://batch",
        job_id="j",
    )
    return apply_outcome(conversion, outcome, at=END)


def test_converted_outcome_ends_the_conversion_with_its_gif() -> None:
    conversion = after(Converted(gif=TOM, sha256=None))
    assert (conversion.state, conversion.gif, conversion.error) == ("succeeded", TOM, None)
    assert conversion.finished_at == END


def test_rejected_outcome_fails_the_conversion_at_once() -> None:
    conversion = after(Rejected(error=WHY))
    assert (conversion.state, conversion.attempt, conversion.error) == ("failed", 5, WHY)
    assert conversion.finished_at == END


@pytest.mark.parametrize("retries_left", [1, 2])
def test_transient_failure_queues_another_attempt_and_uses_up_a_retry(retries_left: int) -> None:
    conversion = after(TransientFailure(error=WHY), retries_left=retries_left)
    assert (conversion.state, conversion.attempt, conversion.error) == ("queued", 6, None)
    assert conversion.retries_left == retries_left - 1
    assert conversion.task_id == f"{'a' * 32}-6"
    assert conversion.job_id is None


def test_transient_failure_of_the_last_attempt_is_the_error_of_the_conversion() -> None:
    conversion = after(TransientFailure(error=WHY), retries_left=0)
    assert (conversion.state, conversion.attempt, conversion.error) == ("failed", 5, WHY)
    assert conversion.finished_at == END


def test_interruption_queues_another_attempt_without_using_up_a_retry() -> None:
    conversion = after(Interrupted(error=WHY), retries_left=0)
    assert (conversion.state, conversion.attempt, conversion.retries_left) == ("queued", 6, 0)


def test_interruption_of_the_last_allowed_attempt_fails_the_conversion() -> None:
    conversion = after(Interrupted(error=WHY), attempt=MAX_ATTEMPTS)
    assert (conversion.state, conversion.error) == ("failed", WHY)
    assert conversion.finished_at == END


ORIGIN = {
    "video": "cats/tom%20%E2%98%83.mp4",
    "batch_url": "https://a.westus.batch.azure.com/",
    "job_id": "gifdrop-2026-11-21",
    "node_id": "tvm-1_p",
    "started_at": "2026-11-21T10:20:30.123+00:00",
}


def test_origin_of_a_result_is_its_video_job_node_and_start() -> None:
    origin = origin_of_result(json.dumps({"task": ORIGIN}).encode())
    assert origin == Origin(
        video="cats/tom ☃.mp4",
        job=JobRef(batch_url="https://a.westus.batch.azure.com", id="gifdrop-2026-11-21"),
        node_id="tvm-1_p",
        started_at=datetime(2026, 11, 21, 10, 20, 30, 123000, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    "task",
    [
        None,
        [],
        {},
        ORIGIN | {"video": None},
        ORIGIN | {"video": 7},
        ORIGIN | {"video": "%FF.mp4"},
        ORIGIN | {"started_at": "yesterday"},
        ORIGIN | {"started_at": "9999-12-31T23:59:59-23:59"},
    ],
)
def test_result_without_a_readable_origin_has_none(task: object) -> None:
    assert origin_of_result(json.dumps({"task": task}).encode()) is None


@pytest.mark.parametrize(
    "changed", [{"job_id": "../a"}, {"job_id": 7}, {"batch_url": None}, {"job_id": "x" * 65}, {"job_id": "a\n"}]
)
def test_job_of_a_result_is_an_id_in_an_account_or_none(changed: dict[str, object]) -> None:
    origin = origin_of_result(json.dumps({"task": ORIGIN | changed}).encode())
    assert origin
    assert origin.job is None


@pytest.mark.parametrize("node", ["two words", "", "x" * 129, "\u2603", 7, None])
def test_node_of_a_result_is_an_id_or_none(node: object) -> None:
    origin = origin_of_result(json.dumps({"task": ORIGIN | {"node_id": node}}).encode())
    assert origin
    assert origin.node_id is None
