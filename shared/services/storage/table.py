"""One partition of a table in Table storage: entities by key, key ranges, and transactions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast

from azure.core import MatchConditions
from azure.data.tables import UpdateMode
from azure.data.tables.aio import TableClient

from shared.services.azure_errors import azure_errors
from shared.services.errors import NotFoundError
from shared.services.transport import RETRIES, TIMEOUTS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from datetime import datetime

    from azure.core.credentials_async import AsyncTokenCredential
    from azure.data.tables import TableEntity

    from shared.settings import Settings

PARTITION = "conversions"
MAX_PAGE_ENTITIES = 1000
"""https://learn.microsoft.com/rest/api/storageservices/query-timeout-and-pagination"""
MAX_TRANSACTION_OPERATIONS = 100
"""https://learn.microsoft.com/rest/api/storageservices/performing-entity-group-transactions"""


@dataclass(frozen=True, kw_only=True)
class Entity:
    """An entity as it was read."""

    key: str
    values: Mapping[str, Any]
    etag: str
    modified: datetime


class Range(NamedTuple):
    """The keys from `first`, included, to `end`, excluded."""

    first: str
    end: str


class Operation(NamedTuple):
    """One operation of a transaction: `create` fails if the key exists, `update` and `delete` if it does not."""

    kind: Literal["create", "update", "upsert", "delete"]
    key: str
    values: Mapping[str, Any] = {}
    etag: str | None = None
    """What an `update` or `delete` requires; `None` accepts any version."""


class Table:
    """The table's only partition. Every method raises `ServiceError`."""

    def __init__(self, client: TableClient) -> None:
        self._client = client

    @classmethod
    def connect(cls, settings: Settings, credential: AsyncTokenCredential) -> Table:
        """The configured table. Nothing is sent until the first call."""
        audience = "https://storage.azure.com"
        return cls(
            TableClient(
                settings.table_url,
                settings.index_table,
                credential=credential,
                audience=audience,
                **RETRIES,
                **TIMEOUTS,
            )
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def get(self, key: str) -> Entity | None:
        """An entity, `None` if it does not exist."""
        try:
            with azure_errors():
                return _entity(await self._client.get_entity(PARTITION, key))
        except NotFoundError as error:
            if error.code == "TableNotFound":
                raise
            return None

    async def page(
        self, keys: Range, *, limit: int = MAX_PAGE_ENTITIES, marker: str | None = None
    ) -> tuple[list[Entity], str | None]:
        """The first entities of a range from `marker` on, by key, and the marker of the next page if there is one."""
        partition, _, row = (marker or "").partition(" ")
        token = {"PartitionKey": partition, "RowKey": row} if marker else None
        with azure_errors():
            pages = self._client.query_entities(
                "PartitionKey eq @partition and RowKey ge @first and RowKey lt @end",
                parameters={"partition": PARTITION, "first": keys.first, "end": keys.end},
                results_per_page=limit,
            ).by_page(token)  # type: ignore[arg-type]  # the SDK's own tokens are such dictionaries
            async for page in pages:
                found = [_entity(entity) async for entity in page]
                following: Any = pages.continuation_token  # type: ignore[attr-defined]
                return found, f"{following['PartitionKey']} {following['RowKey']}" if following else None
        return [], None

    async def all(self, keys: Range) -> AsyncIterator[Entity]:
        """The entities of a range by key, one page in memory at a time."""
        marker: str | None = None
        while True:
            page, marker = await self.page(keys, marker=marker)
            for entity in page:
                yield entity
            if marker is None:
                return

    async def transact(self, operations: Sequence[Operation]) -> list[str | None]:
        """Carry out all operations or none, at most 100 on different keys; returns their new ETags."""
        with azure_errors():
            results = await self._client.submit_transaction([_request(operation) for operation in operations])
        return [result.get("etag") for result in results]

    async def check(self) -> None:
        """Raise `ServiceError` unless the table exists and may be read."""
        await self.page(Range("", "a"), limit=1)


def prefix_range(prefix: str) -> Range:
    """All keys that begin with a prefix that ends in a colon."""
    return Range(prefix, prefix[:-1] + ";")


def _entity(found: TableEntity) -> Entity:
    metadata = found.metadata
    return Entity(
        key=found["RowKey"],
        values=dict(found),
        etag=metadata["etag"] or "",
        modified=cast("datetime", metadata["timestamp"]),
    )


def _request(operation: Operation) -> tuple[Any, ...]:
    entity = {"PartitionKey": PARTITION, "RowKey": operation.key, **operation.values}
    options: dict[str, Any] = {}
    if operation.kind in ("update", "upsert"):
        options["mode"] = UpdateMode.REPLACE
    if operation.etag is not None:
        options |= {"etag": operation.etag, "match_condition": MatchConditions.IfNotModified}
    return operation.kind, entity, options
