"""Makes the files beside the GIF, a poster and an animated WebP, from the frames that are decoded already."""

import base64
import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from converter.encoding import beside_args
from converter.encoding.beside_args import Frames
from converter.encoding.encode import FILE_SIZE_MARGIN_BYTES, Workspace
from converter.formats import gif, jpeg, webp
from converter.planning.presets import THUMBNAIL_PIXELS
from converter.process import ffmpeg, scratch
from converter.process.classify import classify_encoding_failure
from converter.verdict import NodeFailure, Rejected

FILES: Final = {"poster": "out.jpg", "webp": "out.webp"}
"""Kind of file -> its name in the task's directory."""
POSTER_QUALITIES: Final = (3, 12, 31)  # of ffmpeg's mjpeg, 2 is the best
TRIAL_QUALITY: Final = 75.0
MIN_QUALITY: Final = 65.0
MAX_QUALITY: Final = 80.0
MAX_THUMBNAIL_QUALITY: Final = 87.0  # where details are few pixels large, and bytes are few
LAST_QUALITIES: Final = (20.0, 0.0)  # if the WebP is over the byte cap
GIF_SHARE: Final = 0.37  # of the GIF's bytes, for the WebP
# How the bytes of a WebP grow with each point of quality; nearly the same on all clips that were measured.
GROWTH_BELOW_TRIAL: Final = 0.012
GROWTH_ABOVE_TRIAL: Final = 0.037
MIN_SPLIT_FRAMES: Final = 8
MAX_DRIFT_SECONDS: Final = 0.1
_MICROSECONDS: Final = re.compile(r"[0-9]{1,15}\Z")


@dataclass(frozen=True, kw_only=True)
class File:
    """A finished file, in memory. `frames` and `duration_seconds` are None for a single picture."""

    kind: str
    data: bytes
    width: int
    height: int
    frames: int | None = None
    duration_seconds: float | None = None

    @property
    def name(self) -> str:
        """Its name in the task's directory."""
        return FILES[self.kind]

    def measurements(self) -> dict[str, Any]:
        """What `result.json` says of it."""
        return {
            "kind": self.kind,
            "name": self.name,
            "bytes": len(self.data),
            "sha256": hashlib.sha256(self.data).hexdigest(),
            "content_md5": base64.b64encode(hashlib.md5(self.data, usedforsecurity=False).digest()).decode(),
            "width": self.width,
            "height": self.height,
            "frames": self.frames,
            "duration_seconds": self.duration_seconds,
        }


def make(workspace: Workspace, kinds: Sequence[str], *, made: gif.Gif) -> list[File]:
    """The files of these kinds, at the size and frame rate of the GIF that was `made` from the decoded frames.

    Raises Rejected("TooLarge") if one cannot be kept under the byte cap.
    """
    frames = _frames(workspace, made)
    makers = {"poster": _poster, "webp": _webp}
    files = [makers[kind](workspace, frames, made) for kind in kinds]
    for file in files:
        if (file.width, file.height) != (made.width, made.height):
            raise NodeFailure(f"ffmpeg made a {file.kind} of {file.width}x{file.height} pixels")
    return files


def _frames(workspace: Workspace, made: gif.Gif) -> Frames:
    plan = workspace.plan
    decoded = scratch.size(workspace.frames) // plan.frame_bytes
    return Frames(
        path=workspace.frames,
        plan=plan,
        width=made.width,
        height=made.height,
        # Some are left out of a GIF that has to fit a limit.
        fps=plan.fps * min(1.0, made.frames / decoded),
        count=min(made.frames, decoded),
    )


def _poster(workspace: Workspace, frames: Frames, _: gif.Gif) -> File:
    """A JPEG of the first frame that shows something, otherwise of the middle one."""
    target = workspace.scratch / "poster.jpg"
    for quality in POSTER_QUALITIES:
        for frame in (None, frames.count // 2):
            arguments = beside_args.poster_args(frames, target=target, frame=frame, quality=quality)
            # ffmpeg fails if no frame is good enough.
            if _run(workspace, arguments, [target], may_fail=frame is None):
                break
        data = _read(workspace, target)
        width, height = jpeg.size(data)
        if len(data) <= workspace.options.max_bytes:
            return File(kind="poster", data=data, width=width, height=height)
    raise _too_large("poster", workspace)


def _webp(workspace: Workspace, frames: Frames, made: gif.Gif) -> File:
    """An animated WebP, at least as good as the GIF for a good third of its bytes."""
    loop = workspace.plan.loop
    for quality in (_choose_quality(workspace, frames, made), *LAST_QUALITIES):
        animation = _encode(workspace, frames, quality)
        data = webp.write(animation, plays=loop + 1 if loop else 0)
        if len(data) <= workspace.options.max_bytes:
            return File(
                kind="webp",
                data=data,
                width=animation.width,
                height=animation.height,
                frames=len(animation.frames),
                duration_seconds=animation.duration_seconds,
            )
    raise _too_large("WebP", workspace)


def _choose_quality(workspace: Workspace, frames: Frames, made: gif.Gif) -> float:
    """The quality at which the WebP has `GIF_SHARE` of the GIF's bytes, by a trial on a few runs of frames."""
    target = workspace.scratch / "trial.webp"
    _run(workspace, beside_args.trial_args(frames, target=target, quality=TRIAL_QUALITY), [target])
    first, *others = (len(frame.chunks) for frame in _animation(workspace, frames, target, 1).frames)
    changes = [size for number, size in enumerate(others, 1) if number % beside_args.TRIAL_RUN_FRAMES]
    expected = first + (frames.count - 1) * sum(changes) / max(1, len(changes))
    excess = math.log(GIF_SHARE * made.bytes / expected)
    quality = TRIAL_QUALITY + excess / (GROWTH_ABOVE_TRIAL if excess > 0 else GROWTH_BELOW_TRIAL)
    thumbnail = frames.width * frames.height < THUMBNAIL_PIXELS
    return min(max(quality, MIN_QUALITY), MAX_THUMBNAIL_QUALITY if thumbnail else MAX_QUALITY)


def _encode(workspace: Workspace, frames: Frames, quality: float) -> webp.Webp:
    count, fps, alpha = frames.count, frames.fps, frames.plan.alpha
    # Two encoders side by side, as libwebp uses one thread. A transparent animation cannot be cut in two: its frames
    # may be drawn over those before them.
    split = 0 if alpha or count < MIN_SPLIT_FRAMES else count // 2
    counts = [split, count - split] if split else [count]
    targets = [workspace.scratch / f"part-{number}.webp" for number in range(len(counts))]
    expected, done = counts[-1] / fps, 0.001

    def watch(block: Mapping[str, str]) -> float:
        nonlocal done
        out_time = block.get("out_time_us", "")
        done = min(int(out_time) / 1e6 / expected, 1.0) if _MICROSECONDS.match(out_time) else done
        workspace.progress.report("beside", max(0.001, done))
        return done

    arguments = beside_args.webp_args(frames, targets=targets, split=split, quality=quality)
    _run(workspace, arguments, targets, watch=watch)
    animation = webp.join([_animation(workspace, frames, *part) for part in zip(targets, counts, strict=True)])
    # The encoder for transparent animations stores frames that do not differ as one.
    if not alpha and abs(len(animation.frames) - count) > 1:
        raise NodeFailure(f"ffmpeg made a WebP of {len(animation.frames)} frames from {count}")
    if abs(animation.duration_seconds - count / fps) > MAX_DRIFT_SECONDS + 1 / fps:
        raise NodeFailure(f"ffmpeg made a WebP of {animation.duration_seconds:g} s from {count} frames")
    return animation if alpha else webp.without_repeats(animation)


def _run(
    workspace: Workspace,
    arguments: list[str],
    targets: Sequence[Path],
    *,
    watch: ffmpeg.Watch | None = None,
    may_fail: bool = False,
) -> bool:
    """Run ffmpeg on the frames; returns whether it wrote the targets, which it need not if it `may_fail`."""
    finished = workspace.run(
        arguments,
        reads=[workspace.frames],
        writes=targets,
        file_size=workspace.options.max_bytes + FILE_SIZE_MARGIN_BYTES,
        watch=watch,
    )
    written = not finished.code and all(scratch.size(target) for target in targets)
    if finished.ended != "exit" or finished.code < 0 or not (written or may_fail):
        raise classify_encoding_failure(finished)
    return written


def _read(workspace: Workspace, path: Path) -> bytes:
    return scratch.read(path, max_bytes=workspace.options.max_bytes + FILE_SIZE_MARGIN_BYTES)


def _animation(workspace: Workspace, frames: Frames, path: Path, count: int) -> webp.Webp:
    """The animation in a file, which may be a single picture in place of `count` frames that do not differ."""
    return webp.read(_read(workspace, path), still_milliseconds=round(1000 * count / frames.fps))


def _too_large(what: str, workspace: Workspace) -> Rejected:
    return Rejected("TooLarge", f"The {what} would exceed the limit of {workspace.options.max_bytes} bytes.")
