"""Limits how often something may be done in this process."""

import time
from collections import deque
from collections.abc import Callable


class RateLimit:
    """At most `count` times within any `seconds`."""

    def __init__(self, *, count: int, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._count = count
        self._seconds = seconds
        self._clock = clock
        self._taken: deque[float] = deque()

    def take(self) -> float:
        """0.0 if it may be done now, which then counts; otherwise the seconds until it may."""
        now = self._clock()
        while self._taken and now - self._taken[0] >= self._seconds:
            self._taken.popleft()
        if len(self._taken) == self._count:
            return self._seconds - (now - self._taken[0])
        self._taken.append(now)
        return 0.0
