"""The services the app works with, each connected when it is first used.

This is the only module with imports inside functions: an SDK takes 0.1 to 0.25 s to import, and most functions need
only one or two of them.
"""

from __future__ import annotations

import logging
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential

    from shared.services.batch.accounts import Accounts
    from shared.services.batch.autoscale import Autoscale
    from shared.services.batch.jobs import Jobs
    from shared.services.batch.nodes import Nodes
    from shared.services.batch.pool import Pool
    from shared.services.batch.tasks import Tasks
    from shared.services.storage.blobs import Blobs
    from shared.services.storage.index import Index
    from shared.services.storage.links import Links
    from shared.services.storage.records import Records
    from shared.services.storage.rest import StorageRest
    from shared.services.storage.table import Table
    from shared.services.topic import ResultsTopic
    from shared.settings import Settings


class Services:
    """The settings and every service behind them, on one managed identity. Making one sends nothing."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        # At INFO the SDKs log every request and response: more than all other messages together.
        logging.getLogger("azure").setLevel(logging.WARNING)

    @cached_property
    def credential(self) -> AsyncTokenCredential:
        from shared.services.identity import managed_identity

        return managed_identity(self.settings.identity_client_id)

    async def check_identity(self) -> None:
        """Raise `ServiceError` unless the managed identity gets a token."""
        from shared.services.identity import check_identity

        await check_identity(self.credential)

    @cached_property
    def blobs(self) -> Blobs:
        from shared.services.storage.blobs import Blobs

        return Blobs.connect(self.settings, self.credential)

    @cached_property
    def rest(self) -> StorageRest:
        from shared.services.storage.rest import StorageRest

        return StorageRest.connect(self.settings, self.credential)

    @cached_property
    def records(self) -> Records:
        from shared.services.storage.records import Records

        return Records(self.rest, self.settings.records_container)

    @cached_property
    def table(self) -> Table:
        from shared.services.storage.table import Table

        return Table.connect(self.settings, self.credential)

    @cached_property
    def index(self) -> Index:
        from shared.services.storage.index import Index

        return Index(self.table)

    @cached_property
    def links(self) -> Links:
        from shared.services.storage.links import Links

        return Links(self.settings, self.blobs)

    @cached_property
    def accounts(self) -> Accounts:
        from shared.services.batch.accounts import Accounts

        return Accounts.connect(self.credential)

    @cached_property
    def jobs(self) -> Jobs:
        from shared.services.batch.jobs import Jobs

        return Jobs(self.accounts, self.pool, self.settings)

    @cached_property
    def tasks(self) -> Tasks:
        from shared.services.batch.tasks import Tasks

        return Tasks(self.accounts)

    @cached_property
    def pool(self) -> Pool:
        from shared.services.batch.pool import Pool

        return Pool(self.accounts, self.settings)

    @cached_property
    def autoscale(self) -> Autoscale:
        from shared.services.batch.autoscale import Autoscale

        return Autoscale(self.accounts, self.settings)

    @cached_property
    def nodes(self) -> Nodes:
        from shared.services.batch.nodes import Nodes

        return Nodes(self.accounts, self.settings)

    @cached_property
    def topic(self) -> ResultsTopic | None:
        """The results topic, `None` if none is configured."""
        settings = self.settings
        if settings.results_topic_url is None:
            return None
        from shared.services.topic import ResultsTopic

        source = f"{settings.storage_url}/{settings.input_container}"
        return ResultsTopic.connect(settings.results_topic_url, self.credential, source=source)

    async def close(self) -> None:
        """Close the connections that were made."""
        for name in ("topic", "accounts", "rest", "table", "blobs", "credential"):
            service = self.__dict__.pop(name, None)
            if service is not None:
                await service.close()
