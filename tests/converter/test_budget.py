"""The model of bytes and loss: settings that fit, use the limit, and give up what costs least."""

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from converter.planning.budget import (
    MIN_COLOUR_LOSS,
    MIN_COLOURS,
    MIN_FPS,
    MIN_RATE_LOSS,
    MIN_SIDE,
    MIN_SIZE_LOSS,
    SMALLEST_SIDE,
    Cost,
    Model,
    Settings,
    Trial,
    estimate,
    likely_factor,
    model,
)

FULL = Settings(width=480, height=270, fps=12, colours=128)
FOOTAGE = Trial(
    full=Cost(bytes=2_600_000, loss=0.071),
    small=Cost(bytes=700_000, loss=0.085),
    small_slow=Cost(bytes=460_000, loss=0.095),
    small_plain=Cost(bytes=390_000, loss=0.120),
)
SCREEN = replace(
    FOOTAGE,
    full=Cost(bytes=102_000, loss=0.007),
    small=Cost(bytes=41_000, loss=0.072),
    small_slow=Cost(bytes=36_000, loss=0.072),
    small_plain=Cost(bytes=29_000, loss=0.090),
)
PAN = replace(FOOTAGE, small_slow=Cost(bytes=370_000, loss=0.16))


def best(trial: Trial, share: float) -> Settings:
    """The best settings for a share of the bytes of the full GIF."""
    chosen = model(trial, FULL).best(share * trial.full.bytes)
    assert chosen
    return chosen


def test_model_passes_through_the_trial() -> None:
    made = model(FOOTAGE, FULL)
    small = Settings(width=240, height=135, fps=12, colours=128)
    for chosen, cost in (
        (FULL, FOOTAGE.full),
        (small, FOOTAGE.small),
        (replace(small, fps=6), FOOTAGE.small_slow),
        (replace(small, colours=32), FOOTAGE.small_plain),
    ):
        assert made.predicted_bytes(chosen) == pytest.approx(cost.bytes)
        assert made.predicted_loss(chosen) == pytest.approx(cost.loss - FOOTAGE.full.loss)


def test_nothing_is_given_up_if_the_full_gif_fits() -> None:
    assert best(FOOTAGE, 1.0) == FULL


def test_footage_is_made_smaller_first() -> None:
    made = best(FOOTAGE, 0.6)
    assert made.width < FULL.width
    assert (made.fps, made.colours) == (FULL.fps, FULL.colours)


def test_footage_far_over_the_limit_loses_frames_too() -> None:
    assert best(FOOTAGE, 0.05).fps < FULL.fps


def test_screen_recording_keeps_its_size() -> None:
    made = best(SCREEN, 0.8)
    assert made.width == FULL.width
    assert made.fps < FULL.fps


def test_moving_camera_keeps_its_frames() -> None:
    assert best(PAN, 0.05).fps == FULL.fps


def test_exact_size_is_never_given_up() -> None:
    made = model(FOOTAGE, FULL, fixed_size=True).best(0.5 * FOOTAGE.full.bytes)
    assert made
    assert (made.width, made.height) == (FULL.width, FULL.height)


def test_frames_that_save_nothing_are_kept() -> None:
    still = replace(FOOTAGE, small_slow=replace(FOOTAGE.small))
    assert best(still, 0.3).fps == FULL.fps


def test_frames_and_colours_are_given_up_before_a_picture_becomes_tiny() -> None:
    made = best(PAN, 0.015)
    assert made.width >= MIN_SIDE
    assert made.fps < FULL.fps
    assert SMALLEST_SIDE <= best(PAN, 0.004).width < MIN_SIDE


def test_no_settings_are_found_below_the_smallest() -> None:
    made = model(FOOTAGE, FULL)
    smallest = made.smallest()
    assert (smallest.width, smallest.fps, smallest.colours) == (SMALLEST_SIDE, MIN_FPS, MIN_COLOURS)
    assert made.best(0.9 * made.predicted_bytes(smallest)) is None


def test_model_is_corrected_by_a_gif_that_was_made() -> None:
    chosen = best(FOOTAGE, 0.4)
    corrected = model(FOOTAGE, FULL).calibrated(chosen, 1_300_000)
    assert corrected.predicted_bytes(chosen) == pytest.approx(1_300_000)


costs = st.builds(Cost, bytes=st.floats(1, 1e9), loss=st.floats(0, 1))
trials = st.builds(Trial, full=costs, small=costs, small_slow=costs, small_plain=costs)
sides = st.integers(1, 4000)
fulls = st.builds(Settings, width=sides, height=sides, fps=st.floats(1, 50), colours=st.integers(2, 256))


@settings(max_examples=50, deadline=None)
@given(trials, fulls, st.floats(1, 1e9), st.booleans())
def test_best_settings_are_predicted_to_fit_and_are_within_the_full_ones(
    trial: Trial, full: Settings, limit: float, fixed_size: bool
) -> None:
    made: Model = model(trial, full, fixed_size=fixed_size)
    found = made.best(limit)
    chosen = found or made.smallest()
    assert 1 <= chosen.width <= full.width
    assert 1 <= chosen.height <= full.height
    assert 0 < chosen.fps <= full.fps
    assert 2 <= chosen.colours <= full.colours
    assert math.isfinite(made.predicted_loss(chosen))
    if found:
        assert made.predicted_bytes(found) <= limit * 1.000001


@settings(max_examples=20, deadline=None)
@given(st.floats(0.05, 1.0))
def test_most_of_the_limit_is_used(share: float) -> None:
    for trial in (FOOTAGE, SCREEN, PAN):
        limit = share * trial.full.bytes
        chosen = model(trial, FULL).best(limit)
        assert chosen
        assert model(trial, FULL).predicted_bytes(chosen) > 0.95 * limit or chosen == FULL


@pytest.mark.parametrize(
    ("factor", "size", "rate", "colour"), [(1.0, 1.0, 0.02, 0.05), (0.01, 2.2, 1.1, 1.0)], ids=["no bytes", "all bytes"]
)
def test_what_a_trial_saves_is_believed_within_bounds(factor: float, size: float, rate: float, colour: float) -> None:
    small = Cost(bytes=factor * FOOTAGE.full.bytes, loss=0.085)
    saved = replace(small, bytes=factor * small.bytes)
    made = model(replace(FOOTAGE, small=small, small_slow=saved, small_plain=saved), FULL)
    assert (made.size_power, made.rate_power, made.colour_power) == (size, rate, colour)


def test_losses_that_a_trial_did_not_measure_count_all_the_same() -> None:
    cost = Cost(bytes=1000, loss=0.0)
    made = model(Trial(full=cost, small=cost, small_slow=cost, small_plain=cost), FULL)
    assert (made.size_loss, made.rate_loss, made.colour_loss) == (MIN_SIZE_LOSS, MIN_RATE_LOSS, MIN_COLOUR_LOSS)


def test_estimate_of_a_sample_without_changes_is_its_first_frame() -> None:
    assert estimate([100], run=1, frames=10) == 100


def test_estimate_counts_the_whole_first_frame_once() -> None:
    assert estimate([1000, 10, 20, 30, 1200, 20, 20, 20], run=4, frames=101) == pytest.approx(1100 + 100 * 20)
    assert estimate([1000], run=1, frames=1) == 1000
    assert estimate([], run=4, frames=10) == 1


def test_only_a_budget_far_below_typical_footage_lowers_the_size_that_is_decoded() -> None:
    pixels = 480 * 270 * 60
    assert likely_factor(pixels=pixels, limit=3_000_000) == 1
    assert likely_factor(pixels=pixels, limit=1_500_000) == 1
    assert 0.2 < likely_factor(pixels=pixels, limit=64_000) < 0.5
