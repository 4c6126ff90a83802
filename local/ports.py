"""Ports on loopback for servers that may have to come back on the same one."""

from __future__ import annotations

import random
import socket

# Below the range from which systems take the local ports of outgoing connections, so nothing else drifts in.
_RANGE = range(20000, 30000)


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_ports(count: int) -> list[int]:
    """That many different ports nobody listens on now; raises OSError when there are not so many."""
    found: list[int] = []
    for port in random.sample(_RANGE, len(_RANGE)):
        if len(found) == count:
            return found
        if is_free(port):
            found.append(port)
    raise OSError("no free port on 127.0.0.1 from 20000 to 29999")
