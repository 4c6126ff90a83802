"""Hostile and unusual files: each ends in a GIF or a verdict, and none reaches anything outside its directory."""

import ctypes
import os
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from converter.formats import gif
from tests.converter import corpus
from tests.converter.mp4_files import H264, make_video
from tests.converter.runs import Convert, Outcome

pytestmark = pytest.mark.timeout(600)  # the first test makes and converts all files

IN_ACCESS, IN_OPEN = 0x1, 0x20


class Canary:
    """A real video outside every working directory, watched by inotify."""

    def __init__(self, path: Path) -> None:
        self.path = make_video(path, *H264)
        libc = ctypes.CDLL(None, use_errno=True)
        self._watch = libc.inotify_init1(os.O_NONBLOCK)
        assert libc.inotify_add_watch(self._watch, os.fsencode(path), IN_ACCESS | IN_OPEN) > 0

    def touched(self) -> bool:
        """Whether it was opened or read; call it until it returns False to clear the past."""
        try:
            return bool(os.read(self._watch, 65536))
        except BlockingIOError:
            return False

    def close(self) -> None:
        """Stop watching."""
        os.close(self._watch)


class Listener:
    """A loopback port that nothing should connect to."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.setblocking(False)
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"

    def connected(self) -> bool:
        """Whether anything has connected since the last call."""
        try:
            self._socket.accept()[0].close()
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        """Stop listening."""
        self._socket.close()


@dataclass(frozen=True, kw_only=True)
class CorpusRun:
    """The outcome and allowed verdicts of every file, and the traps."""

    outcomes: dict[str, tuple[Outcome, tuple[str, ...]]]
    canary: Canary
    listener: Listener


@pytest.fixture(scope="session")
def corpus_run(convert: Convert, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CorpusRun]:
    """Make the files and convert them all, two at a time."""
    canary, listener = Canary(tmp_path_factory.mktemp("outside") / "canary.mp4"), Listener()
    cases = corpus.build(tmp_path_factory.mktemp("corpus"), canary=canary.path, listener=listener.address)
    while canary.touched():
        pass  # clear the events of its creation
    with ThreadPoolExecutor(2) as pool:
        outcomes = pool.map(lambda case: convert(case[0]), cases.values())
        results = {name: (one, cases[name][1]) for name, one in zip(cases, outcomes, strict=True)}
    yield CorpusRun(outcomes=results, canary=canary, listener=listener)
    canary.close()
    listener.close()


def test_corpus_has_many_files_of_both_demuxers(corpus_run: CorpusRun) -> None:
    matroska = [name for name in corpus_run.outcomes if "mkv" in name or "webm" in name]
    assert len(matroska) >= 70
    assert len(corpus_run.outcomes) - len(matroska) >= 70


def test_every_file_ends_in_one_of_its_allowed_verdicts(corpus_run: CorpusRun) -> None:
    wrong = {
        name: (one.code, one.verdict, one.stderr[-300:])
        for name, (one, allowed) in corpus_run.outcomes.items()
        if one.code != 0 or one.verdict not in allowed
    }
    assert wrong == {}


def test_rejections_have_a_sentence_and_evidence_and_no_gif(corpus_run: CorpusRun) -> None:
    for name, (one, _) in corpus_run.outcomes.items():
        if one.verdict != "converted":
            assert one.result["message"].endswith("."), name
            assert one.result["evidence"], name
            assert not (one.work / "out.gif").exists(), name


def test_gifs_are_complete_and_match_their_measurements(corpus_run: CorpusRun) -> None:
    for name, (one, _) in corpus_run.outcomes.items():
        if one.verdict == "converted":
            made = gif.measure((one.work / "out.gif").read_bytes())
            assert {**vars(made)} == one.result["gif"], name
            assert made.frames >= 1, name


def test_converter_writes_only_its_result_files(corpus_run: CorpusRun) -> None:
    for name, (one, _) in corpus_run.outcomes.items():
        assert {path.name for path in one.work.iterdir()} <= {"input.mp4", "out.gif", "result.json", "progress.json"}, (
            name
        )


def test_converter_stays_under_its_memory_limit(corpus_run: CorpusRun) -> None:
    assert max(one.result["peak_memory_bytes"] for one, _ in corpus_run.outcomes.values()) < 400e6


def test_converter_neither_reads_other_files_nor_connects(corpus_run: CorpusRun) -> None:
    assert not corpus_run.canary.touched()
    assert not corpus_run.listener.connected()


def test_traps_detect_a_read_and_a_connection(corpus_run: CorpusRun) -> None:
    corpus_run.canary.path.read_bytes()
    assert corpus_run.canary.touched()
    host, port = corpus_run.listener.address.split(":")
    with socket.create_connection((host, int(port))):
        assert corpus_run.listener.connected()


@pytest.mark.parametrize("name", list(corpus.hostile_names()))
def test_file_names_are_never_interpreted(convert: Convert, corpus_run: CorpusRun, tmp_path: Path, name: str) -> None:
    source = make_video(tmp_path / "plain.mp4", "-t", "0.2", *H264)
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
        ("mkv-crop", 96, 32),
        ("mkv-odd-pixels", 96, 16),
        ("webm-vp8", 96, 64),
        ("wide", 480, 2),
        ("tall", 16, 900),
    ],
)
def test_gif_keeps_the_shape_and_is_never_enlarged(corpus_run: CorpusRun, name: str, width: int, height: int) -> None:
    made = corpus_run.outcomes[name][0].result["gif"]
    assert (made["width"], made["height"]) == (width, height)
