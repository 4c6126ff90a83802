"""The steps that make the GIF of a plan: decode, choose a dither, encode."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from converter.encoding import ffmpeg_args, frame_order, palette, stabilise
from converter.planning.budget import Settings
from converter.planning.options import Options
from converter.planning.plan import Plan
from converter.process import ffmpeg, scratch
from converter.process.classify import classify_encoding_failure, classify_failure, error_lines
from converter.progress import Progress
from converter.verdict import NodeFailure, Rejected
from converter.video.probe import CUT_OFF, first_line

TIMEOUT_SECONDS: Final = 1800.0
MAX_EXCESS: Final = 1.5  # a GIF that is this many times over the limit is not encoded to its end
MAX_DITHER_COST: Final = 1.05  # a dither that hides bands may cost this many times the bytes of the cheapest
MIN_TRIAL_PIXELS: Final = 2e6  # over all frames; below this a trial costs more than it can save
MIN_EXTRAPOLATED_SHARE: Final = 0.05  # of the frames, from which the size of the whole GIF is estimated
FILE_SIZE_MARGIN_BYTES: Final = 16 * 2**20
_MICROSECONDS: Final = re.compile(r"[0-9]{1,15}\Z")


@dataclass(kw_only=True)
class Workspace:
    """What making one GIF needs: ffmpeg, an empty directory, the plan and the caps."""

    binary: Path
    scratch: Path
    plan: Plan
    """What is decoded."""
    options: Options
    progress: Progress
    notes: list[str] = field(default_factory=list)
    sandbox: set[str] = field(default_factory=set)
    """Parts of the sandbox that every run so far has entered."""
    encodes: int = 0
    """GIFs encoded so far."""

    @property
    def frames(self) -> Path:
        """The decoded, scaled frames."""
        return self.scratch / "frames.raw"

    @property
    def palette(self) -> Path:
        """The palette as 16x16 raw pixels, one for each colour."""
        return self.scratch / "palette.rgba"

    @property
    def draft(self) -> Path:
        """The GIF until it is checked."""
        return self.scratch / "draft.gif"

    @property
    def kept(self) -> Path:
        """The best GIF of several attempts."""
        return self.scratch / "kept.gif"

    @property
    def limit(self) -> int:
        """Bytes of the GIF at most: the owner's budget or the operator's cap."""
        return min(self.options.budget or self.options.max_bytes, self.options.max_bytes)

    def run(
        self,
        arguments: list[str],
        *,
        reads: Sequence[Path],
        writes: Sequence[Path],
        file_size: int,
        watch: ffmpeg.Watch | None = None,
        stall: float = ffmpeg.STALL_SECONDS,
    ) -> ffmpeg.Finished:
        """Run ffmpeg in the scratch directory."""
        finished = ffmpeg.run(
            binary=self.binary,
            arguments=arguments,
            work=self.scratch,
            reads=reads,
            writes=writes,
            timeout=TIMEOUT_SECONDS,
            file_size=file_size,
            watch=watch,
            stall=stall,
        )
        self.sandbox.intersection_update(finished.sandbox)
        return finished


def decode(workspace: Workspace) -> int:
    """Write frames, in the order of the GIF, and palette; returns the number of frames.

    Raises Rejected if part of the video is missing.
    """
    plan = workspace.plan
    expected = max(1.0, (plan.expected_seconds or plan.duration) * plan.fps)

    def watch(_: Mapping[str, str]) -> float:
        size = scratch.size(workspace.frames)
        workspace.progress.report("decoding", max(0.001, size / plan.frame_bytes / expected))
        return size

    finished = workspace.run(
        ffmpeg_args.decode_args(
            plan, frames=workspace.frames, palette=workspace.palette, max_pixels=workspace.options.max_pixels
        ),
        reads=[plan.source],
        writes=[workspace.frames, workspace.palette],
        file_size=plan.max_frames * plan.frame_bytes + FILE_SIZE_MARGIN_BYTES,
        watch=watch,
        # With a start, ffmpeg decodes from the key frame before it and writes nothing until it gets there.
        stall=TIMEOUT_SECONDS if plan.start else ffmpeg.STALL_SECONDS,
    )
    if finished.ended != "exit" or finished.code < 0:
        raise classify_failure(finished)
    count = min(scratch.size(workspace.frames) // plan.frame_bytes, plan.max_frames)
    if not count or not scratch.size(workspace.palette):
        if plan.start and not error_lines(finished.lines):
            raise Rejected("InvalidOption", f"The video has no picture after {plan.start:g} s.")
        raise classify_failure(finished)
    _check_complete(workspace, count, finished.lines)
    with scratch.opened(workspace.frames) as frames:
        count = frame_order.arrange(
            frames, count=count, frame_bytes=plan.frame_bytes, reverse=plan.reverse, boomerang=plan.boomerang
        )
        if not plan.alpha:
            stabilise.hold(frames, count=count, frame_bytes=plan.frame_bytes, max_change=plan.preset.held_change)
            _refine_palette(workspace, frames, count)
    return count


def _refine_palette(workspace: Workspace, frames: int, count: int) -> None:
    plan = workspace.plan
    found = scratch.read(workspace.palette, max_bytes=palette.BYTES)
    if len(found) != palette.BYTES:
        raise NodeFailure(f"ffmpeg left a palette of {len(found)} bytes")
    sampled = palette.sample(frames, count=count, frame_bytes=plan.frame_bytes, width=plan.width, fps=plan.fps)
    refined = palette.refine(found, sampled, min_distance=plan.preset.min_distance)
    workspace.palette.unlink()
    scratch.write_new(workspace.palette, refined, mode=0o600)


def _check_complete(workspace: Workspace, count: int, lines: list[str]) -> None:
    """Reject a cut-off file, which ffmpeg decodes as far as it can and reports as success."""
    expected, decoded = workspace.plan.expected_seconds or 0.0, count / workspace.plan.fps
    cut = first_line(lines, *CUT_OFF)
    if cut and expected - decoded > max(0.05 * expected, 2 / workspace.plan.fps):
        message = f"The file is cut off: only {decoded:.1f} of {expected:.1f} seconds can be read."
        raise Rejected("Truncated", message, evidence=cut)
    if errors := error_lines(lines):
        note = f"the video is damaged; ffmpeg's first error: {errors[0][:200]}"
        if note not in workspace.notes:  # it may be decoded twice
            workspace.notes.append(note)


def full_settings(workspace: Workspace) -> Settings:
    """The settings of what was decoded, with the number of colours that its palette really has."""
    data = scratch.read(workspace.palette, max_bytes=palette.BYTES)
    colours = {data[at : at + 3] for at in range(0, len(data) - 3, 4) if data[at + 3]}
    return replace(workspace.plan.settings, colours=max(2, len(colours)))


def choose_dither(workspace: Workspace, settings: Settings, *, count: int) -> str:
    """The last of the preset's dithers that costs hardly more than the first, by a trial on a few frames."""
    plan = workspace.plan
    first, *others = plan.preset.dithers
    if not others or count * settings.width * settings.height < MIN_TRIAL_PIXELS:
        return first
    targets = [workspace.scratch / f"trial-{i}.gif" for i in range(len(others) + 1)]
    finished = workspace.run(
        ffmpeg_args.trial_args(
            plan, settings, frames=workspace.frames, palette=workspace.palette, count=count, targets=targets
        ),
        reads=[workspace.frames, workspace.palette],
        writes=targets,
        file_size=workspace.options.max_bytes + FILE_SIZE_MARGIN_BYTES,
    )
    if finished.ended != "exit" or finished.code:
        raise classify_encoding_failure(finished)
    base, *sizes = (scratch.size(target) for target in targets)
    affordable = (name for name, size in zip(others[::-1], sizes[::-1], strict=True) if size <= base * MAX_DITHER_COST)
    return next(affordable, first)


def encode_once(workspace: Workspace, settings: Settings, *, count: int, dither: str, to_end: bool = False) -> float:
    """Encode; returns the bytes of the GIF, estimated if it was stopped for being far over the limit.

    With `to_end`, it is not stopped for that.
    """
    limit, expected, encoded = workspace.limit, count / workspace.plan.fps, 0.001
    palette = _palette(workspace, settings)
    workspace.encodes += 1

    def watch(block: Mapping[str, str]) -> float | None:
        nonlocal encoded
        out_time = block.get("out_time_us", "")
        encoded = min(max(int(out_time) / 1e6 / expected, 0.001), 1.0) if _MICROSECONDS.match(out_time) else encoded
        workspace.progress.report("frames", encoded)
        over = scratch.size(workspace.draft) > MAX_EXCESS * limit
        return None if over and not to_end and encoded > MIN_EXTRAPOLATED_SHARE else encoded

    finished = workspace.run(
        ffmpeg_args.encode_args(
            workspace.plan, settings, frames=workspace.frames, palette=palette, dither=dither, target=workspace.draft
        ),
        reads=[workspace.frames, palette],
        writes=[workspace.draft],
        file_size=round(MAX_EXCESS * limit) + FILE_SIZE_MARGIN_BYTES,
        watch=watch,
    )
    size = scratch.size(workspace.draft)
    complete = finished.ended == "exit" and not finished.code
    if complete and size:
        return size
    if size > limit:
        return size / max(encoded, MIN_EXTRAPOLATED_SHARE)
    raise classify_encoding_failure(finished)


def _palette(workspace: Workspace, settings: Settings) -> Path:
    """A palette of as many colours as set."""
    if settings.colours >= full_settings(workspace).colours:
        return workspace.palette
    target = workspace.scratch / f"palette-{settings.colours}.rgba"
    if scratch.size(target):
        return target
    finished = workspace.run(
        ffmpeg_args.palette_args(workspace.plan, settings, frames=workspace.frames, palette=target),
        reads=[workspace.frames],
        writes=[target],
        file_size=FILE_SIZE_MARGIN_BYTES,
    )
    if finished.ended != "exit" or finished.code:
        raise classify_encoding_failure(finished)
    return target
