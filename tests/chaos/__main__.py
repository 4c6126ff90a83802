"""Storms over the local stack, and a table of what came of them."""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from bench.table import show
from tests.chaos.plan import plan
from tests.chaos.storm import storm


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--videos", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=60, help="that a storm lasts")
    asked = parser.parse_args()
    rows = []
    bad: list[str] = []
    for seed in range(asked.first_seed, asked.first_seed + asked.seeds):
        with tempfile.TemporaryDirectory() as directory:
            after = asyncio.run(storm(plan(seed=seed, videos=asked.videos, seconds=asked.seconds), Path(directory)))
        bad += [f"seed {seed}: {what}" for what in (*after.lost, *after.doubled, *after.stale)]
        rows.append(
            {
                "seed": seed,
                "uploads": after.uploads,
                "videos": after.videos,
                "faults": after.faults.total(),
                "GIFs": after.gifs,
                "failed": ", ".join(f"{count} {code}" for code, count in after.failed.items()) or "0",
                "lost": len(after.lost),
                "doubled": len(after.doubled),
                "superseded left": len(after.stale),
                "tasks per video": after.attempts,
                "seconds to rest": after.seconds_to_rest,
            }
        )
        faults = ", ".join(f"{count} x {kind}" for kind, count in after.faults.items())
        came = f"{after.gifs} GIFs, {after.failed.total()} failed, {len(after.lost)} lost, {len(after.doubled)} doubled"
        print(f"seed {seed}: {came}; {faults}", flush=True)
    show("storms (20 % of events dropped, 20 % doubled)", rows)
    print(*bad, sep="\n")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
