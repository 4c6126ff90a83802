"""Finds the best GIF that fits a number of bytes, from what a trial on a few frames of the same video measured.

Bytes are modelled as a power of each knob (width, frame rate, colours), and the loss of quality as a sum with one term
for each. Both held on every clip in docs/conversion.md; their coefficients differ widely, so the trial measures them.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

# The trial halves the width, then halves the frame rate or quarters the colours at that width.
TRIAL_SIZE_FACTOR: Final = 0.5
TRIAL_RATE_FACTOR: Final = 0.5
TRIAL_COLOUR_FACTOR: Final = 0.25

# Bounds on what SSIM does not see: it compares single frames, enlarged to their full size.
MIN_FPS: Final = 5.0  # below it a GIF is a slide show
MIN_SIDE: Final = 96  # pixels of the longer side; smaller only if nothing else fits
SMALLEST_SIDE: Final = 32
MIN_COLOURS: Final = 16
MIN_RATE_POWER: Final = 0.1  # if fewer frames save less than this, none are given up
FPS_STEPS: Final = 12
COLOUR_STEPS_PER_OCTAVE: Final = 1
# Losses (1 - SSIM) that count even where the trial measured less: nothing is given up for no bytes.
MIN_SIZE_LOSS: Final = 0.003
MIN_RATE_LOSS: Final = 0.004
MIN_COLOUR_LOSS: Final = 0.004
COLOUR_LOSS_POWER: Final = 1.35  # of the octaves of colours given up

TYPICAL_BYTES_PER_PIXEL: Final = 0.3
LIKELY_FACTOR: Final = 1.1
LIKELY_POWER: Final = 0.42
MAX_LIKELY_FACTOR: Final = 0.8


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The knobs: pixels, frames a second and colours of a GIF."""

    width: int
    height: int
    fps: float
    colours: int


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Bytes of the whole GIF as estimated from a trial's frames, and their loss: 1 - SSIM to the decoded frames."""

    bytes: float
    loss: float


@dataclass(frozen=True, kw_only=True)
class Trial:
    """Costs in full, at half the width, and there at half the frame rate or with a quarter of the colours."""

    full: Cost
    small: Cost
    small_slow: Cost
    small_plain: Cost


@dataclass(frozen=True, kw_only=True)
class Model:
    """Predicts bytes and loss of one video's GIF at any settings up to `full`."""

    full: Settings
    full_bytes: float
    size_power: float
    rate_power: float
    colour_power: float
    size_loss: float
    """When the width is halved."""
    size_loss_power: float
    rate_loss: float
    """If no frame were left."""
    colour_loss: float
    """When the colours are halved."""
    fixed_size: bool = False

    def predicted_bytes(self, settings: Settings) -> float:
        """Bytes of the GIF at these settings."""
        return (
            self.full_bytes
            * math.pow(settings.width / self.full.width, self.size_power)
            * math.pow(settings.fps / self.full.fps, self.rate_power)
            * math.pow(settings.colours / self.full.colours, self.colour_power)
        )

    def predicted_loss(self, settings: Settings) -> float:
        """Loss of SSIM against the full settings."""
        octaves = math.log2(self.full.colours / settings.colours)
        return (
            self.size_loss * math.pow(self.full.width / settings.width - 1, self.size_loss_power)
            + self.rate_loss * (1 - settings.fps / self.full.fps)
            + self.colour_loss * math.pow(octaves, COLOUR_LOSS_POWER)
        )

    def best(self, limit: float) -> Settings | None:
        """The settings with the least loss whose GIF is predicted to have at most `limit` bytes, if there are any."""
        for side in (MIN_SIDE, SMALLEST_SIDE):
            if found := min(self._largest(limit, side), key=self.predicted_loss, default=None):
                return found
        return None

    def smallest(self) -> Settings:
        """The least that is still called a GIF of this video."""
        return self._at(
            self._min_width(SMALLEST_SIDE), min(self.full.fps, MIN_FPS), min(self.full.colours, MIN_COLOURS)
        )

    def calibrated(self, settings: Settings, size: float) -> "Model":
        """The same model, corrected by the size in bytes of a GIF that was made."""
        return replace(self, full_bytes=self.full_bytes * size / self.predicted_bytes(settings))

    def _largest(self, limit: float, min_side: int) -> Iterator[Settings]:
        """For each frame rate and number of colours, the largest picture that fits, if it is large enough."""
        min_width = self._min_width(min_side)
        rates = [i / FPS_STEPS for i in range(FPS_STEPS)] if self.rate_power >= MIN_RATE_POWER else []
        for fps in _steps(self.full.fps, MIN_FPS, rates):
            for colours in _colour_steps(self.full.colours):
                bytes_at_full_size = self.predicted_bytes(replace(self.full, fps=fps, colours=colours))
                factor = min(1.0, (limit / bytes_at_full_size) ** (1 / self.size_power))
                width = math.floor(self.full.width * factor + 1e-9)
                if width >= min_width:
                    yield self._at(width, fps, colours)

    def _at(self, width: int, fps: float, colours: int) -> Settings:
        height = max(1, round(self.full.height * width / self.full.width))
        return Settings(width=width, height=height, fps=fps, colours=colours)

    def _min_width(self, side: int) -> int:
        longer = max(self.full.width, self.full.height)
        return self.full.width if self.fixed_size else max(1, round(self.full.width * min(1.0, side / longer)))


def model(trial: Trial, full: Settings, *, fixed_size: bool = False) -> Model:
    """The model that passes through the four points of a trial."""
    plain_octaves = -math.log2(TRIAL_COLOUR_FACTOR)
    return Model(
        full=full,
        full_bytes=trial.full.bytes,
        size_power=_power(trial.full, trial.small, TRIAL_SIZE_FACTOR, low=1.0, high=2.2),
        rate_power=_power(trial.small, trial.small_slow, TRIAL_RATE_FACTOR, low=0.02, high=1.1),
        colour_power=_power(trial.small, trial.small_plain, TRIAL_COLOUR_FACTOR, low=0.05, high=1.0),
        size_loss=max(MIN_SIZE_LOSS, (trial.small.loss - trial.full.loss) / (1 / TRIAL_SIZE_FACTOR - 1)),
        # Where most of the loss is that of the palette, scaling down averages it away and costs little at first.
        size_loss_power=0.6 + 1.2 * min(1.0, trial.full.loss / max(trial.small.loss, 1e-6)),
        rate_loss=max(MIN_RATE_LOSS, (trial.small_slow.loss - trial.small.loss) / (1 - TRIAL_RATE_FACTOR)),
        colour_loss=max(
            MIN_COLOUR_LOSS, (trial.small_plain.loss - trial.small.loss) / plain_octaves**COLOUR_LOSS_POWER
        ),
        fixed_size=fixed_size,
    )


def estimate(sizes: Sequence[int], *, run: int, frames: int) -> float:
    """Bytes of a GIF of `frames` frames from those of a sample that consists of runs of consecutive frames.

    The first frame of each run is stored whole, as is the first of the GIF; all others store what changed.
    """
    if not sizes:
        return 1.0
    whole, changed = sizes[::run], [size for i, size in enumerate(sizes) if i % run]
    mean_changed = sum(changed) / len(changed) if changed else 0.0
    return sum(whole) / len(whole) + (frames - 1) * mean_changed


def likely_factor(*, pixels: float, limit: int) -> float:
    """How far to scale down before decoding: the largest size at which footage of so many pixels could fit, or 1.

    Footage is busy; a video that is cheaper, such as a screen recording, has to be decoded again.
    """
    factor = LIKELY_FACTOR * (limit / (TYPICAL_BYTES_PER_PIXEL * max(1.0, pixels))) ** LIKELY_POWER
    return factor if factor < MAX_LIKELY_FACTOR else 1.0


def _power(before: Cost, after: Cost, factor: float, *, low: float, high: float) -> float:
    """The power of `factor` by which the bytes shrink, bounded for samples too small to show it."""
    return min(max(math.log(after.bytes / before.bytes) / math.log(factor), low), high)


def _steps(full: float, lowest: float, factors: Sequence[float]) -> list[float]:
    return sorted({full, *(full * factor for factor in factors if lowest <= full * factor <= full)})


def _colour_steps(full: int) -> list[int]:
    factors = [2 ** (-i / COLOUR_STEPS_PER_OCTAVE) for i in range(8 * COLOUR_STEPS_PER_OCTAVE)]
    return sorted({round(colours) for colours in _steps(full, MIN_COLOURS, factors)})
