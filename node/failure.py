"""Whose fault it is when ffmpeg ends without a result: the file's (a verdict) or the machine's (try again)."""

import signal
from collections.abc import Sequence

from node.probe import first_line
from node.run import Finished
from node.verdict import MachineTrouble, Rejected

# A stuck decoder burns CPU; a machine that is suspended, swapping or starved does not.
BUSY_SHARE = 0.25
NO_THREAD = "Resource temporarily unavailable"


def errors(lines: Sequence[str]) -> list[str]:
    """What ffmpeg complains of, but for the streams beside the video, which it may not decode."""
    return [line for line in lines if ("error]" in line or "fatal]" in line) and "not on whitelist" not in line]


def blame(finished: Finished) -> Exception:
    """The exception to raise: Rejected with ffmpeg's own line as evidence, or MachineTrouble."""
    lines = [line for line in finished.lines if "not on whitelist" not in line]
    evidence = next(iter(errors(lines)), lines[-1] if lines else None)
    if full := first_line(lines, "No space left on device", "Read-only file system", "Permission denied", NO_THREAD):
        return MachineTrouble(full)
    if finished.ended in ("timeout", "stalled") or finished.code == -signal.SIGXCPU:
        if finished.cpu_seconds < BUSY_SHARE * finished.seconds:
            return MachineTrouble(f"ffmpeg got {finished.cpu_seconds:.0f} s of CPU in {finished.seconds:.0f} s")
        message = "Decoding the video took too long: it is damaged, or far more complex than its length suggests."
        return Rejected("DecoderFailed", message, evidence=evidence)
    if finished.code == -signal.SIGKILL:
        return MachineTrouble("ffmpeg was killed from outside, most likely for want of memory")
    if memory := first_line(lines, "Cannot allocate memory"):
        return Rejected("TooLarge", "Decoding the video needs more memory than is allowed.", evidence=memory)
    if finished.code < 0:
        return Rejected(
            "DecoderFailed", f"The decoder crashed on this video (signal {-finished.code}).", evidence=evidence
        )
    if cut := first_line(lines, "partial file"):
        return Rejected("Truncated", "The file is cut off before the first whole frame.", evidence=cut)
    return Rejected("NothingDecoded", "No frame of the video could be decoded.", evidence=evidence)


def blame_own(finished: Finished) -> Exception:
    """The same for a pass over our own frames: want of time or memory may be the video's, all else is the machine's."""
    error = blame(finished)
    over = finished.ended != "exit" or finished.code == -signal.SIGXCPU
    if isinstance(error, Rejected) and error.code != "TooLarge" and not over:
        return MachineTrouble(f"ffmpeg fails on our own frames (exit {finished.code}): {error.evidence}")
    return error
