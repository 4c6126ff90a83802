"""The ffmpeg arguments: decode once into small raw frames and their palette, then map the frames to it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from node.options import Options
from node.presets import PRESETS, Preset
from node.probe import DECODERS, Source
from node.verdict import Rejected

# HDR is brought to the range and gamut of GIFs' sRGB. 203 cd/m2 is the reference white of BT.2408; up to half of it
# nothing changes, and highlights of 1000 cd/m2 become white: other curves leave ordinary scenes too dark.
TONE_MAP: Final = (
    # zscale takes no odd sizes of subsampled pictures.
    "format=yuv444p10le,zscale=tin={transfer}:pin=bt2020:min=bt2020nc:t=linear:npl=203,format=gbrpf32le,zscale=p=bt709,"
    "tonemap=mobius:param=0.5:peak=5:desat=0,zscale=t=bt709:m=bt709:r=tv,format=yuv444p"
)
# ffmpeg makes threads for each CPU it sees in each filter and coder; on many CPUs they outgrow the limit on memory.
CPUS: Final = ("-cpucount", "2")
SCALER: Final = "lanczos+accurate_rnd+full_chroma_int"
LEAST_FPS: Final = 1.0
MOST_PIXELS: Final = 300e6  # of all frames together: bounds the scratch file at 0.9 GB, 1.2 GB with transparency
PALETTE_WIDTH: Final = 240
PALETTE_FPS: Final = 4.0
TRIAL_PIXELS: Final = 2e6  # below this much work a trial would cost more than it could save
TRIAL_RUN: Final = 3  # consecutive frames, at a quarter, half and three quarters of the way


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What will be made: pixels, frames per second, seconds from `start`; `notes` are for the owner."""

    source: Path
    preset: Preset
    width: int
    height: int
    fps: float
    start: float
    duration: float
    expected_seconds: float | None
    loop: int
    transfer: str | None
    alpha: bool
    notes: tuple[str, ...] = ()

    @property
    def pixel_bytes(self) -> int:
        """Bytes of one raw pixel."""
        return 4 if self.alpha else 3

    @property
    def frame_bytes(self) -> int:
        """Bytes of one raw frame."""
        return self.width * self.height * self.pixel_bytes

    @property
    def most_frames(self) -> int:
        """More frames than this cannot be: timestamps that lie could ask for any number."""
        return math.ceil(self.duration * self.fps) + 1

    def scaled(self, factor: float) -> "Plan":
        """The same at `factor` of the width and height."""
        return replace(self, width=max(1, round(self.width * factor)), height=max(1, round(self.height * factor)))


def plan(source: Source, options: Options) -> Plan:
    """Fit what is asked for to the source and the caps; raises Rejected for a start beyond the end."""
    preset = PRESETS[options.preset]
    length = source.duration_seconds
    if length is not None and options.start and options.start >= length:
        message = f"The GIF would start at {options.start:g} s, but the video ends at {length:g} s."
        raise Rejected("InvalidOption", message)
    notes: list[str] = []
    there = None if length is None else length - options.start
    asked = options.duration if options.duration is not None else there
    duration = min(options.max_duration, options.max_duration if asked is None else asked)
    if asked is not None and asked > duration + 0.05:
        notes.append(f"only {duration:g} of {asked:g} seconds: that is the longest a GIF may last")
    fps = min(options.fps or preset.fps, source.most_fps or 1000.0)
    fps = max(fps, LEAST_FPS)
    expected = duration if there is None else min(duration, there)
    if expected * fps > options.max_frames:
        fps = max(LEAST_FPS, options.max_frames / expected)
        duration = min(duration, options.max_frames / fps)
        notes.append(f"{fps:.3g} frames a second, to stay under {options.max_frames} frames")
    width, height = _fit(source, options.width or preset.width)
    frames = max(1.0, fps * (duration if there is None else min(duration, there)))
    if (shrink := (MOST_PIXELS / (width * height * frames)) ** 0.5) < 1:
        width, height = max(1, int(width * shrink)), max(1, int(height * shrink))
        notes.append(f"{width}x{height}, to stay under {MOST_PIXELS / 1e6:g} million pixels over all frames")
    return Plan(
        source=options.source.absolute(),
        preset=preset,
        width=width,
        height=height,
        fps=fps,
        start=options.start,
        duration=duration,
        expected_seconds=None if there is None else min(duration, there),
        loop=options.loop,
        transfer=source.hdr_transfer,
        alpha=source.alpha,
        notes=tuple(notes),
    )


def _fit(source: Source, width: int) -> tuple[int, int]:
    """Into `width` by twice its height, never larger than the source."""
    shown_width, shown_height = source.shape
    factor = min(1.0, width / shown_width, 2 * width / shown_height)
    return max(1, round(shown_width * factor)), max(1, round(shown_height * factor))


def reading(path: Path, *, max_pixels: int) -> list[str]:
    """Options before an untrusted input: only local files, only the MP4 family, only known decoders, bounded."""
    return [
        *CPUS, "-nostdin", "-y", "-protocol_whitelist", "file", "-f", "mov", "-codec_whitelist", ",".join(DECODERS),
        "-max_pixels", str(max_pixels), "-max_alloc", str(2**30), "-threads", "2", "-an", "-sn", "-dn",
        "-i", f"file:{path}",
    ]  # fmt: skip


def probing(path: Path, *, max_pixels: int) -> list[str]:
    """Arguments that make ffmpeg describe the file and stop."""
    return ["-v", "info", *reading(path, max_pixels=max_pixels)]


def decode_pass(made: Plan, *, frames: Path, palette: Path, max_pixels: int) -> list[str]:
    """Pass 1, the only one that touches the untrusted file: raw frames, and a palette of a few small ones of them."""
    *before, flag, name = reading(made.source, max_pixels=max_pixels)
    seek = ["-ss", f"{made.start:.3f}"] if made.start else []
    pixels = "bgra" if made.alpha else "rgb24"
    filters = [f"fps={made.fps:g}:eof_action=pass", f"scale={made.width}:{made.height}:flags={SCALER}", "setsar=1"]
    if made.transfer:
        filters.append(TONE_MAP.format(transfer=made.transfer))
    if not made.alpha:
        filters += ["format=yuv444p", made.preset.denoise]
    filters += [f"scale=flags={SCALER}", f"format={pixels}", "split[all][some]"]
    small = min(1.0, PALETTE_WIDTH / made.width)
    size = f"{max(1, round(made.width * small))}:{max(1, round(made.height * small))}"
    thin = f"fps={min(made.fps, PALETTE_FPS):g}:eof_action=pass,scale={size}:flags=neighbor"
    most = made.preset.colours_for(width=made.width, height=made.height)
    colours = f"palettegen=max_colors={most}:stats_mode=diff"
    return [
        "-v", "level+error", *before, *seek, "-t", f"{made.duration:.3f}", flag, name,
        "-lavfi", f"[0:V:0]{','.join(filters)};[some]{thin},{colours}[palette]",
        "-map", "[all]", "-frames:v", str(made.most_frames), "-c:v", "rawvideo", "-f", "nut", f"file:{frames}",
        "-map", "[palette]", "-update", "1", "-frames:v", "1", "-f", "image2", "-c:v", "png", f"file:{palette}",
    ]  # fmt: skip


def _own(frames: Path, palette: Path) -> list[str]:
    only = ["-protocol_whitelist", "file"]
    return [
        *CPUS, "-nostdin", "-y", "-v", "level+error", *only, "-f", "nut", "-i", f"file:{frames}",
        *only, "-f", "image2", "-i", f"file:{palette}",
    ]  # fmt: skip


def trial_pass(made: Plan, *, frames: Path, palette: Path, count: int, targets: Sequence[Path]) -> list[str]:
    """A few frames through each of the preset's dithers, to compare the bytes."""
    picked = "+".join(f"between(n,{count * i // 4},{count * i // 4 + TRIAL_RUN - 1})" for i in (1, 2, 3))
    many = len(targets)
    ins, pals = ("".join(f"[{name}{i}]" for i in range(many)) for name in "ip")
    graph = [f"[0:v]select='{picked}',split={many}{ins}", f"[1:v]split={many}{pals}"]
    arguments: list[str] = []
    for i, (dither, target) in enumerate(zip(made.preset.dithers, targets, strict=True)):
        graph.append(f"[i{i}][p{i}]paletteuse=dither={dither}:diff_mode=rectangle[o{i}]")
        arguments += ["-map", f"[o{i}]", "-f", "gif", f"file:{target}"]
    return [*_own(frames, palette), "-lavfi", ";".join(graph), *arguments]


def frames_pass(made: Plan, *, frames: Path, palette: Path, dither: str, target: Path) -> list[str]:
    """Pass 2: map to the palette, write the GIF; scales only when a GIF over the byte cap is made again."""
    fit = f"[0:v]scale={made.width}:{made.height}:flags=lanczos[x]"
    use = f"[x][1:v]paletteuse=dither={dither}:diff_mode=rectangle[o]"
    return [
        *_own(frames, palette), "-lavfi", f"{fit};{use}", "-map", "[o]", "-loop", str(made.loop),
        "-progress", "pipe:1", "-stats_period", "0.5", "-f", "gif", f"file:{target}",
    ]  # fmt: skip
