"""The converter's verdicts on a file: a stable code and a sentence for its owner."""

from typing import Final, Literal

Code = Literal[
    "NotAVideo",
    "NoVideoStream",
    "Truncated",
    "TooLong",
    "TooLarge",
    "UnsupportedCodec",
    "InvalidOption",
    "NothingDecoded",
    "DecoderFailed",
]

MAX_EVIDENCE_CHARS: Final = 300


class Rejected(Exception):  # noqa: N818 - a verdict about the file, not an error of the program
    """The file cannot become a GIF. `message` is for its owner, `evidence` the ffmpeg line that shows why."""

    def __init__(self, code: Code, message: str, *, evidence: str | None = None) -> None:
        super().__init__(message)
        self.code: Code = code
        self.message = message
        self.evidence = evidence[:MAX_EVIDENCE_CHARS] if evidence else None


class NodeFailure(Exception):  # noqa: N818 - names the cause, as Rejected does
    """The node failed, not the file: the process exits non-zero and Batch may retry."""
