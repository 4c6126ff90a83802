"""From a plan to a checked GIF: decode, choose a dither, map the frames, and again smaller while over the byte cap."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from node import gif, probe, recipe, run
from node.failure import blame, blame_own, errors
from node.options import Options
from node.progress import Progress
from node.verdict import Rejected

TIMEOUT: Final = 1800.0
TRIES: Final = 5
WORTH_IT: Final = 1.05  # a dither that hides bands may cost this much more than none
ENOUGH: Final = 0.05  # of the frames, to foresee the size of the whole
LEAST_WIDTH: Final = 16
SLACK: Final = 16 * 2**20


@dataclass(kw_only=True)
class Workshop:
    """Where one GIF is made: the tools, an empty directory, the plan and the caps."""

    binary: Path
    scratch: Path
    plan: recipe.Plan
    options: Options
    progress: Progress
    notes: list[str] = field(default_factory=list)

    @property
    def frames(self) -> Path:
        """The decoded, scaled frames."""
        return self.scratch / "frames.nut"

    @property
    def palette(self) -> Path:
        """The colours, one pixel each."""
        return self.scratch / "palette.png"

    @property
    def draft(self) -> Path:
        """The GIF until it is checked."""
        return self.scratch / "draft.gif"

    def run(
        self,
        arguments: list[str],
        *,
        file_size: int,
        watch: run.Watch | None = None,
        stall: float = run.STALL_SECONDS,
    ) -> run.Finished:
        """ffmpeg in the scratch directory."""
        return run.ffmpeg(
            binary=self.binary,
            arguments=arguments,
            work=self.scratch,
            reads=[self.plan.source],
            timeout=TIMEOUT,
            file_size=file_size,
            watch=watch,
            stall=stall,
        )


def decode(shop: Workshop) -> int:
    """Write frames and palette; returns how many frames there are. Raises Rejected for a fragment of a video."""
    plan = shop.plan
    expected = max(1.0, (plan.expected_seconds or plan.duration) * plan.fps)

    def watch(_: Mapping[str, str]) -> float:
        size = shop.frames.stat().st_size if shop.frames.exists() else 0
        shop.progress.report("decoding", max(0.001, size / plan.frame_bytes / expected))
        return size

    finished = shop.run(
        recipe.decode_pass(plan, frames=shop.frames, palette=shop.palette, max_pixels=shop.options.max_pixels),
        file_size=plan.most_frames * (plan.frame_bytes + 1024) + SLACK,
        watch=watch,
        # Between two key frames all is decoded and nothing comes out before the start.
        stall=TIMEOUT if plan.start else run.STALL_SECONDS,
    )
    if finished.ended != "exit" or finished.code < 0:
        raise blame(finished)
    count = shop.frames.stat().st_size // plan.frame_bytes if shop.frames.exists() else 0
    if not count or not shop.palette.exists():
        if plan.start and not errors(finished.lines):
            raise Rejected("InvalidOption", f"The video shows no picture from {plan.start:g} s on.")
        raise blame(finished)
    _judge_whole(shop, count, finished.lines)
    return count


def _judge_whole(shop: Workshop, count: int, lines: list[str]) -> None:
    """ffmpeg decodes what it can of a cut-off file and calls it success: we do not."""
    expected, there = shop.plan.expected_seconds or 0.0, count / shop.plan.fps
    cut = probe.first_line(lines, "partial file")
    if cut and expected - there > max(0.05 * expected, 2 / shop.plan.fps):
        raise Rejected(
            "Truncated", f"The file is cut off: {there:.1f} of {expected:.1f} seconds are there.", evidence=cut
        )
    if complaints := errors(lines):
        shop.notes.append(f"the video is damaged; ffmpeg said first: {complaints[0][:200]}")


def choose_dither(shop: Workshop, count: int) -> str:
    """The last of the preset's dithers that costs hardly more than the first, by trial on a few frames."""
    first, *others = shop.plan.preset.dithers
    if not others or count * shop.plan.width * shop.plan.height < recipe.TRIAL_PIXELS:
        return first
    targets = [shop.scratch / f"trial-{i}.gif" for i in range(len(others) + 1)]
    finished = shop.run(
        recipe.trial_pass(shop.plan, frames=shop.frames, palette=shop.palette, count=count, targets=targets),
        file_size=shop.options.max_bytes + SLACK,
    )
    if finished.ended != "exit" or finished.code:
        raise blame_own(finished)
    base, *sizes = (target.stat().st_size for target in targets)
    return next((name for name, size in zip(others[::-1], sizes[::-1], strict=True) if size <= base * WORTH_IT), first)


def encode(shop: Workshop, *, count: int, dither: str) -> gif.Gif:
    """Write the GIF to `draft`, smaller each time until it is under the byte cap; raises Rejected("TooLarge")."""
    cap = shop.options.max_bytes
    for _ in range(TRIES):
        over = _encode_once(shop, count=count, dither=dither)
        if over is None:
            return gif.measure(shop.draft)
        before = shop.plan
        shop.plan = before.scaled(min(0.9, 0.95 * over**-0.5))
        if shop.plan.width < LEAST_WIDTH:
            break
        size = f"{shop.plan.width}x{shop.plan.height}"
        shop.notes.append(f"made again at {size}, since at {before.width}x{before.height} it would be over {cap} bytes")
    raise Rejected("TooLarge", f"Even much smaller, the GIF would be over the limit of {cap} bytes.")


def _encode_once(shop: Workshop, *, count: int, dither: str) -> float | None:
    """Returns how many times the byte cap the whole GIF would fill, or None when it fits."""
    cap, expected, within = shop.options.max_bytes, count / shop.plan.fps, 0.001

    def watch(block: Mapping[str, str]) -> float | None:
        nonlocal within
        done = block.get("out_time_us", "")
        within = min(max(int(done) / 1e6 / expected, 0.001), 1.0) if done.isdigit() else within
        shop.progress.report("frames", within)
        over = shop.draft.exists() and shop.draft.stat().st_size > cap
        return None if over and within > ENOUGH else within

    shop.draft.unlink(missing_ok=True)
    finished = shop.run(
        recipe.frames_pass(shop.plan, frames=shop.frames, palette=shop.palette, dither=dither, target=shop.draft),
        file_size=cap + SLACK,
        watch=watch,
    )
    size = shop.draft.stat().st_size if shop.draft.exists() else 0
    if size > cap:
        return size / cap / (1.0 if finished.ended == "exit" and not finished.code else max(within, ENOUGH))
    if finished.ended != "exit" or finished.code or not size:
        raise blame_own(finished)
    return None
