"""The frames of a GIF as pixels, and a video whose frames say where and when they are."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg

COLOURS = {
    "red": (230, 20, 20),
    "green": (20, 130, 20),
    "blue": (20, 20, 230),
    "yellow": (230, 230, 20),
}
"""Name -> red, green and blue of the quarters of `make_card`, about."""


@dataclass(frozen=True, kw_only=True)
class Frames:
    """The frames of a GIF, each with 4 bytes for a pixel."""

    width: int
    height: int
    pictures: list[bytes]

    def pixel(self, frame: int, x: float, y: float) -> tuple[int, int, int, int]:
        """Red, green, blue and opacity at a place in fractions of width and height."""
        column, row = min(int(x * self.width), self.width - 1), min(int(y * self.height), self.height - 1)
        at = 4 * (row * self.width + column)
        red, green, blue, alpha = self.pictures[frame][at : at + 4]
        return red, green, blue, alpha

    def colour(self, frame: int, x: float, y: float) -> str:
        """The name in `COLOURS` that is nearest to the pixel at a place."""
        found = self.pixel(frame, x, y)
        distances = {
            name: sum((one - other) ** 2 for one, other in zip(found, colour, strict=False))
            for name, colour in COLOURS.items()
        }
        return min(distances, key=lambda name: distances[name])

    def corners(self, frame: int = 0) -> tuple[str, str, str, str]:
        """Colours near the corners: top left, top right, bottom left, bottom right."""
        near, far = 0.06, 0.94
        top = self.colour(frame, near, near), self.colour(frame, far, near)
        return *top, self.colour(frame, near, far), self.colour(frame, far, far)

    def brightness(self, x: float = 0.5, y: float = 0.5) -> list[int]:
        """How bright a place is, frame by frame."""
        return [sum(self.pixel(frame, x, y)[:3]) // 3 for frame in range(len(self.pictures))]


def make_card(path: Path, *options: str, seconds: float = 2) -> Path:
    """160x120, 10 frames a second: quarters in red, green, blue and yellow; in the middle a square that turns white."""
    quarters = "".join(
        f",drawbox=x={x}:y={y}:w=80:h=60:c={colour}:t=fill"
        for colour, x, y in (("red", 0, 0), ("green", 80, 0), ("blue", 0, 60), ("yellow", 80, 60))
    )
    graph = (
        f"color=black:s=160x120:r=10:d={seconds}{quarters}[card];"
        f"color=white:s=40x40:r=10:d={seconds},fade=t=in:d={seconds}[middle];[card][middle]overlay=60:40"
    )
    codec = options or ("-c:v", "libx264", "-preset", "ultrafast", "-crf", "5", "-pix_fmt", "yuv420p")
    _ffmpeg("-f", "lavfi", "-i", graph, *codec, str(path))
    return path


def make_plain(path: Path, colour: str, *options: str) -> Path:
    """Half a second of one of `COLOURS`; `options` choose codec and container."""
    graph = f"color={colour}:s=64x48:r=8:d=0.5"
    _ffmpeg("-f", "lavfi", "-i", graph, "-pix_fmt", "yuv420p", *options, str(path))
    return path


def frames_of(gif: Path) -> Frames:
    """Decode a GIF whole."""
    header = gif.read_bytes()[6:10]
    width, height = int.from_bytes(header[:2], "little"), int.from_bytes(header[2:], "little")
    raw = _ffmpeg("-i", str(gif), "-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "rgba", "-")
    size = 4 * width * height
    return Frames(width=width, height=height, pictures=[raw[at : at + size] for at in range(0, len(raw), size)])


def _ffmpeg(*arguments: str) -> bytes:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-nostdin", "-y", *arguments]
    return subprocess.run(command, capture_output=True, check=True).stdout
