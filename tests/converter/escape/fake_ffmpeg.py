"""An ffmpeg under an attacker's control: `python fake_ffmpeg.py NAME VICTIM <ffmpeg's arguments>`.

It describes a small video, decodes it to noise, and, in place of encoding, tries what NAME says; refused or not, it
then writes a GIF unless it has left something else in its place. VICTIM is another task's GIF. Standard library only.
"""

import contextlib
import ctypes
import os
import signal
import stat
import sys
import time
from pathlib import Path

GIF = (
    b"GIF89a\x02\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff"
    b"\x21\xf9\x04\x00\x07\x00\x00\x00"
    b"\x2c\x00\x00\x00\x00\x02\x00\x01\x00\x00\x02\x02\x44\x0a\x00\x3b"
)
DESCRIPTION = """ffmpeg version fake
Input #0, mov,mp4,m4a,3gp,3g2,mj2, from 'input.mp4':
  Duration: 00:00:01.00, start: 0.000000, bitrate: 1 kb/s
  Stream #0:0: Video: h264 (High), yuv420p, 16x16, 10 fps, 10 tbr
"""
FRAME_BYTES = 16 * 16 * 3
PROGRESS_NAMES = 1_500_000

libc = ctypes.CDLL(None, use_errno=True)


def link(draft: Path, victim: Path) -> None:
    draft.unlink(missing_ok=True)
    draft.symlink_to(victim)


def link_to_zeros(draft: Path, _: Path) -> None:
    draft.unlink(missing_ok=True)
    draft.symlink_to("/dev/zero")


def hard_link(draft: Path, victim: Path) -> None:
    draft.unlink(missing_ok=True)
    draft.hardlink_to(victim)


def fifo(draft: Path, _: Path) -> None:
    draft.unlink(missing_ok=True)
    os.mkfifo(draft)


def device(draft: Path, _: Path) -> None:
    draft.unlink(missing_ok=True)
    os.mknod(draft, stat.S_IFCHR | 0o600, os.makedev(1, 5))


def folder(draft: Path, _: Path) -> None:
    draft.unlink(missing_ok=True)
    draft.mkdir()


def garbage(draft: Path, _: Path) -> None:
    draft.write_bytes(b"no GIF")


def survivor(_: Path, __: Path) -> None:
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.closerange(0, 3)
            time.sleep(600)
        os._exit(0)


def shared_memory(_: Path, __: Path) -> None:
    if libc.shmget(0, ctypes.c_size_t(300 * 2**20), 0o1600) < 0:
        raise OSError(ctypes.get_errno(), "refused")


def stop_converter(_: Path, __: Path) -> None:
    os.kill(os.getppid(), signal.SIGSTOP)


def progress_names(_: Path, __: Path) -> None:
    for number in range(PROGRESS_NAMES):
        sys.stdout.write(f"name{number}={number}\n")
    sys.stdout.flush()


def progress_numbers(_: Path, __: Path) -> None:
    for value in ("9" * 400, "²", "-1", "nan", ""):
        sys.stdout.write(f"out_time_us={value}\nprogress=continue\n")
        sys.stdout.flush()
        time.sleep(0.6)


def main(name: str, victim: Path, arguments: list[str]) -> None:
    """Behave as ffmpeg with these arguments."""
    outputs = [Path(one.removeprefix("file:")) for one in arguments if one.startswith("file:")]
    if "-lavfi" not in arguments:
        sys.stderr.write(DESCRIPTION)
    elif outputs[-1].name == "palette.rgba":
        outputs[-2].write_bytes(bytes(10 * FRAME_BYTES))
        outputs[-1].write_bytes(bytes(1024))
    else:
        draft = outputs[-1]
        with contextlib.suppress(OSError):
            globals()[name](draft, victim)
        if not os.path.lexists(draft) or (draft.is_file() and draft.stat().st_size == 0):
            draft.write_bytes(GIF)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])
