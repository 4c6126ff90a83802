"""The three presets; docs/conversion.md has the measurements behind them."""

from dataclasses import dataclass
from typing import Final

# Values of paletteuse's `dither`. Ordered patterns hide bands and still compress well.
NO_DITHER: Final = "none"
BAYER_3: Final = "bayer:bayer_scale=3"
BAYER_4: Final = "bayer:bayer_scale=4"
BAYER_5: Final = "bayer:bayer_scale=5"

THUMBNAIL_PIXELS: Final = 40_000  # frames with fewer pixels are thumbnails


@dataclass(frozen=True, kw_only=True)
class Preset:
    """Width in pixels, frames per second, number of colours, and ffmpeg's denoise filter and dithers.

    `denoise` is mostly temporal: noise that changes every pixel of every frame costs a GIF the most bytes.
    The first of `dithers` is the cheapest; a later one is used where a trial shows that it costs hardly more.
    """

    width: int
    fps: float
    colours: int
    denoise: str
    dithers: tuple[str, ...]

    def colours_for(self, *, width: int, height: int) -> int:
        """Colours for this frame size: a quarter more for a thumbnail, where they show more and cost less."""
        return min(256, self.colours * 5 // 4) if width * height < THUMBNAIL_PIXELS else self.colours


PRESETS: Final = {
    "small": Preset(width=320, fps=8, colours=56, denoise="hqdn3d=2:3:10:12", dithers=(NO_DITHER, BAYER_3)),
    "balanced": Preset(width=480, fps=12, colours=128, denoise="hqdn3d=0:1:4:5", dithers=(NO_DITHER, BAYER_3)),
    "best": Preset(width=640, fps=15, colours=256, denoise="hqdn3d=0:0.5:2:4", dithers=(BAYER_5, BAYER_4)),
}
