"""Options, from metadata of the blob to the frames of the GIF in the output container."""

from itertools import pairwise
from pathlib import Path

import pytest

from tests.support.gif_frames import Frames, frames_of, make_card
from tests.support.stack_client import StackClient

OPTIONS: dict[str, dict[str, str]] = {
    "height": {"gif_height": "60"},
    "inside": {"gif_width": "100", "gif_height": "30"},
    "cover": {"gif_width": "30", "gif_height": "60", "gif_fit": "cover"},
    "exact": {"gif_width": "320", "gif_height": "60", "gif_fit": "exact"},
    "square": {"gif_crop": "1:1"},
    "region": {"gif_crop": "60:40:90:5", "gif_fps": "2"},
    "faster": {"gif_speed": "2", "gif_fps": "10"},
    "slower": {"gif_speed": "0.5", "gif_duration": "1"},
    "reversed": {"gif_reverse": "true"},
    "boomerang": {"gif_boomerang": "True", "gif_fps": "5"},
    "emoji": {"gif_for": "slack-emoji", "gif_speed": "0.25"},
}


async def test_every_option_shows_in_the_frames(client: StackClient, tmp_path: Path) -> None:
    card = make_card(tmp_path / "card.mp4").read_bytes()
    for name, metadata in OPTIONS.items():
        await client.drop(f"options/{name}.mp4", card, metadata=metadata)
    statuses = await client.final_statuses(*(f"options/{name}.mp4" for name in OPTIONS))
    assert [status["error"] for status in statuses] == [None] * len(OPTIONS)
    seconds = {name: status["gif"]["duration_seconds"] for name, status in zip(OPTIONS, statuses, strict=True)}
    gifs: dict[str, Frames] = {}
    for name in OPTIONS:
        data = await client.gif(f"options/{name}.gif")
        assert data
        (tmp_path / f"{name}.gif").write_bytes(data)
        gifs[name] = frames_of(tmp_path / f"{name}.gif")

    assert {name: (gif.width, gif.height) for name, gif in gifs.items()} == {
        "height": (80, 60),
        "inside": (40, 30),
        "cover": (30, 60),
        "exact": (320, 60),
        "square": (120, 120),
        "region": (60, 40),
        "faster": (160, 120),
        "slower": (160, 120),
        "reversed": (160, 120),
        "boomerang": (160, 120),
        "emoji": (128, 96),
    }
    for name, gif in gifs.items():
        quarters = ("green",) * 4 if name == "region" else ("red", "green", "blue", "yellow")
        assert (name, gif.corners()) == (name, quarters)
    # The grey square in the middle is 40 pixels wide: cover shows 60 of 160 pixels, so that it fills two thirds.
    assert gifs["cover"].pixel(0, 0.25, 0.5)[:3] == pytest.approx(gifs["cover"].pixel(0, 0.5, 0.5)[:3], abs=12)

    assert seconds["height"] == pytest.approx(2, abs=0.15)
    assert seconds["faster"] == pytest.approx(1, abs=0.15)
    assert seconds["slower"] == pytest.approx(2, abs=0.3)
    assert seconds["boomerang"] == pytest.approx(4, abs=0.5)
    assert seconds["emoji"] == pytest.approx(8, abs=0.6)
    assert len(gifs["faster"].pictures) == pytest.approx(10, abs=1)
    assert len(gifs["emoji"].pictures) <= 50

    for name in ("height", "faster", "slower", "emoji"):
        assert _rises(gifs[name].brightness()), name
    assert max(gifs["slower"].brightness()) < 0.6 * max(gifs["faster"].brightness()), "half of the video"
    assert _rises(gifs["reversed"].brightness()[::-1])
    boomerang = gifs["boomerang"].brightness()
    middle = len(boomerang) // 2
    assert _rises(boomerang[: middle + 1])
    assert _rises(boomerang[middle:][::-1])


def _rises(brightness: list[int]) -> bool:
    # Grey levels of a palette, so that two frames may share one.
    return brightness[-1] - brightness[0] > 60 and all(one <= other + 2 for one, other in pairwise(brightness))
