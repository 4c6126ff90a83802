"""The faults in force: which requests they apply to, how often and until when."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from batch_emulator import clock
from batch_emulator.entity import Doc, Entity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aiohttp import web

    from batch_emulator.store import Store

# aiohttp has no event for the end of a client's connection.
_DISCONNECT_POLL_SECONDS = 0.05


@dataclass(slots=True, eq=False)
class Fault(Entity):
    """One fault: `doc` is what the control endpoint lists, with `until` if it is in force for a time."""

    name: str
    lifted: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def id(self) -> str:
        return self.name

    @property
    def is_stored(self) -> bool:
        """Whether it survives a restart: a fault that ends only by its count does not."""
        return "until" in self.doc or self.doc["times"] < 0

    @property
    def seconds_left(self) -> float | None:
        """How long it stays in force; None if no time was given."""
        if "until" not in self.doc:
            return None
        return max(0.0, clock.seconds_until(self.doc["until"]))

    def matches(self, operation: str, request: web.Request) -> bool:
        """Whether it applies to a request to `operation`."""
        doc = self.doc
        return (
            doc.get("operation", "*") in (operation, "*")
            and doc.get("method", request.method).upper() == request.method
            and fnmatchcase(request.path, doc.get("path", "*"))
        )

    @property
    def is_over(self) -> bool:
        """Whether it has been lifted or its time has passed."""
        return self.lifted.is_set() or self.seconds_left == 0

    async def wait(self, request: web.Request, seconds: float | None = None, *, while_connected: bool = True) -> bool:
        """Wait `seconds`, at most until it is over or the client disconnects; returns whether the client is there."""
        loop = asyncio.get_running_loop()
        left = [each for each in (seconds, self.seconds_left) if each is not None]
        deadline = loop.time() + min(left, default=float("inf"))
        while not self.lifted.is_set() and (rest := deadline - loop.time()) > 0:
            if while_connected and not is_connected(request):
                return False
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.lifted.wait(), min(rest, _DISCONNECT_POLL_SECONDS))
        return is_connected(request)


def is_connected(request: web.Request) -> bool:
    """Whether the client can still get a response."""
    return request.transport is not None and not request.transport.is_closing()


@dataclass(slots=True)
class Faults:
    """All faults in force, in the order in which they were given, and the requests that wait because of one."""

    pending: list[Fault] = field(default_factory=list)
    waiting: dict[asyncio.Task[Any], Fault] = field(default_factory=dict)
    store: Store | None = None
    requests: Counter[str] = field(default_factory=Counter)
    """Operation -> requests since the start."""

    def restore(self, store: Store, *, url: str) -> None:
        """Store faults in `store` from now on, and load those that an earlier run left there."""
        self.store = store
        for row in list(store.rows("fault", url=url)):
            name = row.doc.get("name", row.key)
            self.pending.append(Fault(row.doc, name, on_change=self._save, seq=row.seq))
        self._expire()

    def add(self, doc: Doc) -> None:
        """Put a fault into force. It replaces the one with the same name."""
        name = doc.get("name", f"fault-{uuid.uuid4()}")
        if "seconds" in doc:
            doc["until"] = clock.timestamp(datetime.now(UTC) + timedelta(seconds=doc["seconds"]))
        doc.setdefault("times", -1 if "seconds" in doc else 1)
        self.lift(name)
        # Restored faults are older, whatever the account has created since.
        seq = 1 + max((fault.seq for fault in self.pending), default=0)
        fault = Fault(doc, name, on_change=self._save, seq=seq)
        self.pending.append(fault)
        fault.save()

    def take(self, operation: str, request: web.Request) -> Fault | None:
        """The fault to inject into this request, if any; counts down its `times`."""
        self._expire()
        for fault in self.pending:
            if fault.matches(operation, request):
                if fault.doc["times"] > 0:
                    self._count_down(fault)
                return fault
        return None

    def _count_down(self, fault: Fault) -> None:
        fault.doc["times"] -= 1
        if fault.doc["times"] == 0:
            self._remove(fault)
        else:
            fault.save()
        if self.store is not None:
            self.store.flush()  # the request may be refused, which writes nothing

    def lift(self, name: str | None = None) -> None:
        """Lift the faults with this name, by default all; requests that wait because of them continue."""
        for fault in {*self.pending, *self.waiting.values()}:
            if name is None or fault.key == name.lower():
                fault.lifted.set()
        for fault in list(self.pending):
            if fault.lifted.is_set():
                self._remove(fault)

    def listed(self) -> list[Doc]:
        """The documents of the faults in force."""
        self._expire()
        return [fault.doc for fault in self.pending]

    @contextlib.contextmanager
    def waiting_for(self, fault: Fault) -> Iterator[None]:
        """Count the current request among those that wait because of `fault`, during a `with` block."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101
        self.waiting[task] = fault
        try:
            yield
        finally:
            del self.waiting[task]

    async def stop(self, _app: web.Application) -> None:
        """End the requests that wait, without a response: called when the server shuts down."""
        for task in list(self.waiting):
            task.cancel()

    def _expire(self) -> None:
        for fault in list(self.pending):
            if fault.is_over:
                self._remove(fault)

    def _remove(self, fault: Fault) -> None:
        self.pending.remove(fault)
        if self.store is not None:
            self.store.remove("fault", fault.key)

    def _save(self, fault: Entity) -> None:
        assert isinstance(fault, Fault)  # noqa: S101
        if self.store is not None and fault.is_stored:
            self.store.save("fault", fault.key, fault)
