"""Runs every check and says what to do about each that fails."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from shared.api.health.batch import check_account
from shared.api.health.finding import Finding, finding_of
from shared.api.health.identity import check_managed_identity
from shared.api.health.repair import check_repairs
from shared.api.health.storage import (
    check_containers,
    check_dead_letters,
    check_events,
    check_index,
    check_links,
    check_sandbox,
)
from shared.api.http import Response, json_response
from shared.cache import Cache
from shared.settings import SettingsError
from shared.timestamps import to_rfc3339, utc_now

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from shared.api.pool import PoolReader
    from shared.api.schemas import HealthResponse
    from shared.services.services import Services

log = logging.getLogger(__name__)

CHECK_TIMEOUT_SECONDS = 8.0
CACHE_SECONDS = 5.0


class HealthReader:
    """Runs the checks at most every 5 seconds, however many ask."""

    def __init__(self, services: Services, pool: PoolReader) -> None:
        self._services = services
        self._pool = pool
        self._cache: Cache[str, HealthResponse] = Cache(seconds=CACHE_SECONDS, size=1)

    async def current(self) -> HealthResponse:
        """The result of every check; a check that fails or takes too long is a finding."""
        return await self._cache.get("health", self._check)

    async def _check(self) -> HealthResponse:
        services = self._services
        settings = Finding(name="settings", message="All required settings are set.")
        identity = (await _with_timeout("identity", check_managed_identity(services)))[0]
        if not identity.ok:
            return _represent([settings, identity])  # every other check would fail for the same reason
        checks: dict[str, Awaitable[list[Finding]]] = {
            "containers": check_containers(services),
            "index": check_index(services),
            "sandbox": check_sandbox(services),
            "links": check_links(services),
            "events": check_events(services),
            "dead letters": check_dead_letters(services),
            "repairs": check_repairs(services),
            **{f"batch {url}": check_account(url, services, self._pool) for url in services.settings.batch_urls},
        }
        groups = await asyncio.gather(*(_with_timeout(name, check) for name, check in checks.items()))
        return _represent([settings, identity, *(finding for group in groups for finding in group)])


async def health_response(reader: Callable[[], HealthReader]) -> Response:
    """200 if every check is ok, otherwise 503. `reader` may raise `SettingsError`, which is a finding, too."""
    try:
        health = await reader().current()
    except SettingsError as error:
        problem = Finding(
            name="settings",
            message=" ".join(f"{line}." for line in str(error).splitlines()),
            what_to_do="Correct the app settings; docs/settings.md lists them.",
        )
        health = _represent([problem])
    return json_response(health, status=200 if health["ok"] else 503)


async def _with_timeout(name: str, check: Awaitable[list[Finding]]) -> list[Finding]:
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_SECONDS):
            return await check
    except Exception as error:  # a check that raises must not hide the others
        if not isinstance(error, TimeoutError):
            log.warning("the check %r failed", name, exc_info=True)
        return [finding_of(name, error)]


def _represent(findings: list[Finding]) -> HealthResponse:
    return {
        "ok": all(finding.ok for finding in findings),
        "checks": [finding.to_json() for finding in findings],
        "as_of": to_rfc3339(utc_now()),
    }
