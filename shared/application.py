"""The application: settings, services, and everything that keeps state between invocations, made in one place."""

from __future__ import annotations

import os
from functools import cache

from shared.api.deletion import Deletions
from shared.api.health.health import HealthReader
from shared.api.listing import ListReader
from shared.api.pool import PoolReader
from shared.api.retry import Retries
from shared.api.stats import StatsReader
from shared.api.status import StatusReader
from shared.api.summary import Summaries
from shared.api.uploads import Uploads
from shared.lifecycle.sweep import CompletionSweep
from shared.services.services import Services
from shared.settings import read_settings


class Application:
    """One app on its services. Making one sends nothing."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.completion = CompletionSweep(services)
        self.pool = PoolReader(services)
        self.statuses = StatusReader(services, self.pool)
        self.videos = ListReader(services, self.statuses, Summaries(services), self.pool)
        self.retries = Retries(services)
        self.uploads = Uploads(services)
        self.deletions = Deletions(services)
        self.stats = StatsReader(services)
        self.health = HealthReader(services, self.pool)


@cache
def application() -> Application:
    """The application of this process, made at its first use so that importing the app needs no settings.

    Raises `SettingsError`.
    """
    return Application(Services(read_settings(os.environ)))
