"""What a GIF spends its bytes on: noise is not stored, and flat colours are exact."""

from pathlib import Path

from tests.converter.mp4_files import make_video, run_ffmpeg
from tests.converter.runs import Convert, Outcome

# Two colours, with noise in the brightness of every pixel of every frame; almost lossless.
NOISY = "color=0x406080:s=160x120:d=2:r=12,drawbox=x=40:w=60:c=0xc08040:t=fill,noise=c0s=3:c0f=t"
LOSSLESS = ("-c:v", "libx264", "-preset", "ultrafast", "-qp", "1", "-pix_fmt", "yuv420p", "-threads", "1")


def frames_of(outcome: Outcome) -> list[bytes]:
    """The frames of the GIF as raw pixels, each as it is shown."""
    assert outcome.verdict == "converted", outcome.stderr
    raw = run_ffmpeg(outcome.work / "raw", "-i", str(outcome.work / "out.gif"), "-pix_fmt", "rgb24", "-f", "rawvideo")
    data, size = raw.read_bytes(), 3 * outcome.result["gif"]["width"] * outcome.result["gif"]["height"]
    return [data[at : at + size] for at in range(0, len(data), size)]


def test_noise_on_a_still_picture_is_shown_once(convert: Convert, tmp_path: Path) -> None:
    outcome = convert(make_video(tmp_path / "noisy.mp4", *LOSSLESS, source=NOISY))
    first, *others = frames_of(outcome)
    assert len(others) > 20
    changed = [sum(a != b for a, b in zip(first, other, strict=True)) / len(first) for other in others]
    assert max(changed) < 0.1


def test_flat_colours_are_those_of_the_video(convert: Convert, tmp_path: Path) -> None:
    flat = "color=0x406080:s=160x120:d=1:r=12,drawbox=x=40:w=60:c=0xc08040:t=fill"
    first, *_ = frames_of(convert(make_video(tmp_path / "flat.mp4", *LOSSLESS, source=flat)))
    for x, colour in ((10, (0x40, 0x60, 0x80)), (70, (0xC0, 0x80, 0x40))):
        at = 3 * (60 * 160 + x)
        assert all(abs(shown - asked) <= 3 for shown, asked in zip(first[at : at + 3], colour, strict=True))
