"""The plan of a chaos run, drawn from a seed: the same seed gives the same uploads and faults."""

import random
from dataclasses import dataclass, field
from typing import Literal, get_args

CallKind = Literal[
    "429",
    "429 with Retry-After",
    "503",
    "connection dropped",
    "Batch silent",
    "Batch slow",
    "Batch late",
    "Batch response lost half-way",
    "Batch works late",
    "account refuses",
]
"""Faults of calls to Batch, injected by the emulator."""
StorageKind = Literal["storage busy", "storage silent", "storage late", "storage response lost half-way"]
"""Faults of the app's requests to storage, injected by the fault proxy."""
PauseKind = Literal["storage paused", "identity paused", "Batch paused", "Functions host paused", "event sender paused"]
"""A service hangs."""
OtherKind = Literal[
    "Functions host killed",
    "Batch killed",
    "newer app beside",
    "app replaced and rolled back",
    "node lost",
    "node preempted",
    "uploads failed",
    "job deleted",
    "job kept in deleting",
    "job terminated",
    "job disabled",
]
Kind = CallKind | StorageKind | PauseKind | OtherKind
CALL_KINDS: tuple[CallKind, ...] = get_args(CallKind)
STORAGE_KINDS: tuple[StorageKind, ...] = get_args(StorageKind)
PAUSE_KINDS: tuple[PauseKind, ...] = get_args(PauseKind)
KINDS: tuple[Kind, ...] = (*CALL_KINDS, *STORAGE_KINDS, *PAUSE_KINDS, *get_args(OtherKind))
ONCE: tuple[Kind, ...] = ("uploads failed", "newer app beside", "app replaced and rolled back")
"""Failed uploads only once, so that no video loses its last attempt; the others last long."""
MAX_FAILED_UPLOADS = 8
"""An attempt uploads four files, so these fail at most two of the three attempts that a video has."""
MAX_SECONDS = 8.0
"""Of a fault that lasts for some time, at most."""
OPERATIONS = ("create_task", "delete_task", "list_tasks", "get_job", "create_job", "list_jobs", "get_pool", "get_task")
"""The Batch calls of events, timers and requests."""


@dataclass(frozen=True, kw_only=True)
class Upload:
    """One version of one video: `width` distinguishes the versions, and 0 is a file that is not a video."""

    at: float
    video: str
    width: int


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One fault. Which of the other fields matter depends on its kind.

    operation: The Batch call that a `CallKind` affects.
    times: Calls, requests or uploads that it affects.
    seconds: How long it lasts, for those that do.
    """

    at: float
    kind: Kind
    operation: str
    times: int
    seconds: float


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
    """A plan with every kind of fault, and one fault every 2 s if that is more.

    A fifth of the videos has two versions, a tenth of these is not a video.
    """
    rng = random.Random(seed)  # noqa: S311
    uploads = []
    for number in range(videos):
        name = f"{rng.choice(['', 'cats/', 'größe ☃/'])}{number:04}.mp4"
        first = rng.uniform(0, seconds * 0.7)
        uploads.append(Upload(at=first, video=name, width=_width(rng)))
        if rng.random() < 0.2:
            uploads.append(Upload(at=rng.uniform(first, seconds), video=name, width=_width(rng)))
    repeated = [kind for kind in KINDS if kind not in ONCE]
    kinds = [*KINDS, *rng.choices(repeated, k=max(0, int(seconds / 2) - len(KINDS)))]
    faults = [
        Fault(
            at=rng.uniform(0, seconds),
            kind=kind,
            operation=rng.choice(OPERATIONS),
            times=rng.randint(1, MAX_FAILED_UPLOADS if kind == "uploads failed" else 10),
            seconds=round(rng.uniform(1, min(MAX_SECONDS, seconds / 4)), 1),
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
