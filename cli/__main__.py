"""Entry point of the command `gifdrop`."""

import os
import signal
from types import FrameType


def _exit_at_once(number: int, frame: FrameType | None) -> None:
    os.write(2, b"\nStopped.\n" if os.isatty(2) else b"Stopped.\n")
    os._exit(128 + number)


def main() -> None:
    """Run the command in `sys.argv` and exit."""
    # Imports take a second or more on a busy machine; Ctrl-C must not print where they are.
    signal.signal(signal.SIGINT, _exit_at_once)
    from cli.main import gifdrop  # noqa: PLC0415  # see above

    gifdrop(prog_name="gifdrop")


if __name__ == "__main__":
    main()
