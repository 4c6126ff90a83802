"""Free loopback ports that stay usable when a server restarts."""

from __future__ import annotations

import random
import socket

# Below the ephemeral range, so no outgoing connection takes a port while its server restarts.
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
    """`count` different ports that are free now; raises OSError if there are not enough."""
    found: list[int] = []
    for port in random.sample(_RANGE, len(_RANGE)):
        if len(found) == count:
            return found
        if is_free(port):
            found.append(port)
    raise OSError("no free port on 127.0.0.1 from 20000 to 29999")
