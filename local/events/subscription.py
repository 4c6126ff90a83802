"""An event subscription: who gets which events, and the handshake that proves that they want them."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import aiohttp

from local.events.retry import Policy
from local.events.schema import CREATED, validation_event

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.events.schema import Event

_ANSWER_SECONDS = 30.0
_RETRY_SECONDS = 0.05


class HandshakeError(Exception):
    """The webhook did not prove that it wants the events."""


@dataclass(frozen=True, kw_only=True)
class Subscription:
    """Events of `event_types` whose subject begins with `subject_begins_with` go to `webhook`."""

    webhook: str = field(repr=False)
    name: str = "on-video-uploaded"
    subject_begins_with: str = ""
    event_types: frozenset[str] = frozenset({CREATED})
    policy: Policy = field(default_factory=Policy)

    def wants(self, *, event_type: str, subject: str) -> bool:
        # Event Grid compares subjects without regard to case, unless told otherwise.
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


async def validate(
    subscription: Subscription, *, topic: str, session: aiohttp.ClientSession, patience: float = 60.0
) -> None:
    """Do the validation handshake; raises HandshakeError.

    A webhook that nobody listens on yet is waited for, `patience` seconds at most.
    """
    code = secrets.token_hex(16)
    event = validation_event(topic=topic, code=code)
    headers = subscription.headers(event, kind="SubscriptionValidation")
    deadline = asyncio.get_running_loop().time() + patience
    while True:
        try:
            async with session.post(
                subscription.webhook,
                json=[event],
                headers=headers,
                timeout=aiohttp.ClientTimeout(total=_ANSWER_SECONDS),
            ) as response:
                if response.status != 200:
                    raise HandshakeError(f"the webhook answered {response.status} to the validation")
                answer = await response.json(content_type=None)
        except (aiohttp.ClientConnectionError, TimeoutError) as error:
            if asyncio.get_running_loop().time() > deadline:
                raise HandshakeError(f"the webhook cannot be reached: {error}") from error
            await asyncio.sleep(_RETRY_SECONDS)
        except ValueError as error:
            raise HandshakeError("the webhook's answer to the validation is no JSON") from error
        else:
            if not isinstance(answer, dict) or answer.get("validationResponse") != code:
                raise HandshakeError("the webhook did not send back the validation code")
            return
