"""Runs the stack with random faults, once for each seed, and prints a table; or one of the other scenarios."""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from bench.table import show
from shared.services.storage.record_format import SCHEMA
from tests.chaos import silence
from tests.chaos.plan import make_plan
from tests.chaos.pool_plan import make_pool_plan
from tests.chaos.pool_storm import run_storm
from tests.chaos.run import run
from tests.support.rollback import roll_back


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seeds", type=int, default=10, help="number of runs; default 10")
    parser.add_argument("--first-seed", type=int, default=1, help="default 1")
    parser.add_argument("--videos", type=int, default=200, help="videos in a run; default 200")
    parser.add_argument("--seconds", type=float, default=60, help="duration of uploads and faults; default 60")
    parser.add_argument("--drop", type=float, default=0.2, help="fraction of the events that is lost; default 0.2")
    parser.add_argument(
        "--silence",
        type=float,
        metavar="SECONDS",
        help="instead: silence one of two Batch accounts for so long, and print what users would notice",
    )
    parser.add_argument(
        "--rollback",
        type=int,
        metavar="VIDEOS",
        help="instead: replace the app by a newer version and back while so many videos are converted",
    )
    parser.add_argument(
        "--pool",
        action="store_true",
        help="instead: break the pool in every way, once for each seed (30 videos and 90 s do)",
    )
    options = parser.parse_args()
    if options.pool:
        return _break_pool(range(options.first_seed, options.first_seed + options.seeds), options)
    if options.silence is not None:
        return _play_silence(options.silence)
    if options.rollback is not None:
        return _roll_back(options.rollback)
    rows = []
    violations: list[str] = []
    for seed in range(options.first_seed, options.first_seed + options.seeds):
        plan = make_plan(seed=seed, videos=options.videos, seconds=options.seconds)
        with tempfile.TemporaryDirectory() as directory:
            result = asyncio.run(run(plan, Path(directory), drop=options.drop))
        for kind, names in (
            ("lost", result.lost),
            ("duplicated", result.duplicated),
            ("outdated", result.outdated),
            ("miscounted", [result.miscounted] if result.miscounted else []),
        ):
            violations += [f"seed {seed}: {kind}: {name}" for name in names]
        rows.append(
            {
                "seed": seed,
                "uploads": result.uploads,
                "videos": result.videos,
                "faults": result.faults.total(),
                "GIFs": result.gifs,
                "failed": ", ".join(f"{count} {code}" for code, count in result.failed.items()) or "0",
                "lost": len(result.lost),
                "duplicated": len(result.duplicated),
                "outdated": len(result.outdated),
                "attempts per video": result.attempts_per_video,
                "seconds to rest": result.seconds_to_rest,
            }
        )
        faults = ", ".join(f"{count} x {kind}" for kind, count in result.faults.items())
        counts = f"{result.gifs} GIFs, {result.failed.total()} failed, {len(result.lost)} lost"
        print(f"seed {seed}: {counts}, {len(result.duplicated)} duplicated; {faults}", flush=True)
    show(f"chaos runs ({options.drop:.0%} of events dropped, 20 % of the others duplicated)", rows)
    print(*violations, sep="\n")
    return 1 if violations else 0


def _break_pool(seeds: range, options: argparse.Namespace) -> int:
    rows, violations = [], []
    for seed in seeds:
        plan = make_pool_plan(seed=seed, videos=options.videos, seconds=options.seconds)
        with tempfile.TemporaryDirectory() as directory:
            result = asyncio.run(run_storm(plan, Path(directory)))
        for kind, names in (
            ("lost", result.lost),
            ("duplicated", result.duplicated),
            ("outdated", result.outdated),
            ("left", result.left),
        ):
            violations += [f"seed {seed}: {kind}: {name}" for name in names]
        rows.append(
            {
                "seed": seed,
                "videos": result.videos,
                "GIFs": result.gifs,
                "faults": result.faults.total(),
                "lost": len(result.lost),
                "repairs": ", ".join(f"{count} {step}" for step, count in sorted(result.repairs.items())) or "0",
                "refused": result.refused,
                "holds": result.held,
                "evaluations asked for": result.requests,
                "node seconds": sum(result.nodes),
                "attempts per video": result.attempts_per_video,
                "seconds to rest": result.seconds_to_rest,
            }
        )
        faults = ", ".join(f"{count} x {kind}" for kind, count in result.faults.items())
        print(f"seed {seed}: {result.gifs} of {result.videos} GIFs, {len(result.lost)} lost; {faults}", flush=True)
    show("pool storms", rows)
    print(*violations, sep="\n")
    return 1 if violations else 0


def _play_silence(seconds: float) -> int:
    with tempfile.TemporaryDirectory() as directory:
        result = asyncio.run(silence.play(Path(directory), seconds=seconds))
    print(f"a Batch account silent for {seconds:g} s", silence.report(result), sep="\n")
    return 1 if result.lost or result.duplicated else 0


def _roll_back(videos: int) -> int:
    failed = False
    for title, schema in (("a field more", None), ("a newer schema", SCHEMA + 1)):
        with tempfile.TemporaryDirectory() as directory:
            result = asyncio.run(roll_back(Path(directory), videos=videos, schema=schema))
        print(f"rollback of a version with {title}: {result}", flush=True)
        failed |= bool(result.not_converted or result.run_again or result.unreadable)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
