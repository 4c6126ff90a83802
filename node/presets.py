"""The three presets: measured choices, explained with their figures in docs/conversion.md."""

from dataclasses import dataclass
from typing import Final

# What a trial may choose between: flat colours, or ordered patterns, which hide bands and cost LZW little.
FLAT: Final = "none"
PATTERN: Final = "bayer:bayer_scale=3"
FAINT: Final = "bayer:bayer_scale=5"
FINE: Final = "bayer:bayer_scale=4"

THUMBNAIL: Final = 40_000  # pixels of a frame


@dataclass(frozen=True, kw_only=True)
class Preset:
    """Width in pixels, frames per second, colours, and what ffmpeg does to the picture.

    `denoise` is mostly temporal: noise that changes every pixel of every frame is what a GIF pays most for.
    The first of `dithers` is the cheapest; a later one is taken where a trial shows it costs hardly more.
    """

    width: int
    fps: float
    colours: int
    denoise: str
    dithers: tuple[str, ...]

    def colours_for(self, *, width: int, height: int) -> int:
        """A quarter more for a thumbnail, where a colour shows more and costs less."""
        return min(256, self.colours * 5 // 4) if width * height < THUMBNAIL else self.colours


PRESETS: Final = {
    "small": Preset(width=320, fps=8, colours=56, denoise="hqdn3d=2:3:10:12", dithers=(FLAT, PATTERN)),
    "balanced": Preset(width=480, fps=12, colours=128, denoise="hqdn3d=0:1:4:5", dithers=(FLAT, PATTERN)),
    "best": Preset(width=640, fps=15, colours=256, denoise="hqdn3d=0:0.5:2:4", dithers=(FAINT, FINE)),
}
