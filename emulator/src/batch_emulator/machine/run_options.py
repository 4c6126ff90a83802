"""The `containerRunOptions` of a task: options of `docker create`, which podman has under the same names.

They are checked because everything after the last option is the image and its command, and because the emulator must
find the container again.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_WITH_VALUE = """
    add-host annotation attach blkio-weight blkio-weight-device cap-add cap-drop cgroup-parent cgroupns cpu-period
    cpu-quota cpu-rt-period cpu-rt-runtime cpu-shares cpus cpuset-cpus cpuset-mems device device-cgroup-rule
    device-read-bps device-read-iops device-write-bps device-write-iops dns dns-option dns-search entrypoint env
    env-file expose gpus group-add health-cmd health-interval health-retries health-start-period health-timeout
    hostname ip ip6 ipc label label-file log-driver log-opt mac-address memory memory-reservation memory-swap
    memory-swappiness mount net network network-alias oom-score-adj pid pids-limit platform publish security-opt
    shm-size stop-signal stop-timeout storage-opt sysctl tmpfs ulimit user userns uts volume volumes-from workdir
"""
_SWITCHES = """
    disable-content-trust init interactive no-healthcheck oom-kill-disable privileged publish-all read-only rm tty
"""
_HAS_VALUE = dict.fromkeys(_WITH_VALUE.split(), True) | dict.fromkeys(_SWITCHES.split(), False)
_SHORT = {"a": "attach", "c": "cpu-shares", "e": "env", "h": "hostname", "i": "interactive", "l": "label"}
_SHORT |= {"m": "memory", "p": "publish", "P": "publish-all", "t": "tty", "u": "user", "v": "volume", "w": "workdir"}
_RESERVED = ("name", "cidfile", "pull", "restart")


class RunOptionsError(ValueError):
    """Options that the emulator does not pass on."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"containerRunOptions: {reason}")


def parse(text: str) -> list[tuple[str, str | None]]:
    """Each option's long name and its value, None if it has none. Raises RunOptionsError."""
    if "\0" in text:
        raise RunOptionsError("a NUL character")
    try:
        words = iter(shlex.split(text))
    except ValueError as error:
        raise RunOptionsError(str(error)) from None
    found: list[tuple[str, str | None]] = []
    for word in words:
        if word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            found.append((_known(name), _value(name, value if equals else None, words)))
        elif word.startswith("-") and word != "-":
            found += _short(word[1:], words)
        else:
            raise RunOptionsError(f"{word!r} is not an option")
    return found


def _short(letters: str, words: Iterator[str]) -> Iterator[tuple[str, str | None]]:
    """The options of one word: switches, then at most one option whose value is the rest of it or the next word."""
    while letters:
        name, letters = _known(_SHORT.get(letters[0], letters[0])), letters[1:]
        if _HAS_VALUE[name] or letters.startswith("="):
            yield name, _value(name, letters.removeprefix("=") if letters else None, words)
            return
        yield name, None


def _known(name: str) -> str:
    if name in _RESERVED:
        raise RunOptionsError(f"--{name} is set by the emulator")
    if name not in _HAS_VALUE:
        raise RunOptionsError(f"{name!r} is not an option of docker create, or not supported")
    return name


def _value(name: str, given: str | None, words: Iterator[str]) -> str | None:
    if given is None and _HAS_VALUE[name]:
        given = next(words, None)
        if given is None:
            raise RunOptionsError(f"--{name} has no value")
    return given


def arguments(options: list[tuple[str, str | None]]) -> list[str]:
    """Podman's arguments for `options`."""
    found = []
    for name, value in options:
        if value is None:
            found.append(f"--{name}")
        else:
            found.append(f"--{name}={_existing(value) if name == 'volume' else value}")
    return found


def _existing(volume: str) -> str:
    """`volume`, or an empty one in its place if its directory does not exist: Docker would create the directory."""
    source, colon, rest = volume.partition(":")
    if colon and source.startswith("/") and not Path(source).exists():
        return rest.partition(":")[0]
    return volume
