"""Classifying a failed ffmpeg run."""

import signal

import pytest

from converter.process.classify import classify_encoding_failure, classify_failure
from converter.process.ffmpeg import Finished
from converter.verdict import NodeFailure, Rejected


@pytest.mark.parametrize(
    "finished",
    [
        Finished(code=1, ended="exit", lines=["[out#0 error] No space left on device"]),
        Finished(code=-signal.SIGKILL, ended="exit"),
        Finished(code=-signal.SIGKILL, ended="timeout", seconds=1800, cpu_seconds=10),
    ],
    ids=["full disk", "killed from outside", "starved of CPU"],
)
def test_failure_of_the_node_is_a_node_failure(finished: Finished) -> None:
    assert isinstance(classify_failure(finished), NodeFailure)


@pytest.mark.parametrize(
    ("finished", "code"),
    [
        (Finished(code=-signal.SIGKILL, ended="stalled", seconds=60, cpu_seconds=60), "DecoderFailed"),
        (Finished(code=-signal.SIGXCPU, ended="exit", seconds=900, cpu_seconds=900), "DecoderFailed"),
        (Finished(code=-signal.SIGSEGV, ended="exit"), "DecoderFailed"),
        (Finished(code=1, ended="exit", lines=["[h264 error] Cannot allocate memory"]), "TooLarge"),
        (Finished(code=1, ended="exit", lines=["[mov error] stream 0, offset 0x30: partial file"]), "Truncated"),
        (Finished(code=1, ended="exit", lines=["[h264 error] Invalid data"]), "NothingDecoded"),
    ],
)
def test_failure_of_the_file_is_a_rejection(finished: Finished, code: str) -> None:
    error = classify_failure(finished)
    assert isinstance(error, Rejected)
    assert error.code == code


def test_evidence_skips_errors_of_streams_other_than_the_video() -> None:
    lines = ["[mov error] Codec (aac) not on whitelist", "[h264 error] Invalid data"]
    error = classify_failure(Finished(code=1, ended="exit", lines=lines))
    assert isinstance(error, Rejected)
    assert error.evidence == "[h264 error] Invalid data"


def test_encoding_failure_is_a_node_failure_unless_out_of_time_or_memory() -> None:
    invalid = Finished(code=1, ended="exit", lines=["[nut error] Invalid data"])
    memory = Finished(code=1, ended="exit", lines=["[gif error] Cannot allocate memory"])
    stalled = Finished(code=-signal.SIGKILL, ended="stalled", seconds=60, cpu_seconds=60)
    assert isinstance(classify_encoding_failure(invalid), NodeFailure)
    assert isinstance(classify_encoding_failure(memory), Rejected)
    assert isinstance(classify_encoding_failure(stalled), Rejected)
