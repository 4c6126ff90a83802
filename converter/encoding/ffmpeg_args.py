"""Builds ffmpeg's arguments: decode once into small raw frames and a palette, then map the frames to the palette."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from converter.planning.budget import TRIAL_RATE_FACTOR, TRIAL_SIZE_FACTOR, Settings
from converter.planning.framing import Region
from converter.planning.plan import Plan
from converter.video.container import Demuxer
from converter.video.probe import DECODERS, MAX_STREAMS

# Maps HDR to sRGB's range and gamut. 203 cd/m2 is the reference white of BT.2408; up to half of it nothing changes,
# and highlights of 1000 cd/m2 become white. Other curves leave ordinary scenes too dark.
TONE_MAP: Final = (
    # zscale rejects odd sizes of subsampled pictures, hence yuv444.
    "format=yuv444p10le,zscale=tin={transfer}:pin=bt2020:min=bt2020nc:t=linear:npl=203,format=gbrpf32le,zscale=p=bt709,"
    "tonemap=mobius:param=0.5:peak=5:desat=0,zscale=t=bt709:m=bt709:r=tv,format=yuv444p"
)
# Each filter and codec starts a thread for each CPU; on a node with many CPUs they would exceed the memory limit.
CPU_COUNT: Final = ("-cpucount", "2")
# The files that ffmpeg writes exist and are empty. If it truncated them, ext4 would write them to the disk on closing.
KEPT: Final = ("-truncate", "0")
ONLY_FILES: Final = ("-protocol_whitelist", "file")
SCALER: Final = "lanczos+accurate_rnd+full_chroma_int"
PALETTE_WIDTH: Final = 240
PALETTE_FPS: Final = 4.0
TRIAL_RUN_FRAMES: Final = 3  # consecutive frames, at a quarter, half and three quarters of the GIF


def input_args(path: Path, *, demuxer: Demuxer, max_pixels: int) -> list[str]:
    """Arguments for an untrusted input: only local files, this demuxer and known decoders, with bounded memory."""
    return [
        *CPU_COUNT, "-nostdin", "-y", "-protocol_whitelist", "file", "-f", demuxer,
        "-codec_whitelist", ",".join(DECODERS), "-max_pixels", str(max_pixels), "-max_alloc", str(2**30),
        "-max_streams", str(MAX_STREAMS), "-threads", "2", "-an", "-sn", "-dn", "-i", f"file:{path}",
    ]  # fmt: skip


def probe_args(path: Path, *, demuxer: Demuxer, max_pixels: int) -> list[str]:
    """Arguments that make ffmpeg describe the file and stop."""
    return ["-v", "info", *input_args(path, demuxer=demuxer, max_pixels=max_pixels)]


def decode_args(plan: Plan, *, frames: Path, palette: Path, max_pixels: int) -> list[str]:
    """Pass 1, the only one to decode the untrusted file: writes raw frames and a palette sampled from them."""
    *before, flag, name = input_args(plan.source, demuxer=plan.demuxer, max_pixels=max_pixels)
    seek = ["-ss", f"{plan.start:.3f}"] if plan.start else []
    filters = [] if plan.speed == 1 else [f"setpts=PTS/{plan.speed:g}"]
    # `trim` ends both outputs: a false duration of the last frame would repeat it without end for the palette.
    filters += [f"fps={plan.fps:g}:eof_action=pass", f"trim=end_frame={plan.max_frames}"]
    if not plan.region.whole:
        filters.append(_crop_filter(plan.region))
    filters += [f"scale={plan.width}:{plan.height}:flags={SCALER}", "setsar=1"]
    if plan.transfer:
        filters.append(TONE_MAP.format(transfer=plan.transfer))
    if not plan.alpha:
        filters += ["format=yuv444p", plan.preset.denoise]
    filters += [f"scale=flags={SCALER}", f"format={_pixel_format(plan)}", "split[all][some]"]
    return [
        "-v", "level+error", *before, *seek, "-t", f"{plan.duration * plan.speed:.3f}", flag, name,
        "-lavfi", f"[0:V:0]{','.join(filters)};[some]{_palette_filters(plan, plan.settings)}[palette]",
        "-map", "[all]", "-frames:v", str(plan.max_frames), "-fps_mode", "passthrough",
        "-c:v", "rawvideo", "-f", "rawvideo", *KEPT, f"file:{frames}",
        "-map", "[palette]", *_palette_output_args(palette),
    ]  # fmt: skip


def palette_args(plan: Plan, settings: Settings, *, frames: Path, palette: Path) -> list[str]:
    """Writes a palette of fewer colours from the output of pass 1."""
    graph = f"[0:v]{_palette_filters(plan, settings)}[palette]"
    return [*frames_args(plan, frames), "-lavfi", graph, "-map", "[palette]", *_palette_output_args(palette)]


def trial_args(
    plan: Plan, settings: Settings, *, frames: Path, palette: Path, count: int, targets: Sequence[Path]
) -> list[str]:
    """Encodes a few of the `count` frames with each of the preset's dithers, to compare the bytes."""
    picked = "+".join(f"between(n,{count * i // 4},{count * i // 4 + TRIAL_RUN_FRAMES - 1})" for i in (1, 2, 3))
    branches = len(targets)
    inputs, palettes = ("".join(f"[{name}{i}]" for i in range(branches)) for name in "ip")
    scale = f"scale={settings.width}:{settings.height}:flags=lanczos"
    graph = [f"[0:v]select='{picked}',{scale},split={branches}{inputs}", f"[1:v]split={branches}{palettes}"]
    outputs: list[str] = []
    for i, (dither, target) in enumerate(zip(plan.preset.dithers, targets, strict=True)):
        graph.append(f"[i{i}][p{i}]paletteuse=dither={dither}:diff_mode=rectangle[o{i}]")
        outputs += ["-map", f"[o{i}]", "-f", "gif", *KEPT, f"file:{target}"]
    return [*_decoded_input_args(plan, frames, palette), "-lavfi", ";".join(graph), *outputs]


def cost_trial_args(
    plan: Plan,
    *,
    frames: Path,
    palette: Path,
    dither: str,
    colours: int,
    starts: Sequence[int],
    run: int,
    targets: Sequence[Path],
) -> list[str]:
    """Encodes runs of frames with the four settings of `budget.Trial`, in its order.

    ffmpeg logs the SSIM of each to the decoded frames, in the same order.
    """
    picked = "+".join(f"between(n,{start},{start + run - 1})" for start in starts)
    slow = f"select='not(mod(n,{round(1 / TRIAL_RATE_FACTOR)}))'"
    few = f"scale={_scaled(_scaled(plan.width))}:{_scaled(_scaled(plan.height))}:flags=neighbor"
    compared = f"format=rgb24,format=yuv444p,scale={plan.width}:{plan.height}:flags=bicubic"
    graph = [
        f"[0:v]select='{picked}',split=4[c0][full][few][original]",
        f"[full]scale={_scaled(plan.width)}:{_scaled(plan.height)}:flags=lanczos,split=3[c1][c2fast][c3]",
        f"[c2fast]{slow}[c2]",
        "[1:v]split=3[p0][p1][p2]",
        f"[few]{few},palettegen=max_colors={colours}:stats_mode=diff[p3]",
        "[original]format=yuv444p,split=4[r0][r1][r2][r3]",
    ]
    outputs: list[str] = []
    for i, target in enumerate(targets):
        graph += [
            f"[c{i}][p{i}]paletteuse=dither={dither}:diff_mode=rectangle,split[o{i}][s{i}]",
            f"[s{i}]{compared}[t{i}]",
            f"[r{i}][t{i}]ssim,nullsink",
        ]
        outputs += ["-map", f"[o{i}]", "-f", "gif", *KEPT, f"file:{target}"]
    return [
        *_decoded_input_args(plan, frames, palette, log="level+info"),
        "-nostats",
        "-lavfi",
        ";".join(graph),
        *outputs,
    ]


def encode_args(plan: Plan, settings: Settings, *, frames: Path, palette: Path, dither: str, target: Path) -> list[str]:
    """Pass 2: maps the frames to the palette and writes the GIF; scales and drops frames only to fit a limit."""
    fewer = f"fps={settings.fps:g}:eof_action=pass," if settings.fps < plan.fps else ""
    scale = f"[0:v]{fewer}scale={settings.width}:{settings.height}:flags=lanczos[x]"
    paletteuse = f"[x][1:v]paletteuse=dither={dither}:diff_mode=rectangle[o]"
    return [
        *_decoded_input_args(plan, frames, palette), "-lavfi", f"{scale};{paletteuse}", "-map", "[o]",
        "-loop", str(plan.loop), "-progress", "pipe:1", "-stats_period", "0.5", "-f", "gif", *KEPT, f"file:{target}",
    ]  # fmt: skip


def _crop_filter(region: Region) -> str:
    # Relative to the decoded picture, whose pixels need not be square.
    sides = f"w='max(1,iw*{region.width:.9f})':h='max(1,ih*{region.height:.9f})'"
    return f"crop={sides}:x='iw*{region.left:.9f}':y='ih*{region.top:.9f}':exact=1"


def _pixel_format(plan: Plan) -> str:
    return "bgra" if plan.alpha else "rgb24"


def _palette_filters(plan: Plan, settings: Settings) -> str:
    factor = min(1.0, PALETTE_WIDTH / settings.width)
    size = f"{max(1, round(settings.width * factor))}:{max(1, round(settings.height * factor))}"
    sample = f"fps={min(plan.fps, PALETTE_FPS):g}:eof_action=pass,scale={size}:flags=neighbor"
    return f"{sample},palettegen=max_colors={settings.colours}:stats_mode=diff"


def _palette_output_args(palette: Path) -> list[str]:
    return ["-frames:v", "1", "-c:v", "rawvideo", "-pix_fmt", "rgba", "-f", "rawvideo", *KEPT, f"file:{palette}"]


def _scaled(side: int) -> int:
    return max(1, round(side * TRIAL_SIZE_FACTOR))


def frames_args(plan: Plan, frames: Path, *, log: str = "level+error") -> list[str]:
    """Arguments for the frames of pass 1. Raw frames have no container that the decoder could forge."""
    shape = ["-pixel_format", _pixel_format(plan), "-video_size", f"{plan.width}x{plan.height}"]
    return [
        *CPU_COUNT, "-nostdin", "-hide_banner", "-y", "-v", log, *ONLY_FILES,
        "-f", "rawvideo", *shape, "-framerate", f"{plan.fps:g}", "-i", f"file:{frames}",
    ]  # fmt: skip


def _decoded_input_args(plan: Plan, frames: Path, palette: Path, *, log: str = "level+error") -> list[str]:
    """Arguments for the output of pass 1."""
    shape = ["-f", "rawvideo", "-pixel_format", "rgba", "-video_size", "16x16"]
    return [*frames_args(plan, frames, log=log), *ONLY_FILES, *shape, "-i", f"file:{palette}"]
