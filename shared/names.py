"""Every name and id that gifdrop gives, in one place: pure functions of what they name."""

import re
from datetime import date
from hashlib import sha256

JOB_PREFIX = "gifdrop-"

_SUFFIXES = {".mp4": ".gif", ".MP4": ".GIF", ".Mp4": ".Gif", ".mP4": ".gIf"}


def is_video(name: str) -> bool:
    """Whether a blob of this name is taken for a video: it ends in .mp4, in any case."""
    return name[-4:] in _SUFFIXES


def gif_name(video: str) -> str:
    """`cats/tom.mp4` -> `cats/tom.gif`.

    The suffix keeps its case, so that `tom.MP4` becomes `tom.GIF` and two videos never share a GIF.
    """
    return video[:-4] + _SUFFIXES[video[-4:]]


def conversion_id(container: str, video: str, etag: str) -> str:
    """The id of converting one version of one blob: 32 hex digits, the same whenever it is asked for."""
    return sha256("\0".join((container, video, etag.strip('"'))).encode()).hexdigest()[:32]


def task_id(conversion: str, attempt: int) -> str:
    """The Batch task of one attempt at a conversion; also its folder in the staging and logs containers."""
    return f"{conversion}-{attempt}"


def job_id(day: date, generation: int = 1) -> str:
    """The job of a day: `gifdrop-2026-11-21`, or with `-2` and on when an earlier one takes no more tasks."""
    return f"{JOB_PREFIX}{day.isoformat()}" + (f"-{generation}" if generation > 1 else "")


def job_day(job: str) -> date | None:
    """The day of a job of ours, `None` for another's."""
    try:
        return date.fromisoformat(job.removeprefix(JOB_PREFIX)[:10])
    except ValueError:
        return None


def package_variable(package: str, version: str) -> str:
    """The variable in which Batch tells a Linux task where an application package lies.

    Batch turns `.`, `-` and `#` into `_`:
    https://learn.microsoft.com/azure/batch/batch-application-packages#execute-the-installed-applications
    """
    return "AZ_BATCH_APP_PACKAGE_" + re.sub(r"[.#-]", "_", f"{package}_{version}")
