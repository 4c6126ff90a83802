"""Whether gifdrop can work, check by check, each with what to do about it."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from shared.api import to_json
from shared.cache import Cache
from shared.conversion import now, timestamp
from shared.health.batch import check_account
from shared.health.finding import Finding, explained
from shared.health.identity import check_identity
from shared.health.storage import check_containers, check_dead_letters, check_events, check_links
from shared.settings import SettingsError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from azure.functions import HttpResponse

    from shared.answers import HealthAnswer
    from shared.clients import Clients

    Check = Callable[[Clients], Awaitable[list[Finding]]]

log = logging.getLogger(__name__)

PATIENCE = 8.0
"""Seconds that a check may take."""

_cache: Cache[Clients, HealthAnswer] = Cache(seconds=5, size=8)


async def health(clients: Callable[[], Clients]) -> HttpResponse:
    """200 if every check is ok, otherwise 503; the body tells them all. Shared by all who ask within 5 seconds."""
    try:
        made = clients()
    except SettingsError as error:
        problem = Finding(
            name="settings",
            message=" ".join(f"{line}." for line in str(error).splitlines()),
            what_to_do="Put the app settings right; docs/operations.md lists them.",
        )
        return _response(_answer([problem]))
    return _response(await _cache.get(made, lambda: _checked(made)))


async def _checked(clients: Clients) -> HealthAnswer:
    settings = Finding(name="settings", message="All settings that must be there are there.")
    identity = (await _bounded("identity", check_identity(clients)))[0]
    if not identity.ok:
        return _answer([settings, identity])  # nothing else can be looked at
    accounts = clients.settings.batch_urls
    checks: dict[str, Awaitable[list[Finding]]] = {
        "containers": check_containers(clients),
        "links": check_links(clients),
        "events": check_events(clients),
        "dead letters": check_dead_letters(clients),
        **{f"batch {url}": check_account(url, clients) for url in accounts},
    }
    groups = await asyncio.gather(*(_bounded(name, check) for name, check in checks.items()))
    return _answer([settings, identity, *(finding for group in groups for finding in group)])


async def _bounded(name: str, check: Awaitable[list[Finding]]) -> list[Finding]:
    try:
        async with asyncio.timeout(PATIENCE):
            return await check
    except Exception as error:  # a check that breaks is a finding, not the end of the others
        if not isinstance(error, TimeoutError):
            log.warning("the check %r broke", name, exc_info=True)
        return [explained(name, error)]


def _answer(findings: list[Finding]) -> HealthAnswer:
    return {
        "ok": all(finding.ok for finding in findings),
        "checks": [finding.to_json() for finding in findings],
        "as_of": timestamp(now()),
    }


def _response(answer: HealthAnswer) -> HttpResponse:
    return to_json(200 if answer["ok"] else 503, answer)
