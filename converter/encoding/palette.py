"""Refines a palette: moves each colour to the mean of the pixels that are nearest to it (Lloyd's algorithm)."""

import math
from bisect import bisect
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from converter.encoding import frame_order

BYTES: Final = 1024  # 16x16 pixels in RGBA
SAMPLES: Final = 150_000  # pixels, of which most are unchanged ones and not counted
SAMPLES_PER_PIXEL: Final = 2  # of a frame: a thumbnail must not wait for its palette
MAX_SAMPLED_FRAMES: Final = 40
SAMPLED_FPS: Final = 4.0
STILL_SHARE: Final = 0.15
ROUNDS: Final = 2  # before and after merging; more change little
MAX_BINS: Final = 6000  # with more different colours, fewer bits of each count

Colour = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Colours counted in the first frame and, a few times a second, in what has changed since; how much changes."""

    pixels: Counter[tuple[int, int, int]]
    changed_share: float


def refine(palette: bytes, sampled: Sample, *, min_distance: float) -> bytes:
    """The palette, 16x16 pixels in RGBA, with its opaque colours moved to fit the sampled pixels better.

    ffmpeg's palettegen cuts the colours into boxes and takes the mean of each; the nearest colour is often another.

    min_distance: Colours that are nearer to a more frequent one, in OkLab, are dropped: they cost bytes and hardly
    show. Less if less than STILL_SHARE of the pixels change, as in a screen recording, whose colours cost little.
    """
    opaque = {palette[at : at + 3] for at in range(0, BYTES, 4) if palette[at + 3] == 255}
    colours = [oklab(*colour) for colour in opaque]
    if not colours or not sampled.pixels:
        return palette
    bins = _bins(sampled.pixels)
    counted = [(colour, 0) for colour in colours]
    for _ in range(ROUNDS):
        counted = _move([colour for colour, _ in counted], bins)
    colours = _distinct(counted, min_distance * min(1.0, sampled.changed_share / STILL_SHARE))
    for _ in range(ROUNDS):
        colours = [colour for colour, _ in _move(colours, bins)]
    refined = sorted({srgb(colour) for colour in colours})
    transparent = any(palette[at + 3] == 0 for at in range(0, BYTES, 4))
    entries = [bytes((*colour, 255)) for colour in refined]
    entries += entries[:1] * (BYTES // 4 - len(entries))
    if transparent:
        entries[-1] = b"\0\xff\0\0"
    return b"".join(entries)


def sample(file: int, *, count: int, frame_bytes: int, width: int, fps: float) -> Sample:
    """Sample `count` raw RGB frames."""
    step = max(1, round(fps / SAMPLED_FPS), math.ceil(count / MAX_SAMPLED_FRAMES))
    frames = range(0, count, step)
    pixels_of_frame = frame_bytes // 3
    stride = max(1, pixels_of_frame * len(frames) // min(SAMPLES, SAMPLES_PER_PIXEL * pixels_of_frame))
    while math.gcd(stride, width) > 1:  # otherwise every row would be sampled in the same columns
        stride += 1
    counts: Counter[tuple[int, int, int]] = Counter()
    previous: list[tuple[int, int, int]] = []
    for frame in frames:
        data = frame_order.read(file, frame_bytes, frame * frame_bytes)
        pixels = list(zip(*(data[channel :: 3 * stride] for channel in range(3)), strict=True))
        counts.update(pixels if not previous else (p for p, q in zip(pixels, previous, strict=True) if p != q))
        previous = pixels
    changed = (counts.total() - len(previous)) / (len(previous) * max(1, len(frames) - 1))
    return Sample(pixels=counts, changed_share=changed)


def oklab(red: int, green: int, blue: int) -> Colour:
    """The colour in OkLab, where distances are what the eye sees; ffmpeg's paletteuse measures there, too."""
    r, g, b = _LINEAR[red], _LINEAR[green], _LINEAR[blue]
    l = (0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b) ** (1 / 3)  # noqa: E741
    m = (0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b) ** (1 / 3)
    s = (0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b) ** (1 / 3)
    return (
        0.2104542553 * l + 0.7936177850 * m - 0.0040720468 * s,
        1.9779984951 * l - 2.4285922050 * m + 0.4505937099 * s,
        0.0259040371 * l + 0.7827717662 * m - 0.8086757660 * s,
    )


def srgb(colour: Colour) -> tuple[int, int, int]:
    """The nearest colour with 8 bits for each channel."""
    lightness, a, b = colour
    l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3  # noqa: E741
    m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    s = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        _byte(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s),
        _byte(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s),
        _byte(-0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s),
    )


def _byte(linear: float) -> int:
    value = 12.92 * linear if linear <= 0.0031308 else 1.055 * linear ** (1 / 2.4) - 0.055
    return min(255, max(0, round(255 * value)))


def _linear(byte: int) -> float:
    value = byte / 255
    return value / 12.92 if value <= 0.04045 else float(((value + 0.055) / 1.055) ** 2.4)


_LINEAR: Final = [_linear(byte) for byte in range(256)]


def _bins(pixels: Counter[tuple[int, int, int]]) -> list[tuple[Colour, int]]:
    """Colours that are nearly the same, as their mean and number: 6 bits for each channel, or 5 if these are many."""
    sums: dict[tuple[int, int, int], list[int]] = {}
    for dropped_bits in (2, 3):
        sums.clear()
        for (red, green, blue), number in pixels.items():
            key = (red >> dropped_bits, green >> dropped_bits, blue >> dropped_bits)
            total = sums.setdefault(key, [0, 0, 0, 0])
            total[0] += red * number
            total[1] += green * number
            total[2] += blue * number
            total[3] += number
        if len(sums) <= MAX_BINS:
            break
    return [(oklab(round(r / n), round(g / n), round(b / n)), n) for r, g, b, n in sums.values()]


def _distinct(colours: Iterable[tuple[Colour, int]], min_distance: float) -> list[Colour]:
    """The colours, the most frequent first, without those nearer than `min_distance` to one before."""
    kept: list[Colour] = []
    for colour, _ in sorted(colours, key=lambda counted: -counted[1]):
        if all(math.dist(colour, other) >= min_distance for other in kept):
            kept.append(colour)
    return kept


def _move(colours: Sequence[Colour], bins: Iterable[tuple[Colour, int]]) -> list[tuple[Colour, int]]:
    """Each colour moved to the mean of the bins nearest to it, and the number of their pixels."""
    ordered = sorted(colours)
    keys, number_of_colours = [colour[0] for colour in ordered], len(ordered)
    sums, numbers = [[0.0, 0.0, 0.0] for _ in ordered], [0] * number_of_colours
    for (lightness, a, b), number in bins:
        # Outwards from the colour of the same lightness, until the difference in lightness alone is too large.
        up = bisect(keys, lightness)
        down, nearest, shortest = up - 1, 0, 9.0
        while True:
            if up < number_of_colours and (down < 0 or keys[up] - lightness < lightness - keys[down]):
                at = up
                up += 1
            elif down >= 0:
                at = down
                down -= 1
            else:
                break
            other = ordered[at]
            distance = (other[0] - lightness) ** 2
            if distance >= shortest:
                break
            distance += (other[1] - a) ** 2 + (other[2] - b) ** 2
            if distance < shortest:
                shortest, nearest = distance, at
        total = sums[nearest]
        total[0] += number * lightness
        total[1] += number * a
        total[2] += number * b
        numbers[nearest] += number
    return [
        ((total[0] / n, total[1] / n, total[2] / n) if n else colour, n)
        for colour, total, n in zip(ordered, sums, numbers, strict=True)
    ]
