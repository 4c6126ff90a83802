"""Sandboxes ffmpeg: it opens only the files it is given (Landlock) and cannot leave its own process (seccomp).

Both need no privileges, are irreversible and survive exec.
"""

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, Literal

from converter.sandbox import kernel, landlock, seccomp

MODE_VARIABLE: Final = "GIFDROP_SANDBOX"
Part = Literal["landlock", "seccomp"]


def required() -> bool:
    """Whether ffmpeg must not run without the whole sandbox: unless GIFDROP_SANDBOX is `optional`.

    Raises ValueError for any other value than `required` and `optional`.
    """
    mode = os.environ.get(MODE_VARIABLE) or "required"
    if mode not in ("required", "optional"):
        raise ValueError(f"{MODE_VARIABLE} must be required or optional, not {mode[:40]!r}")
    return mode == "required"


def enter(
    *, executable: Path, reads: Sequence[Path], writes: Sequence[Path], set_limits: Callable[[], None], required: bool
) -> list[Part]:
    """Confine this process and return the parts that were entered.

    It may execute `executable`, read `reads`, and write the existing files `writes`. `set_limits` is called at the only
    moment that suits it: after the files are opened, which the limit on open files could prevent, and before the
    filter, which refuses to change limits. If the sandbox is `required`, raises OSError for a part that the kernel
    lacks or refuses.
    """
    tolerated = () if required else (OSError,)
    entered: list[Part] = []
    with suppress(*tolerated):
        kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    with suppress(*tolerated):
        landlock.restrict(executable=executable, reads=reads, writes=writes)
        entered.append("landlock")
    set_limits()
    with suppress(*tolerated):
        seccomp.restrict()
        entered.append("seccomp")
    return entered
