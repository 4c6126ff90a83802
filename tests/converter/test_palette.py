"""A palette moves to the colours of the video and drops those that hardly differ."""

import os
from collections import Counter
from pathlib import Path

import pytest

from converter.encoding import palette

TRANSPARENT = b"\0\xff\0\0"


def picture(colours: list[tuple[int, int, int]], *, transparent: bool = True) -> bytes:
    """A palette as ffmpeg's palettegen writes it: the rest is black, the last entry transparent."""
    entries = [bytes((*colour, 255)) for colour in colours]
    entries += [b"\0\0\0\xff"] * (256 - len(entries))
    return b"".join([*entries[:255], TRANSPARENT] if transparent else entries)


def sampled(*colours: tuple[tuple[int, int, int], int], changed_share: float = 1.0) -> palette.Sample:
    """A sample of so many pixels of each colour."""
    return palette.Sample(pixels=Counter(dict(colours)), changed_share=changed_share)


def opaque(data: bytes) -> set[tuple[int, ...]]:
    """The opaque colours of a palette."""
    return {tuple(data[at : at + 3]) for at in range(0, len(data), 4) if data[at + 3]}


def test_colours_move_to_the_mean_of_their_pixels() -> None:
    pixels = sampled(((200, 0, 0), 10), ((0, 0, 200), 10), ((0, 0, 0), 1))
    refined = palette.refine(picture([(180, 20, 20), (20, 20, 180)]), pixels, min_distance=0.01)
    assert opaque(refined) == {(200, 0, 0), (0, 0, 200), (0, 0, 0)}


def test_colour_near_a_more_frequent_one_is_dropped_if_something_moves() -> None:
    colours = ((100, 100, 100), 10), ((101, 100, 100), 1), ((0, 0, 0), 1)
    before = picture([(100, 100, 100), (101, 100, 100)])
    assert len(opaque(palette.refine(before, sampled(*colours), min_distance=0.02))) == 2
    still = palette.refine(before, sampled(*colours, changed_share=0.0), min_distance=0.02)
    assert len(opaque(still)) == len(opaque(before)) == 3


def test_palette_keeps_its_form_and_its_transparent_entry() -> None:
    refined = palette.refine(picture([(9, 9, 9)]), sampled(((9, 9, 9), 1)), min_distance=0.01)
    assert len(refined) == palette.BYTES
    assert refined[-4:] == TRANSPARENT
    without = palette.refine(picture([(9, 9, 9)], transparent=False), sampled(((9, 9, 9), 1)), min_distance=0.01)
    assert all(without[at + 3] == 255 for at in range(0, palette.BYTES, 4))


@pytest.mark.parametrize("data", [bytes(palette.BYTES), picture([(1, 2, 3)])], ids=["transparent", "without pixels"])
def test_palette_is_kept_where_nothing_can_be_refined(data: bytes) -> None:
    assert palette.refine(data, sampled(), min_distance=0.01) == data


def test_oklab_of_every_grey_and_primary_returns_to_the_same_colour() -> None:
    colours = [(level, level, level) for level in range(256)] + [(255, 0, 0), (0, 255, 0), (0, 0, 255), (12, 200, 90)]
    assert [palette.srgb(palette.oklab(*colour)) for colour in colours] == colours


def test_sample_counts_the_first_frame_and_then_only_what_changes(tmp_path: Path) -> None:
    still, moved = (10, 20, 30), (200, 100, 50)
    frames = [[still] * 12, [still] * 11 + [moved], [still] * 11 + [moved]]
    path = tmp_path / "frames"
    path.write_bytes(b"".join(bytes(value for pixel in frame for value in pixel) for frame in frames))
    file = os.open(path, os.O_RDONLY)
    try:
        found = palette.sample(file, count=3, frame_bytes=36, width=4, fps=4.0)
    finally:
        os.close(file)
    assert found == palette.Sample(pixels=Counter({still: 12, moved: 1}), changed_share=1 / 24)


def test_sample_of_a_large_video_is_bounded_and_takes_every_column(tmp_path: Path) -> None:
    width, height, count = 640, 400, 50
    row = b"".join(bytes((column // 256, column % 256, 0)) for column in range(width))
    path = tmp_path / "frames"
    path.write_bytes(row * height * count)
    file = os.open(path, os.O_RDONLY)
    try:
        counts = palette.sample(file, count=count, frame_bytes=3 * width * height, width=width, fps=4.0).pixels
    finally:
        os.close(file)
    assert counts.total() <= palette.SAMPLES
    assert len(counts) == width
