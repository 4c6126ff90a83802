"""The search for a GIF under a limit, with made-up sizes: what is tried, what is kept, what is said."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from converter.encoding import fit
from converter.encoding.encode import Workspace
from converter.encoding.fit import Choice, choose, encode, likely_plan, measure
from converter.formats import gif
from converter.planning import budget
from converter.planning.budget import Cost, Model, Settings, Trial
from converter.planning.options import parse
from converter.planning.plan import Plan, make_plan
from converter.process.ffmpeg import Finished
from converter.progress import Progress
from converter.verdict import NodeFailure, Rejected
from converter.video.probe import Source

SOURCE = Source(codec="h264", width=480, height=270, fps=12, max_fps=12, duration_seconds=10, bytes=1)
FULL = Settings(width=480, height=270, fps=12, colours=256)
TRIAL = Trial(
    full=Cost(bytes=1_000_000, loss=0.07),
    small=Cost(bytes=270_000, loss=0.08),
    small_slow=Cost(bytes=180_000, loss=0.09),
    small_plain=Cost(bytes=150_000, loss=0.12),
)
MODEL = budget.model(TRIAL, FULL)
COUNT = 120

Sizes = Callable[[Settings], float]


def plan(flags: str = "") -> Plan:
    return make_plan(SOURCE, parse([*flags.split(), "input.mp4"]))


@dataclass
class Search:
    """A workspace in which every GIF has the size that `sizes` says."""

    folder: Path
    limit: int
    sizes: Sizes = MODEL.predicted_bytes
    encoded: list[tuple[Settings, bool]] = field(default_factory=list)
    """Settings of each GIF, and whether it was to be encoded to its end."""

    def __post_init__(self) -> None:
        flags = f"--budget {self.limit}"
        self.workspace = Workspace(
            binary=Path("ffmpeg"),
            scratch=self.folder,
            plan=plan(flags),
            options=parse([*flags.split(), "input.mp4"]),
            progress=Progress(path=self.folder / "progress.json"),
        )
        self.workspace.palette.write_bytes(b"".join(bytes([colour, 0, 0, 255]) for colour in range(256)))

    def encode_once(
        self, workspace: Workspace, settings: Settings, *, count: int, dither: str, to_end: bool = False
    ) -> float:
        assert (workspace, count, dither) == (self.workspace, COUNT, "none")
        self.encoded.append((settings, to_end))
        workspace.draft.write_text(str(settings))
        return self.sizes(settings)

    def run(self, settings: Settings = FULL, model: Model | None = MODEL) -> Settings:
        """Encode from a choice; the settings of the GIF."""
        encode(self.workspace, Choice(full=plan(), count=COUNT, settings=settings, dither="none", model=model))
        return self.encoded[[str(each) for each, _ in self.encoded].index(self.workspace.draft.read_text())][0]


@pytest.fixture
def search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Search]:
    def make(limit: int, sizes: Sizes = MODEL.predicted_bytes) -> Search:
        made = Search(tmp_path, limit, sizes)
        monkeypatch.setattr(fit, "encode_once", made.encode_once)
        monkeypatch.setattr(fit, "measure", lambda *_, **__: MODEL)
        return made

    return make


def scaled(factor: float) -> Sizes:
    """GIFs that are so many times as large as the model predicts."""
    return lambda settings: factor * MODEL.predicted_bytes(settings)


@pytest.mark.parametrize("model", [MODEL, None])
def test_full_gif_that_fits_exactly_is_the_only_one_encoded(search: Callable[..., Search], model: Model | None) -> None:
    made = search(1_000_000)
    assert made.run(model=model) == FULL
    assert (made.encoded, made.workspace.notes) == ([(FULL, False)], [])


@pytest.mark.parametrize("model", [MODEL, None])
def test_full_gif_that_is_one_byte_too_large_is_reduced(search: Callable[..., Search], model: Model | None) -> None:
    made = search(999_999)
    found = made.run(model=model)
    assert MODEL.predicted_bytes(found) <= 999_999
    assert [settings for settings, _ in made.encoded] == [FULL, found]
    [note] = made.workspace.notes
    assert note.endswith(", to stay under 999999 bytes")


def test_prediction_that_is_right_needs_one_gif(search: Callable[..., Search]) -> None:
    made = search(500_000)
    chosen = MODEL.best(0.94 * 500_000)
    assert chosen
    assert made.run(chosen) == chosen
    assert made.encoded == [(chosen, False)]
    parts = [f"{chosen.width}x{chosen.height} instead of 480x270"] if chosen.width < 480 else []
    parts += [f"{chosen.fps:.3g} frames a second instead of 12"] if chosen.fps < 12 else []
    parts += [f"{chosen.colours} colours instead of 256"] if chosen.colours < 256 else []
    assert made.workspace.notes == [f"reduced to {', '.join(parts)}, to stay under 500000 bytes"]


@pytest.mark.parametrize("factor", [0.3, 0.6, 0.8, 1.2, 1.5, 3.0])
def test_wrong_prediction_is_corrected_until_most_of_the_limit_is_used(
    search: Callable[..., Search], factor: float
) -> None:
    made = search(300_000, scaled(factor))
    start = MODEL.best(0.94 * 300_000)
    assert start
    used = made.sizes(made.run(start)) / 300_000
    assert 0.86 <= used <= 1
    assert len(made.encoded) == 2
    assert made.encoded[0] == (start, False)


def test_gif_that_uses_enough_of_the_limit_is_not_tried_again(search: Callable[..., Search]) -> None:
    made = search(300_000, scaled(0.87 / 0.94))
    start = MODEL.best(0.94 * 300_000)
    assert start
    assert made.run(start) == start
    assert len(made.encoded) == 1


def test_best_gif_is_kept_if_the_next_are_smaller_or_too_large(search: Callable[..., Search]) -> None:
    sizes = iter([150_000, 400_000, 140_000, 120_000, 110_000, 100_000])
    made = search(300_000, lambda _: next(sizes))
    start = MODEL.best(0.94 * 300_000)
    assert start
    assert made.run(start) == start
    assert 2 < len(made.encoded) <= 6
    assert not made.workspace.kept.exists()


def test_larger_gif_under_the_limit_replaces_a_smaller_one(search: Callable[..., Search]) -> None:
    sizes = iter([150_000, 200_000, 299_000])
    made = search(300_000, lambda _: next(sizes))
    start = MODEL.best(0.94 * 300_000)
    assert start
    assert made.run(start) == made.encoded[2][0]


def test_no_settings_are_tried_twice(search: Callable[..., Search]) -> None:
    made = search(2000, lambda settings: 1990 if settings.width <= 40 else 2100)
    made.run(MODEL.smallest())
    tried = [settings for settings, _ in made.encoded]
    assert len(tried) == len(set(tried))


def test_smallest_gif_is_encoded_to_its_end_and_named_if_it_is_too_large(search: Callable[..., Search]) -> None:
    made = search(1000, lambda settings: 1000 * settings.width)
    with pytest.raises(Rejected) as rejected:
        made.run(MODEL.smallest())
    smallest = MODEL.smallest()
    assert made.encoded == [(smallest, True)]
    assert rejected.value.code == "TooLarge"
    assert rejected.value.message == (
        "The GIF cannot fit into 1000 bytes: the smallest, at 32x18, 5 frames a second and 16 colours, has 32000 bytes."
    )


def test_smallest_gif_is_tried_before_a_video_is_too_large(search: Callable[..., Search]) -> None:
    made = search(300_000, lambda settings: 290_000 if settings == MODEL.smallest() else 2_000_000)
    start = MODEL.best(0.94 * 300_000)
    assert start
    assert made.run(start) == MODEL.smallest()
    assert made.encoded[-1] == (MODEL.smallest(), True)
    assert not any(to_end for _, to_end in made.encoded[:-1])


# Choosing


@pytest.fixture
def chosen(search: Callable[..., Search], monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Choice, Search]]:
    """`chosen(flags, bytes)`: the choice for a video whose full GIF a trial predicts to have so many bytes."""

    def make(flags: str, full_bytes: float, *, decoded: Plan | None = None, count: int = COUNT) -> Any:
        made = search(1_000_000)
        model = replace(MODEL, full_bytes=full_bytes)
        made.workspace.options = parse([*flags.split(), "input.mp4"])
        made.workspace.plan = decoded or plan(flags)
        monkeypatch.setattr(fit, "measure", lambda *_, **__: model)
        monkeypatch.setattr(fit, "decode", lambda workspace: 77)
        monkeypatch.setattr(fit, "choose_dither", lambda workspace, settings, *, count: f"{settings.width} {count}")
        return choose(made.workspace, plan(flags), count=count), made

    return make


def test_full_gif_is_chosen_without_a_trial_if_there_is_no_budget(chosen: Callable[..., Any]) -> None:
    choice, _ = chosen("", 1e9)
    assert (choice.settings, choice.model, choice.count, choice.dither) == (FULL, None, COUNT, "480 120")


@pytest.mark.parametrize(("limit", "tried"), [(194_399, True), (194_400, False)])
def test_trial_is_made_only_if_the_frames_could_exceed_the_budget(
    chosen: Callable[..., Any], limit: int, tried: bool
) -> None:
    choice, _ = chosen(f"--budget {limit}", 1.0, count=1)  # 480x270 pixels of 1.5 bytes
    assert (choice.model is not None) is tried
    assert choice.settings == FULL


@pytest.mark.parametrize(("full_bytes", "reduced"), [(1_150_000, False), (1_151_000, True)])
def test_settings_are_reduced_if_the_full_gif_is_predicted_to_be_far_over_the_budget(
    chosen: Callable[..., Any], full_bytes: float, reduced: bool
) -> None:
    choice, _ = chosen("--budget 1000000", full_bytes)
    assert choice.model == replace(MODEL, full_bytes=full_bytes)
    assert choice.settings == (choice.model.best(940_000) if reduced else FULL)


def test_smallest_settings_are_chosen_if_none_are_predicted_to_fit(chosen: Callable[..., Any]) -> None:
    choice, _ = chosen("--budget 1000", 1e9)
    assert choice.settings == choice.model.smallest()


@pytest.mark.parametrize(("full_bytes", "again"), [(1_349_000, True), (1_350_000, False)])
def test_frames_are_decoded_again_in_full_if_those_decoded_are_too_small_for_the_budget(
    chosen: Callable[..., Any], full_bytes: float, again: bool
) -> None:
    small = plan("--budget 1000000").scaled(0.5)
    choice, made = chosen("--budget 1000000", full_bytes, decoded=small)
    assert made.workspace.plan == (plan("--budget 1000000") if again else small)
    assert choice.count == (77 if again else COUNT)


# Decoding


@pytest.mark.parametrize(
    ("flags", "width"),
    [
        ("", 480),
        ("--budget 10000000", 480),
        ("--budget 1000000", 276),
        ("--budget 1000000 --boomerang", 207),
        ("--budget 1000000 --width 480 --height 270 --fit exact", 480),
        ("--budget 1000", 96),
    ],
)
def test_frames_are_decoded_as_small_as_footage_would_need_for_the_budget(flags: str, width: int) -> None:
    found = plan(flags)
    made = likely_plan(found, parse([*flags.split(), "input.mp4"]))
    assert (made.width, made.fps) == (width, found.fps)


def test_frames_of_a_video_of_unknown_length_are_counted_over_the_longest_gif() -> None:
    options = parse(["--budget", "1000000", "--max-duration", "10", "input.mp4"])
    known, unknown = (make_plan(replace(SOURCE, duration_seconds=seconds), options) for seconds in (10, None))
    assert likely_plan(unknown, options).width == likely_plan(known, options).width == 276


# The trial

SSIM = [
    "[Parsed_ssim_9 @ 0x1] SSIM Y:0.9 All:0.930000 (11.5)",
    "[Parsed_ssim_21 @ 0x1] SSIM Y:0.9 All:0.910000 (10.5)",
    "[Parsed_ssim_15 @ 0x1] SSIM Y:0.9 All:0.920000 (11.0)",
    "[Parsed_ssim_27 @ 0x1] SSIM Y:0.9 All:0.880000 (9.2)",
    "frame=12",
]
"""In the order of their numbers: the losses of `TRIAL`."""


@pytest.fixture
def trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Trial, str]]:
    """`trial(count)`: what a trial of so many frames measures whose frames take 1000 bytes, or 10 if only changed."""

    def make(count: int, *, lines: list[str] = SSIM, code: int = 0) -> tuple[Trial, str]:
        workspace = Search(tmp_path, 300_000).workspace
        found: dict[str, Any] = {}

        def run(arguments: list[str], *, writes: list[Path], **_: object) -> Finished:
            found["arguments"] = " ".join(arguments)
            for number, target in enumerate(writes):
                target.write_text(str(number))
            return Finished(ended="exit", code=code, lines=lines)

        def frame_sizes(data: bytes) -> list[int]:
            length = 2 if data == b"2" else 4  # half the frame rate
            return [1000 if number % min(length, count) == 0 else 10 for number in range(min(length, count) * 3)]

        def remember(trial: Trial, full: Settings, *, fixed_size: bool) -> Model:
            assert (full, fixed_size) == (FULL, False)
            found["trial"] = trial
            return MODEL

        monkeypatch.setattr(workspace, "run", run)
        monkeypatch.setattr(gif, "frame_sizes", frame_sizes)
        monkeypatch.setattr(budget, "model", remember)
        assert measure(workspace, count=count, dither="none") == MODEL
        return found["trial"], found["arguments"]

    return make


def test_trial_measures_runs_of_frames_all_over_the_video(trial: Callable[..., tuple[Trial, str]]) -> None:
    found, arguments = trial(COUNT)
    assert "select='between(n,19,22)+between(n,58,61)+between(n,97,100)'," in arguments
    assert "palettegen=max_colors=64:" in arguments
    whole = 1000 + 119 * 10.0
    assert [cost.bytes for cost in (found.full, found.small, found.small_slow, found.small_plain)] == [
        whole,
        whole,
        1000 + 59 * 10.0,
        whole,
    ]
    losses = [cost.loss for cost in (found.full, found.small, found.small_slow, found.small_plain)]
    assert losses == pytest.approx([0.07, 0.08, 0.09, 0.12])


@pytest.mark.parametrize(
    ("count", "runs"),
    [(1, ["0,0"]), (3, ["0,2"]), (8, ["2,5"]), (15, ["6,9"]), (16, ["3,6", "9,12"]), (1800, None)],
)
def test_trial_of_few_frames_takes_no_more_than_there_are_and_of_many_a_bounded_number(
    trial: Callable[..., tuple[Trial, str]], count: int, runs: list[str] | None
) -> None:
    _, arguments = trial(count)
    if runs is None:
        assert arguments.count("between(n,") == 15  # 8 million pixels
    else:
        assert f"select='{'+'.join(f'between(n,{run})' for run in runs)}'," in arguments


def test_runs_of_a_trial_have_frames_between_them(trial: Callable[..., tuple[Trial, str]]) -> None:
    for count in (1, 4, 7, 8, 11, 12, 15, 16, 31, 32, 100):
        runs = [(int(first), int(last)) for first, last in re.findall(r"between\(n,(\d+),(\d+)\)", trial(count)[1])]
        assert all(last + 1 < first for (_, last), (first, _) in pairwise(runs)), count
        assert 0 <= runs[0][0] <= runs[-1][1] < count


def test_losses_count_as_none_if_one_was_not_measured(trial: Callable[..., tuple[Trial, str]]) -> None:
    found, _ = trial(COUNT, lines=SSIM[1:])
    assert [cost.loss for cost in (found.full, found.small, found.small_slow, found.small_plain)] == [0.0] * 4


def test_failed_trial_is_a_failure_of_the_node(trial: Callable[..., tuple[Trial, str]]) -> None:
    with pytest.raises(NodeFailure):
        trial(COUNT, code=1)
