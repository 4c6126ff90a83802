"""Makes the best GIF under a limit of bytes: a trial predicts the settings, the size of each GIF corrects them."""

import re
from dataclasses import dataclass, replace
from typing import Final

from converter.encoding import ffmpeg_args
from converter.encoding.encode import (
    FILE_SIZE_MARGIN_BYTES,
    Workspace,
    choose_dither,
    decode,
    encode_once,
    full_settings,
)
from converter.formats import gif
from converter.planning import budget
from converter.planning.budget import Cost, Model, Settings, Trial
from converter.planning.options import Options
from converter.planning.plan import Plan
from converter.process import scratch
from converter.process.classify import classify_encoding_failure
from converter.verdict import Rejected

# What each attempt aims at, as a share of the limit, and the share already used from which it is not made.
# The last one makes the smallest GIF.
ATTEMPTS: Final = ((0.94, 1.0), (0.965, 0.86), (0.94, 0.75), (0.88, 0.75), (0.7, 0.6), (0.0, 0.0))
MAX_BYTES_PER_PIXEL: Final = 1.5  # of LZW at its worst
MIN_DECODED_EXCESS: Final = 1.35  # of the GIF at the size decoded for a budget; if it exceeds by less, all is decoded
MIN_DECODED_WIDTH: Final = 96
MAX_LIKELY_EXCESS: Final = 1.15  # of the full GIF as predicted; if it exceeds by less, it may fit
TRIAL_SHARE: Final = 8  # one in so many frames is tried
TRIAL_RUN_FRAMES: Final = 4
MIN_TRIAL_RUNS, MAX_TRIAL_RUNS = 2, 24
MAX_TRIAL_PIXELS: Final = 8e6  # over all frames of a trial, which holds them in memory
MIN_PALETTE: Final = 4
_SSIM: Final = re.compile(r"Parsed_ssim_([0-9]{1,4})\b.* All:([01]\.[0-9]{1,9})")


def likely_plan(plan: Plan, options: Options) -> Plan:
    """The plan, scaled down if footage would need it for the budget: decoding larger frames only costs time."""
    if options.budget is None or options.fit == "exact":
        return plan
    seconds = plan.duration if plan.expected_seconds is None else plan.expected_seconds
    frames = plan.fps * seconds * (2 if plan.boomerang else 1)
    factor = budget.likely_factor(pixels=plan.width * plan.height * frames, limit=options.budget)
    return plan.scaled(max(factor, min(1.0, MIN_DECODED_WIDTH / plan.width)))


@dataclass(frozen=True, kw_only=True)
class Choice:
    """How to encode: the settings, and the model that predicted them if there was a trial."""

    full: Plan
    """The plan without a limit."""
    count: int
    """Frames that were decoded."""
    settings: Settings
    dither: str
    model: Model | None


def choose(workspace: Workspace, full: Plan, *, count: int) -> Choice:
    """Choose settings and dither. Decodes again, in full, if what was decoded is too small for the budget."""
    plan, limit = workspace.plan, workspace.limit
    settings, model = full_settings(workspace), None
    if workspace.options.budget is not None and count * plan.width * plan.height * MAX_BYTES_PER_PIXEL > limit:
        model = measure(workspace, count=count, dither=plan.preset.dithers[0])
        if plan != full and model.full_bytes < MIN_DECODED_EXCESS * limit:
            workspace.plan = full
            return choose(workspace, full, count=decode(workspace))
        if model.full_bytes > MAX_LIKELY_EXCESS * limit:
            settings = model.best(ATTEMPTS[0][0] * limit) or model.smallest()
    dither = choose_dither(workspace, settings, count=count)
    return Choice(full=full, count=count, settings=settings, dither=dither, model=model)


def encode(workspace: Workspace, choice: Choice) -> None:
    """Write the best GIF under the limit to `draft`; raises Rejected("TooLarge") if there is none."""
    model, settings = choice.model, choice.settings
    full = full_settings(workspace)
    if model is None or settings == full:
        size = encode_once(workspace, settings, count=choice.count, dither=choice.dither)
        if size <= workspace.limit:
            return
        model = (model or measure(workspace, count=choice.count, dither=choice.dither)).calibrated(settings, size)
    made = _fit(workspace, model, count=choice.count, dither=choice.dither)
    if changes := _changes(replace(choice.full.settings, colours=full.colours), made):
        workspace.notes.append(f"reduced to {', '.join(changes)}, to stay under {workspace.limit} bytes")


def measure(workspace: Workspace, *, count: int, dither: str) -> Model:
    """What each knob saves and costs on this video, by a trial on runs of consecutive frames."""
    plan, full = workspace.plan, full_settings(workspace)
    run = min(TRIAL_RUN_FRAMES, count)
    affordable = int(MAX_TRIAL_PIXELS / (plan.width * plan.height * run))
    apart = count // run // 2  # where frames are left out before a run, its first one is stored whole
    runs = max(1, min(max(MIN_TRIAL_RUNS, count // TRIAL_SHARE // run), apart, affordable, MAX_TRIAL_RUNS))
    starts = [round((i + 0.5) / runs * (count - run)) for i in range(runs)]
    targets = [workspace.scratch / f"trial-{i}.gif" for i in range(4)]
    finished = workspace.run(
        ffmpeg_args.cost_trial_args(
            plan,
            frames=workspace.frames,
            palette=workspace.palette,
            dither=dither,
            colours=max(MIN_PALETTE, round(full.colours * budget.TRIAL_COLOUR_FACTOR)),
            starts=starts,
            run=run,
            targets=targets,
        ),
        reads=[workspace.frames, workspace.palette],
        writes=targets,
        file_size=runs * run * plan.frame_bytes + FILE_SIZE_MARGIN_BYTES,
    )
    if finished.ended != "exit" or finished.code:
        raise classify_encoding_failure(finished)
    found = sorted((int(match[1]), float(match[2])) for line in finished.lines if (match := _SSIM.search(line)))
    losses = [1 - ssim for _, ssim in found] if len(found) == len(targets) else [0.0] * len(targets)
    costs = []
    for target, rate, loss in zip(targets, (1.0, 1.0, budget.TRIAL_RATE_FACTOR, 1.0), losses, strict=True):
        sizes = gif.frame_sizes(scratch.read(target, max_bytes=scratch.size(target)))
        whole = budget.estimate(sizes, run=max(1, round(run * rate)), frames=max(1, round(count * rate)))
        costs.append(Cost(bytes=whole, loss=loss))
    trial = Trial(full=costs[0], small=costs[1], small_slow=costs[2], small_plain=costs[3])
    return budget.model(trial, full, fixed_size=workspace.options.fit == "exact")


def _fit(workspace: Workspace, model: Model, *, count: int, dither: str) -> Settings:
    """Encode with the model's best settings, corrected after each GIF until one uses enough of the limit.

    Returns the settings of `draft`.
    """
    limit = workspace.limit
    sizes: dict[Settings, float] = {}
    kept, kept_size = None, 0.0
    for aim, enough in ATTEMPTS:
        settings = model.best(aim * limit) or model.smallest()
        if kept and kept_size >= enough * limit:
            break
        if settings in sizes:
            continue
        last = settings == model.smallest()
        size = sizes[settings] = encode_once(workspace, settings, count=count, dither=dither, to_end=last)
        if kept_size < size <= limit:
            kept, kept_size = settings, size
            workspace.draft.replace(workspace.kept)
        elif last:
            break
        model = model.calibrated(settings, size)
    if kept is None:
        smallest = min(sizes, key=sizes.__getitem__)
        knobs = f"{smallest.width}x{smallest.height}, {smallest.fps:.3g} frames a second and {smallest.colours} colours"
        message = f"The GIF cannot fit into {limit} bytes: the smallest, at {knobs}, has {sizes[smallest]:.0f} bytes."
        raise Rejected("TooLarge", message)
    workspace.kept.replace(workspace.draft)
    return kept


def _changes(full: Settings, made: Settings) -> list[str]:
    """What was given up, for the owner."""
    changes = []
    if (made.width, made.height) != (full.width, full.height):
        changes.append(f"{made.width}x{made.height} instead of {full.width}x{full.height}")
    if made.fps < full.fps:
        changes.append(f"{made.fps:.3g} frames a second instead of {full.fps:.3g}")
    if made.colours < full.colours:
        changes.append(f"{made.colours} colours instead of {full.colours}")
    return changes
