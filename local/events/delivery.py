"""Delivers one event, retrying until the endpoint accepts it or the retry policy ends."""

from __future__ import annotations

import asyncio
import logging
import random
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

import aiohttp

from local.events.retry import delivered, seconds_until_next
from local.events.schema import timestamp

if TYPE_CHECKING:
    from local.events.schema import Event
    from local.events.subscription import Subscription

logger = logging.getLogger("events.delivery")
_RESPONSE_SECONDS = 30.0
_REASONS = {
    400: "UndeliverableDueToHttpBadRequest",
    403: "UndeliverableDueToHttpForbidden",
    413: "UndeliverableDueToHttpRequestEntityTooLarge",
}


@dataclass(frozen=True, kw_only=True)
class Undelivered:
    """Why an event could not be delivered, as recorded in its dead letter."""

    reason: str
    attempts: int
    outcome: str
    status: int | None
    published: datetime
    last_attempt: datetime


async def deliver(
    event: Event, subscription: Subscription, *, session: aiohttp.ClientSession, time_scale: float = 1.0
) -> Undelivered | None:
    """Deliver one event; returns None on success. Delays between attempts are multiplied by `time_scale`."""
    published = datetime.now(UTC)
    attempt = 0
    while True:
        attempt += 1
        last_attempt = datetime.now(UTC)
        status, outcome = await _attempt(event, subscription, session=session, attempt=attempt)
        if status is not None and delivered(status):
            return None
        wait = seconds_until_next(
            status,
            attempt=attempt,
            age=(datetime.now(UTC) - published).total_seconds() / time_scale,
            policy=subscription.policy,
            jitter=random.random(),  # noqa: S311  # spreads retries
        )
        if wait is None:
            reason = _REASONS.get(status or 0) or (
                "MaxDeliveryAttemptsExceeded" if attempt >= subscription.policy.max_attempts else "TimeToLiveExceeded"
            )
            return Undelivered(
                reason=reason,
                attempts=attempt,
                outcome=outcome,
                status=status,
                published=published,
                last_attempt=last_attempt,
            )
        logger.warning(
            "%s: attempt %d failed with %s; retrying in %.0f s", event["subject"], attempt, outcome, wait * time_scale
        )
        await asyncio.sleep(wait * time_scale)


async def _attempt(
    event: Event, subscription: Subscription, *, session: aiohttp.ClientSession, attempt: int
) -> tuple[int | None, str]:
    """The status code (None without a response) and Event Grid's name for the outcome."""
    try:
        async with session.post(
            subscription.webhook,
            json=[event],
            headers=subscription.headers(event, attempt=attempt),
            timeout=aiohttp.ClientTimeout(total=_RESPONSE_SECONDS),
        ) as response:
            return response.status, _outcome(response.status)
    except TimeoutError:
        return None, "TimedOut"
    except aiohttp.ClientError:
        return None, "NotFound"


def _outcome(status: int) -> str:
    try:
        return HTTPStatus(status).phrase.title().replace(" ", "")
    except ValueError:
        return str(status)


def dead_letter(event: Event, undelivered: Undelivered) -> Event:
    """The dead letter of an undelivered event."""
    return {
        **event,
        "deadLetterReason": undelivered.reason,
        "deliveryAttempts": undelivered.attempts,
        "lastDeliveryOutcome": undelivered.outcome,
        "lastHttpStatusCode": undelivered.status,
        "publishTime": timestamp(undelivered.published),
        "lastDeliveryAttemptTime": timestamp(undelivered.last_attempt),
    }
