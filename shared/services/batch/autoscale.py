"""The pool's autoscale formula: evaluating a text, and putting one into force now, at most so often."""

from __future__ import annotations

import re
import time
from datetime import timedelta
from typing import TYPE_CHECKING

from azure.batch.models import BatchPoolEnableAutoScaleOptions, BatchPoolEvaluateAutoScaleOptions

from shared.services.azure_errors import azure_errors
from shared.services.batch.pool import NodeCounts
from shared.services.errors import ServiceError

if TYPE_CHECKING:
    from shared.services.batch.accounts import Accounts
    from shared.settings import Settings

INTERVALS = (timedelta(minutes=5), timedelta(minutes=5, seconds=1))
"""The shortest that Batch accepts, and another: only a new interval starts a new evaluation schedule.

https://learn.microsoft.com/javascript/api/@azure-rest/batch/batchpoolenableautoscaleoptions
"""
MIN_SECONDS_BETWEEN_REQUESTS = 35.0
"""Batch accepts one in 30 s for a pool: https://learn.microsoft.com/rest/api/batchservice/pool/enableautoscale"""
PAUSE_AFTER_REFUSAL_SECONDS = 600.0
"""Seconds without a request after Batch has refused one for lack of a role, or for a reason that stays."""
REFUSED_FOR_NOW = {"AutoScaleTooManyRequestsToEnable", "PoolBeingResized"}
"""Codes of a request that may succeed soon: another instance was quicker, or the pool is being resized."""
_TARGET = re.compile(r"\$Target(Dedicated|LowPriority)(?:Compute)?Nodes=(\d+)")


class Autoscale:
    """Automatic scaling of the pool of gifdrop in each account."""

    def __init__(self, accounts: Accounts, settings: Settings) -> None:
        self._accounts = accounts
        self._pool_id = settings.pool_id
        self._next: dict[str, float] = {}
        """Account -> from when on this process may send a request, on the monotonic clock."""

    def reserve(self, url: str) -> bool:
        """Whether a request may be sent now; the next one may be after `MIN_SECONDS_BETWEEN_REQUESTS`."""
        now = time.monotonic()
        if now < self._next.get(url, now):
            return False
        self._next[url] = now + MIN_SECONDS_BETWEEN_REQUESTS
        return True

    async def evaluate(self, url: str, text: str) -> NodeCounts:
        """The targets that a formula gives now. Nothing is changed. Raises `ServiceError`."""
        options = BatchPoolEvaluateAutoScaleOptions(auto_scale_formula=text)
        with azure_errors():
            run = await self._accounts.client(url).evaluate_pool_auto_scale(self._pool_id, options)
        if run.error:
            raise ServiceError(run.error.message or "the formula fails", code=run.error.code or "")
        targets = {name: int(count) for name, count in _TARGET.findall(run.results or "")}
        return NodeCounts(dedicated=targets.get("Dedicated", 0), low_priority=targets.get("LowPriority", 0))

    async def enable(self, url: str, text: str, *, interval: timedelta) -> bool:
        """Put a formula into force and have it evaluated now, instead of on the present schedule of `interval`.

        False if Batch accepts none at the moment. Raises `ServiceError`.
        """
        new = INTERVALS[1] if interval == INTERVALS[0] else INTERVALS[0]
        options = BatchPoolEnableAutoScaleOptions(auto_scale_formula=text, auto_scale_evaluation_interval=new)
        try:
            with azure_errors():
                await self._accounts.client(url).enable_pool_auto_scale(self._pool_id, options)
        except ServiceError as error:
            if error.code in REFUSED_FOR_NOW:
                return False
            if error.refused:
                self._next[url] = time.monotonic() + PAUSE_AFTER_REFUSAL_SECONDS
            raise
        return True
