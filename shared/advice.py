"""What the owner of a video can do about an error that another attempt would not remove."""

ADVICE = {
    "DecoderFailed": "Export it again, as an MP4 with H.264, and upload that.",
    "EmptyFile": "Upload it again.",
    "InvalidOption": "Correct the option and convert the video again.",
    "NameTooLong": "Upload the video with a shorter name.",
    "NoVideoStream": "Upload a file with a picture.",
    "NotAVideo": "Export it as an MP4 and upload that.",
    "NothingDecoded": "Export it again, as an MP4 with H.264, and upload that.",
    "TookTooLong": "Convert it again with a shorter duration or a smaller width.",
    "TooLarge": "Upload a smaller video, or convert it with a shorter duration or a smaller width.",
    "TooLong": "Cut the video and upload the part that you need.",
    "Truncated": "Export or upload it again.",
    "UnsupportedCodec": "Export it as an MP4 with H.264 and upload that.",
    "VideoGone": "Upload it again.",
}
"""Error code of a video -> what helps. Errors of other codes may be over at the next attempt."""
