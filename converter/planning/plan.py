"""Plans a GIF: size, frame rate and duration from the source, the requested options and the caps."""

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from converter.planning.budget import Settings
from converter.planning.framing import Region, frame
from converter.planning.options import Options
from converter.planning.presets import PRESETS, Preset
from converter.verdict import Rejected
from converter.video.container import Demuxer
from converter.video.probe import Source

MIN_FPS: Final = 1.0
MAX_TOTAL_PIXELS: Final = 300e6  # over all frames: bounds the scratch file at 0.9 GB, 1.2 GB with transparency


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The GIF to make: pixels, frames per second, seconds. `notes` are for the owner.

    `duration` and `expected_seconds` are of the GIF, shown once in one direction: at double speed, half of the video's.
    """

    source: Path
    demuxer: Demuxer
    preset: Preset
    region: Region
    """The part of the picture to show."""
    width: int
    height: int
    fps: float
    start: float
    """Seconds into the video."""
    duration: float
    expected_seconds: float | None
    speed: float
    reverse: bool
    boomerang: bool
    frame_cap: int
    """The most frames that the GIF may have."""
    loop: int
    transfer: str | None
    alpha: bool
    notes: tuple[str, ...] = ()

    @property
    def settings(self) -> Settings:
        """The settings at which nothing is given up."""
        colours = self.preset.colours_for(width=self.width, height=self.height)
        return Settings(width=self.width, height=self.height, fps=self.fps, colours=colours)

    @property
    def pixel_bytes(self) -> int:
        """Bytes of one raw pixel."""
        return 4 if self.alpha else 3

    @property
    def frame_bytes(self) -> int:
        """Bytes of one raw frame."""
        return self.width * self.height * self.pixel_bytes

    @property
    def max_frames(self) -> int:
        """Upper bound on the decoded frames: false timestamps could ask for any number."""
        cap = (self.frame_cap + 2) // 2 if self.boomerang else self.frame_cap
        return min(math.ceil(self.duration * self.fps) + 1, cap)

    def scaled(self, factor: float) -> "Plan":
        """The same plan with width and height multiplied by `factor`."""
        return replace(self, width=max(1, round(self.width * factor)), height=max(1, round(self.height * factor)))


def make_plan(source: Source, options: Options) -> Plan:
    """Fit the requested options to the source and the caps.

    Raises Rejected for a start beyond the end and for a crop beyond the picture.
    """
    preset = PRESETS[options.preset]
    length = source.duration_seconds
    if length is not None and options.start and options.start >= length:
        message = f"The GIF would start at {options.start:g} s, but the video ends at {length:g} s."
        raise Rejected("InvalidOption", message)
    region, (width, height), note = frame(source, options, default_width=preset.width)
    notes = [note] if note else []
    passes = 2 if options.boomerang else 1
    available = None if length is None else (length - options.start) / options.speed
    requested = options.duration / options.speed if options.duration is not None else available
    if requested is not None and available is not None:
        requested = min(requested, available)  # a file that is longer than it says would exceed the bounds below
    duration = min(options.max_duration / passes, math.inf if requested is None else requested)
    if requested is not None and requested > duration + 0.05:
        seconds = f"{duration * options.speed:g} of {requested * options.speed:g} seconds"
        notes.append(f"only {seconds} of the video: the GIF may last {options.max_duration:g} seconds")
    fps = min(options.fps or preset.fps, (source.max_fps or 1000.0) * options.speed)
    fps = max(fps, MIN_FPS)
    if duration * passes * fps > options.max_frames:
        fps = max(MIN_FPS, options.max_frames / (duration * passes))
        duration = min(duration, options.max_frames / (fps * passes))
        notes.append(f"{fps:.3g} frames a second, to stay under {options.max_frames} frames")
    frames = max(1.0, duration * passes * fps)
    if (shrink := (MAX_TOTAL_PIXELS / (width * height * frames)) ** 0.5) < 1:
        width, height = max(1, int(width * shrink)), max(1, int(height * shrink))
        notes.append(f"{width}x{height}, to stay under {MAX_TOTAL_PIXELS / 1e6:g} million pixels over all frames")
    return Plan(
        source=options.source.absolute(),
        demuxer=source.demuxer,
        preset=preset,
        region=region,
        width=width,
        height=height,
        fps=fps,
        start=options.start,
        duration=duration,
        expected_seconds=None if available is None else duration,
        speed=options.speed,
        reverse=options.reverse,
        boomerang=options.boomerang,
        frame_cap=options.max_frames,
        loop=options.loop,
        transfer=source.hdr_transfer,
        alpha=source.alpha,
        notes=tuple(notes),
    )
