"""What part of the picture a GIF shows, and at which size."""

from dataclasses import dataclass, replace
from typing import Final

from converter.planning.options import Crop, Options
from converter.verdict import Rejected
from converter.video.probe import Source

MAX_HEIGHTS: Final = 2  # how many widths high a GIF may be if only its width is set
MAX_WIDTHS: Final = 4  # how many heights wide a GIF may be if only its height is set: film is 2.4 wide


@dataclass(frozen=True, kw_only=True)
class Region:
    """A part of the displayed picture, in fractions of its width and height."""

    left: float = 0.0
    top: float = 0.0
    width: float = 1.0
    height: float = 1.0

    @property
    def whole(self) -> bool:
        """Whether it is the whole picture."""
        return self == Region()

    def with_aspect(self, aspect: float, *, picture: tuple[float, float]) -> "Region":
        """The largest part of it, around its middle, with this ratio of width to height in the `picture`'s pixels."""
        own = self.width * picture[0] / (self.height * picture[1])
        width, height = self.width * min(1.0, aspect / own), self.height * min(1.0, own / aspect)
        left, top = self.left + (self.width - width) / 2, self.top + (self.height - height) / 2
        return replace(self, left=left, top=top, width=width, height=height)


def frame(source: Source, options: Options, *, default_width: int) -> tuple[Region, tuple[int, int], str | None]:
    """The part to show, the GIF's width and height, and a note if it is smaller than the owner asked for.

    Only `exact` enlarges a picture or changes its shape. Raises Rejected for a crop beyond the picture.
    """
    region = _cropped(source, options.crop)
    width, height = options.width, options.height
    if width and height and options.fit == "cover":
        region = region.with_aspect(width / height, picture=source.shape)
    shown = (region.width * source.shape[0], region.height * source.shape[1])
    if width and height and options.fit == "exact":
        size = (float(width), float(height))
    else:
        box = _box(width, height, default_width)
        factor = min(box[0] / shown[0], box[1] / shown[1])
        if options.fit != "exact":
            factor = min(1.0, factor)
        size = (shown[0] * factor, shown[1] * factor)
    caps = (options.max_width or size[0], options.max_height or size[1])
    cap = min(1.0, caps[0] / size[0], caps[1] / size[1])
    made = (max(1, round(size[0] * cap)), max(1, round(size[1] * cap)))
    note = f"{made[0]}x{made[1]}, the most that is allowed" if cap < 1 and (width or height) else None
    return region, made, note


def _box(width: int | None, height: int | None, default_width: int) -> tuple[int, int]:
    """The width and height that the GIF has to fit into."""
    if width is None and height is not None:
        return MAX_WIDTHS * height, height
    width = width or default_width
    return width, height or MAX_HEIGHTS * width


def _cropped(source: Source, crop: Crop | None) -> Region:
    if crop is None:
        return Region()
    if crop.left is None or crop.top is None:
        return Region().with_aspect(crop.width / crop.height, picture=source.shape)
    width, height = source.display
    if crop.left + crop.width > round(width) or crop.top + crop.height > round(height):
        raise Rejected(
            "InvalidOption",
            f"The crop of {crop.width}x{crop.height} pixels at {crop.left},{crop.top} is not within the picture, "
            f"which has {width:.0f}x{height:.0f} pixels.",
        )
    return Region(
        left=crop.left / width,
        top=crop.top / height,
        width=min(crop.width / width, 1.0),
        height=min(crop.height / height, 1.0),
    )
