"""Which files a person means, and what they are called in the container."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.names import is_video

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


class NoVideoError(Exception):
    """There is nothing to convert; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Video:
    """A file, and the name that its blob gets: folders below the one that was given are kept."""

    name: str
    path: Path


def find_videos(paths: Iterable[Path]) -> list[Video]:
    """The MP4s that are meant by files and folders, in order. Raises NoVideoError."""
    found: dict[str, Video] = {}
    for path in paths:
        meant = list(in_folder(path)) if path.is_dir() else [_file(path)]
        if not meant:
            raise NoVideoError(f"no .mp4 file in {path}")
        for video in meant:
            if video.name in found:
                raise NoVideoError(f"{video.path} and {found[video.name].path} would both be called {video.name}")
            found[video.name] = video
    return list(found.values())


def _file(path: Path) -> Video:
    if not path.is_file():
        raise NoVideoError(f"{path} is not there")
    if not is_video(path.name):
        raise NoVideoError(f"{path} is not an .mp4 file")
    return Video(name=path.name, path=path)


def in_folder(folder: Path) -> Iterator[Video]:
    """The MP4s of a folder and all below it, in order."""
    for where, folders, files in os.walk(folder):
        folders.sort()
        for file in sorted(files):
            path = folder.__class__(where, file)
            # A link may lead anywhere, also to nothing.
            if is_video(file) and path.is_file():
                yield Video(name=path.relative_to(folder).as_posix(), path=path)
