"""Whose fault it is when ffmpeg ends without a result: the file's (a verdict) or the machine's (try again)."""

import signal

from node.probe import first_line
from node.run import Finished
from node.verdict import MachineTrouble, Rejected

# A stuck decoder burns CPU; a machine that is suspended, swapping or starved does not.
BUSY_SHARE = 0.25


def blame(finished: Finished) -> Exception:
    """The exception to raise: Rejected with ffmpeg's own line as evidence, or MachineTrouble."""
    lines = [line for line in finished.lines if "not on whitelist" not in line]
    evidence = first_line(lines, "error]", "fatal]") or (lines[-1] if lines else None)
    if full := first_line(lines, "No space left on device", "Read-only file system", "Permission denied"):
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
