"""What the converter may decide about a file: a stable code and a sentence its owner understands."""

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

EVIDENCE_LENGTH: Final = 300


class Rejected(Exception):  # noqa: N818 - a verdict about the file, not an error of the program
    """The file cannot become a GIF. `message` is for people, `evidence` is the ffmpeg line that proves it."""

    def __init__(self, code: Code, message: str, *, evidence: str | None = None) -> None:
        super().__init__(message)
        self.code: Code = code
        self.message = message
        self.evidence = evidence[:EVIDENCE_LENGTH] if evidence else None


class MachineTrouble(Exception):  # noqa: N818 - names the cause, reads as a sentence
    """The node, not the file, is at fault: the process ends non-zero and Batch may try again."""
