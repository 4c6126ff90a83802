"""An event subscription and its validation handshake."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import aiohttp

from local.events.retry import Policy
from local.events.schema import COMPLETING_APIS, CREATED, validation_event

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.events.schema import Event

_RESPONSE_SECONDS = 30.0
_CONNECT_SECONDS = 60.0
_RETRY_SECONDS = 0.05


class HandshakeError(Exception):
    """The webhook did not pass the validation handshake."""


@dataclass(frozen=True, kw_only=True)
class Subscription:
    """Delivers events of `event_types` whose subject starts with `subject_begins_with` to `webhook`.

    apis: The values of `data.api` that an event of a created blob may have.
    """

    webhook: str = field(repr=False)
    name: str = "on-video-uploaded"
    subject_begins_with: str = ""
    event_types: frozenset[str] = frozenset({CREATED})
    apis: frozenset[str] = COMPLETING_APIS
    policy: Policy = field(default_factory=Policy)

    def accepts(self, event: Event) -> bool:
        """Whether an event is delivered."""
        kind = event["eventType"]
        return self.matches(event_type=kind, subject=event["subject"]) and (
            kind != CREATED or event["data"]["api"] in self.apis
        )

    def matches(self, *, event_type: str, subject: str) -> bool:
        # Event Grid ignores case by default.
        return event_type in self.event_types and subject.lower().startswith(self.subject_begins_with.lower())

    def headers(self, event: Event, *, kind: str = "Notification", attempt: int = 1) -> Mapping[str, str]:
        return {
            "Content-Type": "application/json; charset=utf-8",
            "aeg-event-type": kind,
            "aeg-subscription-name": self.name.upper(),
            "aeg-delivery-count": str(attempt - 1),
            "aeg-data-version": event["dataVersion"],
            "aeg-metadata-version": event["metadataVersion"],
        }


async def validate(subscription: Subscription, *, topic: str, session: aiohttp.ClientSession) -> None:
    """Perform the validation handshake, waiting for the webhook to accept connections; raises HandshakeError."""
    code = secrets.token_hex(16)
    event = validation_event(topic=topic, code=code)
    headers = subscription.headers(event, kind="SubscriptionValidation")
    deadline = asyncio.get_running_loop().time() + _CONNECT_SECONDS
    while True:
        try:
            async with session.post(
                subscription.webhook,
                json=[event],
                headers=headers,
                timeout=aiohttp.ClientTimeout(total=_RESPONSE_SECONDS),
            ) as response:
                if response.status != 200:
                    raise HandshakeError(f"the webhook returned {response.status} to the validation event")
                body = await response.json(content_type=None)
        except (aiohttp.ClientConnectionError, TimeoutError) as error:
            if asyncio.get_running_loop().time() > deadline:
                raise HandshakeError(f"the webhook is unreachable: {error}") from error
            await asyncio.sleep(_RETRY_SECONDS)
        except ValueError as error:
            raise HandshakeError("the webhook's response to the validation event is not JSON") from error
        else:
            if not isinstance(body, dict) or body.get("validationResponse") != code:
                raise HandshakeError("the webhook did not return the validation code")
            return
