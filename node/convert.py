"""Entry point on a Batch node: `python3 -I convert.py [flags] input.mp4`, with ffmpeg and the modules beside it."""

import sys
from pathlib import Path


def run() -> int:
    """Convert as the command line says; the exit code is 0 when the file was judged."""
    here = Path(__file__).resolve().parent
    sys.path.insert(0, str(here))  # `-I` leaves it out, and the modules are unpacked beside this file
    from node.main import main

    return main(sys.argv[1:], tools=here, work=Path.cwd())


if __name__ == "__main__":
    sys.exit(run())
