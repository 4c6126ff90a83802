"""Classifies a failed ffmpeg run: the file's fault (Rejected) or the node's (NodeFailure)."""

import signal
from collections.abc import Sequence
from typing import Final

from converter.process.ffmpeg import Finished
from converter.verdict import NodeFailure, Rejected
from converter.video.probe import CUT_OFF, first_line

# A stuck decoder burns CPU; a node that is suspended, swapping or starved does not.
MIN_CPU_SHARE: Final = 0.25
_OTHER_STREAM: Final = "not on whitelist"  # a stream beside the video whose codec is not allowed: harmless
_NODE_ERRORS: Final = (
    "No space left on device",
    "Read-only file system",
    "Permission denied",
    "Resource temporarily unavailable",  # no thread could be started
)


def error_lines(lines: Sequence[str]) -> list[str]:
    """ffmpeg's errors, except those about streams other than the video."""
    return [line for line in lines if ("error]" in line or "fatal]" in line) and _OTHER_STREAM not in line]


def classify_failure(finished: Finished) -> Exception:
    """The exception to raise for a failed run on the uploaded file, with ffmpeg's own line as evidence."""
    lines = [line for line in finished.lines if _OTHER_STREAM not in line]
    evidence = next(iter(error_lines(lines)), lines[-1] if lines else None)
    if node_error := first_line(lines, *_NODE_ERRORS):
        return NodeFailure(node_error)
    if finished.ended in ("timeout", "stalled") or finished.code == -signal.SIGXCPU:
        if finished.cpu_seconds < MIN_CPU_SHARE * finished.seconds:
            return NodeFailure(f"ffmpeg got only {finished.cpu_seconds:.0f} s of CPU in {finished.seconds:.0f} s")
        message = "Decoding the video took too long: it is damaged, or far more complex than its length suggests."
        return Rejected("DecoderFailed", message, evidence=evidence)
    if finished.code == -signal.SIGKILL:
        return NodeFailure("ffmpeg was killed from outside, most likely because the node ran out of memory")
    if memory := first_line(lines, "Cannot allocate memory"):
        return Rejected("TooLarge", "Decoding the video needs more memory than allowed.", evidence=memory)
    if finished.code < 0:
        return Rejected(
            "DecoderFailed", f"The decoder crashed on this video (signal {-finished.code}).", evidence=evidence
        )
    if cut := first_line(lines, *CUT_OFF):
        return Rejected("Truncated", "The file is cut off before its first complete frame.", evidence=cut)
    return Rejected("NothingDecoded", "No frame of the video could be decoded.", evidence=evidence)


def classify_encoding_failure(finished: Finished) -> Exception:
    """The exception to raise for a failed run on decoded frames: only time and memory can be the video's fault."""
    error = classify_failure(finished)
    out_of_time = finished.ended != "exit" or finished.code == -signal.SIGXCPU
    if isinstance(error, Rejected) and error.code != "TooLarge" and not out_of_time:
        return NodeFailure(f"ffmpeg failed on frames it had decoded (exit {finished.code}): {error.evidence}")
    return error
