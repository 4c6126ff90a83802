"""The three presets; docs/conversion.md has the measurements behind them."""

from dataclasses import dataclass
from typing import Final

# Values of paletteuse's `dither`. Ordered patterns hide bands and still compress well.
NO_DITHER: Final = "none"
BAYER_5: Final = "bayer:bayer_scale=5"

THUMBNAIL_PIXELS: Final = 40_000  # frames with fewer pixels are thumbnails


@dataclass(frozen=True, kw_only=True)
class Preset:
    """Width in pixels, frames per second, number of colours, and ffmpeg's denoise filter and dithers.

    A pixel is held while no channel changes by more than `held_change` of 255 levels. No two colours are nearer than
    `min_distance` in OkLab, where 1 is black to white: a video of few colours gets a small palette.

    `denoise` is mostly temporal: noise that changes every pixel of every frame costs a GIF the most bytes.
    The first of `dithers` is the cheapest; a later one is used where a trial shows that it costs hardly more.
    """

    width: int
    fps: float
    colours: int
    denoise: str
    held_change: int
    min_distance: float
    dithers: tuple[str, ...]

    def colours_for(self, *, width: int, height: int) -> int:
        """Colours for this frame size: a quarter more for a thumbnail, where they show more and cost less."""
        return min(256, self.colours * 5 // 4) if width * height < THUMBNAIL_PIXELS else self.colours


PRESETS: Final = {
    "small": Preset(
        width=320,
        fps=8,
        colours=96,
        denoise="hqdn3d=2:3:10:12",
        held_change=6,
        min_distance=0.022,
        dithers=(NO_DITHER, BAYER_5),
    ),
    "balanced": Preset(
        width=480,
        fps=12,
        colours=256,
        denoise="hqdn3d=0:1:4:5",
        held_change=3,
        min_distance=0.013,
        dithers=(NO_DITHER, BAYER_5),
    ),
    "best": Preset(
        width=640,
        fps=15,
        colours=256,
        denoise="hqdn3d=0:1:3:4",
        held_change=3,
        min_distance=0.01,
        dithers=(NO_DITHER, BAYER_5),
    ),
}
