"""The plan of a pool storm, drawn from a seed: every kind of fault that a pool can have, and videos meanwhile."""

import random
from dataclasses import dataclass, field
from typing import Literal, get_args

from tests.chaos.plan import Upload

PoolKind = Literal[
    "some start tasks fail",
    "all start tasks fail",
    "node unusable",
    "all nodes unusable",
    "node offline",
    "node lost",
    "node preempted",
    "quota gone",
    "resize never ends",
]
POOL_KINDS: tuple[PoolKind, ...] = get_args(PoolKind)
LONG_KINDS: tuple[PoolKind, ...] = ("all start tasks fail",)
"""Those that last until the app has had time to notice that nothing helps."""
Remedy = Literal["reboot", "reimage", "remove"]
REMEDIES: tuple[Remedy, ...] = get_args(Remedy)


@dataclass(frozen=True, kw_only=True)
class PoolFault:
    """One fault. Which of the other fields matter depends on its kind.

    seconds: How long it lasts. remedy: What helps a node that cannot be used. count: Start tasks that fail.
    """

    at: float
    kind: PoolKind
    seconds: float
    remedy: Remedy
    count: int


@dataclass(frozen=True, kw_only=True)
class PoolPlan:
    """Uploads and faults, in order. Times are seconds after the start."""

    seed: int
    seconds: float
    uploads: list[Upload] = field(repr=False)
    faults: list[PoolFault] = field(repr=False)


def make_pool_plan(*, seed: int, videos: int, seconds: float) -> PoolPlan:
    """A plan with every kind of fault once, and some of them twice."""
    rng = random.Random(seed)  # noqa: S311
    uploads = [
        Upload(at=rng.uniform(0, seconds), video=f"{number:04}.mp4", width=rng.randrange(32, 128, 8))
        for number in range(videos)
    ]
    faults = [
        PoolFault(
            at=rng.uniform(0, seconds),
            kind=kind,
            seconds=round(rng.uniform(*((40, 60) if kind in LONG_KINDS else (5, 25))), 1),
            remedy=rng.choice(REMEDIES),
            count=rng.randint(1, 2),
        )
        for kind in (*POOL_KINDS, *rng.sample(POOL_KINDS, k=3))
    ]
    return PoolPlan(
        seed=seed,
        seconds=seconds,
        uploads=sorted(uploads, key=lambda upload: upload.at),
        faults=sorted(faults, key=lambda fault: fault.at),
    )
