"""The plan of a chaos run, drawn from a seed: the same seed gives the same uploads and faults."""

import random
from dataclasses import dataclass, field
from typing import Literal, get_args

Kind = Literal[
    "429",
    "429 with Retry-After",
    "503",
    "connection dropped",
    "Functions host killed",
    "Batch killed",
    "node lost",
    "node preempted",
    "uploads failed",
    "job deleted",
    "job terminated",
    "job disabled",
]
KINDS: tuple[Kind, ...] = get_args(Kind)
MAX_FAILED_UPLOADS = 8
"""An attempt uploads four files, so these fail at most two of the three attempts that a video has."""
OPERATIONS = ("create_task", "delete_task", "list_tasks", "get_job", "create_job")
"""The Batch calls of events and timers."""


@dataclass(frozen=True, kw_only=True)
class Upload:
    """One version of one video: `width` distinguishes the versions, and 0 is a file that is not a video."""

    at: float
    video: str
    width: int


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One fault. The first four kinds affect `times` calls of `operation`, "uploads failed" that many uploads."""

    at: float
    kind: Kind
    operation: str
    times: int


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Uploads and faults, in order. Times are seconds after the start."""

    seed: int
    seconds: float
    uploads: list[Upload] = field(repr=False)
    faults: list[Fault] = field(repr=False)

    @property
    def newest(self) -> dict[str, int]:
        """Video -> width of its newest version."""
        return {upload.video: upload.width for upload in self.uploads}


def make_plan(*, seed: int, videos: int, seconds: float) -> Plan:
    """A plan with one fault every 2 s. A fifth of the videos has two versions, a tenth of these is not a video."""
    rng = random.Random(seed)  # noqa: S311
    uploads = []
    for number in range(videos):
        name = f"{rng.choice(['', 'cats/', 'größe ☃/'])}{number:04}.mp4"
        first = rng.uniform(0, seconds * 0.7)
        uploads.append(Upload(at=first, video=name, width=_width(rng)))
        if rng.random() < 0.2:
            uploads.append(Upload(at=rng.uniform(first, seconds), video=name, width=_width(rng)))
    # Every kind once, the rest at random; "uploads failed" only once, so that no video loses its last attempt.
    repeated = [kind for kind in KINDS if kind != "uploads failed"]
    kinds = [*KINDS, *rng.choices(repeated, k=max(0, int(seconds / 2) - len(KINDS)))]
    faults = [
        Fault(
            at=rng.uniform(0, seconds),
            kind=kind,
            operation=rng.choice(OPERATIONS),
            times=rng.randint(1, MAX_FAILED_UPLOADS if kind == "uploads failed" else 10),
        )
        for kind in kinds
    ]
    return Plan(
        seed=seed,
        seconds=seconds,
        uploads=sorted(uploads, key=lambda upload: upload.at),
        faults=sorted(faults, key=lambda fault: fault.at),
    )


def _width(rng: random.Random) -> int:
    return 0 if rng.random() < 0.1 else rng.randrange(32, 128, 8)
