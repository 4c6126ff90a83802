"""Finds the videos to upload and names their blobs."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cli.errors import UsageError
from shared.names import VIDEO_ENDINGS, is_video

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


_ENDINGS = " or ".join(VIDEO_ENDINGS)


@dataclass(frozen=True, kw_only=True)
class Video:
    """A file and its blob name, which is the path relative to the folder that was given."""

    name: str
    path: Path


def find_videos(paths: Iterable[Path]) -> list[Video]:
    """The videos in the given files and folders, in order. Raises UsageError."""
    found: dict[str, Video] = {}
    for path in paths:
        videos = list(in_folder(path)) if path.is_dir() else [_file(path)]
        if not videos:
            raise UsageError(f"There is no {_ENDINGS} file in {path}.")
        for video in videos:
            if video.name in found:
                raise UsageError(f"{video.path} and {found[video.name].path} would both be uploaded as {video.name}.")
            found[video.name] = video
    return list(found.values())


def _file(path: Path) -> Video:
    if not path.is_file():
        raise UsageError(f"{path} does not exist.")
    if not is_video(path.name):
        raise UsageError(f"{path} is not an {_ENDINGS} file.")
    return Video(name=path.name, path=path)


def in_folder(folder: Path) -> Iterator[Video]:
    """The videos in a folder and its subfolders, in order."""
    for where, folders, files in os.walk(folder):
        folders.sort()
        for file in sorted(files):
            path = folder.__class__(where, file)
            # A symbolic link may be broken or point to a folder.
            if is_video(file) and path.is_file():
                yield Video(name=path.relative_to(folder).as_posix(), path=path)
