"""The `containerRunOptions` of a task: options of `docker create`, which podman has under the same names.

They are checked because everything after the last option is the image and its command, and because the emulator must
find the container again.
"""

from __future__ import annotations

import shlex

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
_OPTIONS = dict.fromkeys(_WITH_VALUE.split(), True) | dict.fromkeys(_SWITCHES.split(), False)
"""Whether an option has a value."""
_RESERVED = ("name", "cidfile", "pull", "restart")
_SHORT_WITH_VALUE = "acehlmpuvw"
_SHORT_SWITCHES = "iPt"


class RunOptionsError(ValueError):
    """Options that the emulator does not pass on."""


def parse(text: str) -> list[str]:
    """The options as separate arguments. Raises RunOptionsError."""
    if "\0" in text:
        raise RunOptionsError("containerRunOptions contain a NUL character")
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise RunOptionsError(f"containerRunOptions cannot be split into words: {error}") from None
    rest = iter(words)
    for word in rest:
        if _takes_next_word(word) and next(rest, None) is None:
            raise RunOptionsError(f"containerRunOptions: {word} has no value")
    return words


def _takes_next_word(word: str) -> bool:
    """Whether the value of the option `word` is the next word. Raises RunOptionsError unless it is permitted."""
    if word.startswith("--"):
        name, equals, _ = word[2:].partition("=")
        if name in _RESERVED:
            raise RunOptionsError(f"containerRunOptions: --{name} is set by the emulator")
        if name in _OPTIONS:
            return _OPTIONS[name] and not equals
    elif len(word) > 1 and word.startswith("-"):
        switches = word[1:].lstrip(_SHORT_SWITCHES)
        if not switches or switches.startswith("="):
            return False
        if switches[0] in _SHORT_WITH_VALUE:
            return len(switches) == 1
    else:
        raise RunOptionsError(f"containerRunOptions: {word!r} is not an option")
    raise RunOptionsError(f"containerRunOptions: {word} is not an option of docker create, or not supported")
