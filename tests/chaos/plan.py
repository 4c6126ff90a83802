"""What a storm will do, drawn from a seed before it begins: the same seed, the same uploads and faults."""

import random
from dataclasses import dataclass, field
from typing import Literal, get_args

Kind = Literal[
    "429",
    "429 with Retry-After",
    "503",
    "connection cut",
    "host killed",
    "batch killed",
    "node lost",
    "node preempted",
    "uploads failed",
    "job deleted",
    "job terminated",
    "job disabled",
]
KINDS: tuple[Kind, ...] = get_args(Kind)
MOST_FAILED_UPLOADS = 8
"""An attempt uploads four files, so this many spoil two attempts at most, of the three that a video has."""
OPERATIONS = ("create_task", "delete_task", "list_tasks", "get_job", "create_job")
"""What the app calls without being asked."""


@dataclass(frozen=True, kw_only=True)
class Upload:
    """One version of one video: `width` tells the versions apart, and 0 stands for a file that is no video."""

    at: float
    video: str
    width: int


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One piece of trouble. The first four kinds happen to `times` calls of `operation`, failed uploads to `times`."""

    at: float
    kind: Kind
    operation: str
    times: int


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Times are in seconds from the beginning."""

    seed: int
    seconds: float
    uploads: list[Upload] = field(repr=False)
    faults: list[Fault] = field(repr=False)

    @property
    def newest(self) -> dict[str, int]:
        """Video -> width of its last version."""
        return {upload.video: upload.width for upload in self.uploads}


def plan(*, seed: int, videos: int, seconds: float) -> Plan:
    """A storm over `videos` videos, a fifth of them uploaded again and a tenth no videos, with a fault every 2 s."""
    chance = random.Random(seed)  # noqa: S311
    uploads = []
    for number in range(videos):
        name = f"{chance.choice(['', 'cats/', 'größe ☃/'])}{number:04}.mp4"
        first = chance.uniform(0, seconds * 0.7)
        uploads.append(Upload(at=first, video=name, width=_width(chance)))
        if chance.random() < 0.2:
            uploads.append(Upload(at=chance.uniform(first, seconds), video=name, width=_width(chance)))
    # Every kind at least once, the rest by chance; uploads fail once only, or a video could lose its last attempt.
    often = [kind for kind in KINDS if kind != "uploads failed"]
    kinds = [*KINDS, *chance.choices(often, k=max(0, int(seconds / 2) - len(KINDS)))]
    faults = [
        Fault(
            at=chance.uniform(0, seconds),
            kind=kind,
            operation=chance.choice(OPERATIONS),
            times=chance.randint(1, MOST_FAILED_UPLOADS if kind == "uploads failed" else 10),
        )
        for kind in kinds
    ]
    return Plan(
        seed=seed,
        seconds=seconds,
        uploads=sorted(uploads, key=lambda upload: upload.at),
        faults=sorted(faults, key=lambda fault: fault.at),
    )


def _width(chance: random.Random) -> int:
    return 0 if chance.random() < 0.1 else chance.randrange(32, 128, 8)
