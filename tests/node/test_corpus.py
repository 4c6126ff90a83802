"""Hostile and odd files: each ends in a GIF or a verdict, and none reaches anything outside its directory."""

import ctypes
import os
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from node import gif
from tests.node import corpus
from tests.node.conftest import Convert, Outcome
from tests.node.making import H264, video

IN_ACCESS, IN_OPEN = 0x1, 0x20


class Canary:
    """A real video outside every working directory; the kernel tells whether anyone opened it."""

    def __init__(self, path: Path) -> None:
        self.path = video(path, *H264)
        libc = ctypes.CDLL(None, use_errno=True)
        self._watch = libc.inotify_init1(os.O_NONBLOCK)
        assert libc.inotify_add_watch(self._watch, os.fsencode(path), IN_ACCESS | IN_OPEN) > 0

    def touched(self) -> bool:
        """Whether it was opened or read since the last call."""
        try:
            return bool(os.read(self._watch, 65536))
        except BlockingIOError:
            return False

    def close(self) -> None:
        """Stop watching."""
        os.close(self._watch)


class Listener:
    """A loopback port on which nobody should call."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.setblocking(False)
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"

    def called(self) -> bool:
        """Whether anyone has connected."""
        try:
            self._socket.accept()[0].close()
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        """Stop listening."""
        self._socket.close()


@dataclass(frozen=True, kw_only=True)
class Run:
    """Every file's outcome, and the traps."""

    outcomes: dict[str, tuple[Outcome, tuple[str, ...]]]
    canary: Canary
    listener: Listener


@pytest.fixture(scope="session")
def run(convert: Convert, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Make the files, then convert them all, two at a time."""
    canary, listener = Canary(tmp_path_factory.mktemp("outside") / "canary.mp4"), Listener()
    cases = corpus.build(tmp_path_factory.mktemp("corpus"), canary=canary.path, listener=listener.address)
    while canary.touched():
        pass  # forget that it was made
    with ThreadPoolExecutor(2) as pool:
        outcomes = pool.map(lambda case: convert(case[0]), cases.values())
        results = {name: (one, cases[name][1]) for name, one in zip(cases, outcomes, strict=True)}
    yield Run(outcomes=results, canary=canary, listener=listener)
    canary.close()
    listener.close()


def test_the_corpus_is_large(run: Run) -> None:
    assert len(run.outcomes) >= 70


def test_each_file_ends_in_a_gif_or_a_verdict_that_fits_it(run: Run) -> None:
    wrong = {
        name: (one.code, one.verdict, one.stderr[-300:])
        for name, (one, allowed) in run.outcomes.items()
        if one.code != 0 or one.verdict not in allowed
    }
    assert wrong == {}


def test_each_rejection_says_why_and_shows_the_line_that_proves_it(run: Run) -> None:
    for name, (one, _) in run.outcomes.items():
        if one.verdict != "converted":
            assert one.result["message"].endswith("."), name
            assert one.result["evidence"], name
            assert not (one.work / "out.gif").exists(), name


def test_each_gif_is_whole_and_as_its_measurements_say(run: Run) -> None:
    for name, (one, _) in run.outcomes.items():
        if one.verdict == "converted":
            made = gif.measure(one.work / "out.gif")
            assert {**vars(made)} == one.result["gif"], name
            assert made.frames >= 1, name


def test_no_file_makes_the_converter_write_anything_but_its_results(run: Run) -> None:
    for name, (one, _) in run.outcomes.items():
        assert {path.name for path in one.work.iterdir()} <= {"input.mp4", "out.gif", "result.json", "progress.json"}, (
            name
        )


def test_no_file_makes_the_converter_use_more_memory_than_allowed(run: Run) -> None:
    assert max(one.result["peak_memory_bytes"] for one, _ in run.outcomes.values()) < 400e6


def test_no_file_makes_the_converter_read_another_or_open_a_connection(run: Run) -> None:
    assert not run.canary.touched()
    assert not run.listener.called()


def test_the_traps_would_have_noticed(run: Run) -> None:
    run.canary.path.read_bytes()
    assert run.canary.touched()
    host, port = run.listener.address.split(":")
    with socket.create_connection((host, int(port))):
        assert run.listener.called()


@pytest.mark.parametrize("name", list(corpus.names()))
def test_names_are_never_interpreted(convert: Convert, run: Run, tmp_path: Path, name: str) -> None:
    source = video(tmp_path / "plain.mp4", "-t", "0.2", *H264)
    one = convert(source, name=name)
    assert (one.code, one.verdict) == (0, "converted")
    assert {path.name for path in one.work.iterdir()} == {name, "out.gif", "result.json", "progress.json"}


@pytest.mark.parametrize(
    ("name", "width", "height"),
    [
        ("plain", 96, 64),
        ("odd-size", 33, 17),
        ("one-pixel", 1, 1),
        ("wide-pixels", 96, 16),
        ("narrow-pixels", 32, 64),
        ("wide", 480, 2),
        ("tall", 16, 900),
    ],
)
def test_shapes_are_kept_and_nothing_is_enlarged(run: Run, name: str, width: int, height: int) -> None:
    made = run.outcomes[name][0].result["gif"]
    assert (made["width"], made["height"]) == (width, height)
