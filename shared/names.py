"""Every name and id that gifdrop assigns: pure functions of what they name."""

import re
from datetime import date
from hashlib import sha256

JOB_PREFIX = "gifdrop-"
GIF_FILE = "out.gif"
"""Name of a task's GIF, on the node and in the staging container."""
RESULT_FILE = "result.json"
"""Name of the converter's verdict, on the node and in the staging container."""

EXTRA_FILES = {"poster": "out.jpg", "webp": "out.webp"}
"""Kind of a file beside the GIF -> its name on the node and in the staging container."""
CONTENT_TYPES = {".gif": "image/gif", ".jpg": "image/jpeg", ".webp": "image/webp"}

VIDEO_TYPES = {
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".mov": "video/quicktime",
    ".webm": "video/webm",
    ".mkv": "video/x-matroska",
}
"""How the names of videos end, in lower case -> the content type of an upload. The converter looks at the bytes."""
VIDEO_ENDINGS = tuple(VIDEO_TYPES)

_VIDEO = re.compile(r"\.(mp4|m4v|mov|webm|mkv)\Z", re.ASCII | re.IGNORECASE)
_KEEPS_ITS_ENDING = re.compile(r"\.(m4v|mov|webm|mkv)(\.mp4)*\Z", re.ASCII | re.IGNORECASE)
_SUFFIXES = {".mp4": ".gif", ".MP4": ".GIF", ".Mp4": ".Gif", ".mP4": ".gIf"}
_EXTRA_SUFFIXES = {
    "poster": {".gif": ".jpg", ".GIF": ".JPG", ".Gif": ".Jpg", ".gIf": ".jPg"},
    "webp": {".gif": ".webp", ".GIF": ".WEBP", ".Gif": ".Webp", ".gIf": ".wEbp"},
}


MAX_BLOB_NAME_CHARS = 1024


class InvalidNameError(ValueError):
    """The text cannot be a blob's name; the message says why."""


def check_blob_name(name: str) -> None:
    """Raise `InvalidNameError` for text that cannot be a blob's name, or would name another blob in a URL.

    https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata
    """
    if not 0 < len(name) <= MAX_BLOB_NAME_CHARS:
        raise InvalidNameError("a blob's name has 1 to 1024 characters")
    if {".", ".."} & set(name.split("/")):
        raise InvalidNameError("a blob's name has no . or .. between its slashes")


def is_video(name: str) -> bool:
    """Whether a blob's name ends in one of `VIDEO_ENDINGS`, in any case."""
    return _VIDEO.search(name) is not None


def gif_name(video: str) -> str:
    """`cats/tom.mp4` -> `cats/tom.gif`, `cats/tom.mov` -> `cats/tom.mov.gif`. Two videos never share a GIF.

    The suffix keeps its case: `tom.MP4` -> `tom.GIF`. A `tom.mov.mp4`, whose GIF would be that of `tom.mov`, keeps its
    whole name: `tom.mov.mp4.gif`.
    """
    return f"{video}.gif" if _KEEPS_ITS_ENDING.search(video) else video[:-4] + _SUFFIXES[video[-4:]]


def extra_name(gif: str, kind: str) -> str:
    """`cats/tom.gif` -> `cats/tom.jpg` for its poster, `cats/tom.webp` for its WebP.

    The suffix keeps its case, so that two GIFs never share a file beside them.
    """
    return gif[:-4] + _EXTRA_SUFFIXES[kind][gif[-4:]]


def content_type(name: str) -> str:
    """The type of a video, or of a file in the output container."""
    return (VIDEO_TYPES | CONTENT_TYPES).get(_ending(name), "image/gif")


def video_type(name: str) -> str:
    """The content type of a video's upload. `name` is that of a video."""
    return VIDEO_TYPES[_ending(name)]


def _ending(name: str) -> str:
    return f".{name.rpartition('.')[2].lower()}"


def conversion_id(container: str, video: str, etag: str) -> str:
    """The id of converting one version of one blob: 32 hex digits derived from container, name and ETag."""
    return sha256("\0".join((container, video, etag.strip('"'))).encode()).hexdigest()[:32]


def task_id(conversion: str, attempt: int) -> str:
    """The id of one attempt's Batch task; also its folder in the staging and logs containers."""
    return f"{conversion}-{attempt}"


def job_id(day: date, generation: int = 1) -> str:
    """The job of a day: `gifdrop-2026-11-21`; with `-2` and so on when an earlier one accepts no more tasks."""
    return f"{JOB_PREFIX}{day.isoformat()}" + (f"-{generation}" if generation > 1 else "")


def job_day(job: str) -> date | None:
    """The day of one of gifdrop's jobs, `None` for any other job."""
    try:
        return date.fromisoformat(job.removeprefix(JOB_PREFIX)[:10])
    except ValueError:
        return None


def package_variable(package: str, version: str) -> str:
    """The environment variable that holds an application package's directory on a Linux node.

    Batch turns `.`, `-` and `#` into `_`:
    https://learn.microsoft.com/azure/batch/batch-application-packages#execute-the-installed-applications
    """
    return "AZ_BATCH_APP_PACKAGE_" + re.sub(r"[.#-]", "_", f"{package}_{version}")
