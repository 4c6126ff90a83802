"""The plots of the benchmarks are well-formed and show every value within the picture."""

from xml.etree import ElementTree as ET

import pytest

from bench import plot

SVG = "{http://www.w3.org/2000/svg}"
BARS = plot.bars("<a> & b", "s", {"one": {"x": 1.0, "y": 2.0}, "two": {"x": 0.0}}, goal=5)
DOTS = plot.dots("a", "s", {"one": [0.1, 0.2], "two": [4.0]}, goal=0.5)
LINES = plot.lines("a", "videos", "requests", {"x": [(1000, 3), (1_000_000, 3)], "y": [(1000, 0)]}, goal=5)
LOG = plot.lines("a", "videos", "requests", {"x": [(1000, 3), (1_000_000, 900)]}, log_y=True)
CONSTANT = plot.lines("a", "videos", "requests", {"x": [(1000, 0)]})


@pytest.mark.parametrize("svg", [BARS, DOTS, LINES, LOG, CONSTANT], ids=["bars", "dots", "lines", "log", "constant"])
def test_every_shape_is_within_the_picture(svg: str) -> None:
    root = ET.fromstring(svg)  # noqa: S314
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    for shape in root:
        across = [float(shape.attrib[name]) for name in ("x", "x1", "x2", "cx") if name in shape.attrib]
        down = [float(shape.attrib[name]) for name in ("y", "y1", "y2", "cy") if name in shape.attrib]
        assert all(0 <= value <= width for value in across)
        assert all(0 <= value <= height for value in down)


def test_bar_shows_its_parts_total_and_goal() -> None:
    root = ET.fromstring(BARS)  # noqa: S314
    texts = [text.text for text in root.iter(f"{SVG}text")]
    assert {"<a> & b (s)", "x", "y", "one", "two", "3", "goal 5"} <= set(texts)


def test_line_has_a_point_for_each_value() -> None:
    root = ET.fromstring(LINES)  # noqa: S314
    assert len(list(root.iter(f"{SVG}circle"))) == 3
    first, _ = root.iter(f"{SVG}polyline")
    assert len(first.attrib["points"].split()) == 2


def test_axis_of_many_values_has_round_labels() -> None:
    many = plot.lines("a", "KB", "", {"x": [(90.0 + 17 * number, 1.0) for number in range(30)]})
    texts = [text.text for text in ET.fromstring(many).iter(f"{SVG}text")]  # noqa: S314
    assert {"100", "200", "500"} <= set(texts)
    assert "107" not in texts
