"""Free loopback ports that stay usable when a server restarts."""

from __future__ import annotations

import random
import socket
from contextlib import suppress
from typing import TYPE_CHECKING

import psutil

from local.orphans import STACK_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

# Below the ephemeral range, so no outgoing connection takes a port while its server restarts.
_RANGE = range(20000, 30000)


class PortInUseError(Exception):
    """Another process listens on the port of a service; `holder` describes it, if it is known."""

    def __init__(self, service: str, port: int, holder: str | None) -> None:
        super().__init__(f"port {port} of the service {service} is in use by {holder or 'another process'}")
        self.service = service
        self.port = port
        self.holder = holder


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


def check_free(ports: Mapping[str, int], *, own: Collection[int] = ()) -> None:
    """Raise PortInUseError if a process outside `own` listens on a port in `ports`, service -> port."""
    for service, port in ports.items():
        if port and not is_free(port):
            process = _listener(port)
            if process is None or process.pid not in own:
                raise PortInUseError(service, port, _description(process))


def _listener(port: int) -> psutil.Process | None:
    """The process that listens on a loopback port; None if it belongs to another user."""
    with suppress(psutil.Error, OSError):
        for connection in psutil.net_connections("tcp4"):
            if (
                connection.status == psutil.CONN_LISTEN
                and connection.laddr
                and connection.laddr.port == port
                and connection.pid
            ):
                return psutil.Process(connection.pid)
    return None


def _description(process: psutil.Process | None) -> str | None:
    if process is None:
        return None
    with suppress(psutil.Error):
        if directory := process.environ().get(STACK_VARIABLE):
            return f"the stack in {directory}"
    with suppress(psutil.Error):
        return f"process {process.pid} ({process.name()})"
    return f"process {process.pid}"
