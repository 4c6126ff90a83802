"""Entry point on a Batch node: `python3 -I convert.py [flags] input.mp4`, beside ffmpeg and the `converter` folder."""

import sys
from pathlib import Path


def run() -> int:
    """Convert as the command line says; returns 0 when `result.json` holds a verdict."""
    here = Path(__file__).resolve().parent
    sys.path.insert(0, str(here))  # `-I` leaves out the script's own folder
    from converter.main import main  # noqa: PLC0415  # importable only now

    return main(sys.argv[1:], tools=here, work=Path.cwd())


if __name__ == "__main__":
    sys.exit(run())
