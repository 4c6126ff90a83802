"""A partition of Table storage in memory, as far as the app uses it: transactions, ETag conditions, paged ranges."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from azure.core import MatchConditions

from tests.simulation.gate import Gate, failure
from tests.simulation.storage import Clock


class FoundEntity(dict[str, Any]):
    """An entity as the SDK returns it."""

    metadata: dict[str, Any]


class TableClient:
    """Stands in for a TableClient."""

    page_entities = 3
    """The most that a page holds."""

    def __init__(self, gate: Gate, clock: Clock) -> None:
        self.gate = gate
        self.clock = clock
        self.rows: dict[str, tuple[dict[str, Any], str, float]] = {}
        """Key -> values, ETag, when it was written."""
        self._versions = 0

    async def get_entity(self, partition: str, key: str) -> FoundEntity:
        def effect() -> FoundEntity:
            if key not in self.rows:
                raise failure(404, "ResourceNotFound")
            return self._found(key)

        return await self.gate.call(f"index get {key}", effect)

    def query_entities(self, query: str, *, parameters: Mapping[str, str], results_per_page: int) -> "_Query":
        return _Query(self, parameters["first"], parameters["end"], min(results_per_page, self.page_entities))

    async def submit_transaction(self, operations: Sequence[tuple[Any, ...]]) -> list[dict[str, Any]]:
        keys = [entity["RowKey"] for _, entity, _ in operations]
        assert len(keys) == len(set(keys)) <= 100, "Table storage refuses such a transaction"

        def effect() -> list[dict[str, Any]]:
            for operation in operations:
                self._check(*operation)
            return [self._apply(*operation) for operation in operations]

        return await self.gate.call("index transaction", effect)

    async def close(self) -> None:
        return

    def _check(self, kind: str, entity: Mapping[str, Any], options: Mapping[str, Any]) -> None:
        known = self.rows.get(entity["RowKey"])
        if kind == "create" and known:
            raise failure(409, "EntityAlreadyExists")
        if kind in ("update", "delete") and known is None:
            raise failure(404, "ResourceNotFound")
        if known and options.get("match_condition") == MatchConditions.IfNotModified and options["etag"] != known[1]:
            raise failure(412, "UpdateConditionNotSatisfied")

    def _apply(self, kind: str, entity: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
        key = entity["RowKey"]
        if kind == "delete":
            del self.rows[key]
            return {}
        self._versions += 1
        self.rows[key] = (dict(entity), f'W/"{self._versions}"', self.clock.seconds)
        return {"etag": self.rows[key][1]}

    def _found(self, key: str) -> FoundEntity:
        values, etag, written = self.rows[key]
        found = FoundEntity(values)
        found.metadata = {"etag": etag, "timestamp": self.clock.as_real(written)}
        return found

    async def page(self, first: str, end: str, limit: int) -> tuple[list[FoundEntity], str | None]:
        def effect() -> tuple[list[FoundEntity], str | None]:
            keys = sorted(key for key in self.rows if first <= key < end)
            return [self._found(key) for key in keys[:limit]], keys[limit] if len(keys) > limit else None

        return await self.gate.call(f"index list {first}", effect)


class _Query:
    """Stands in for an AsyncItemPaged and its iterator over pages."""

    def __init__(self, client: TableClient, first: str, end: str, limit: int) -> None:
        self._client, self._first, self._end, self._limit = client, first, end, limit
        self.continuation_token: dict[str, str] | None = None

    def by_page(self, token: Mapping[str, str] | None) -> "_Query":
        if token:
            self._first = token["RowKey"]
        return self

    def __aiter__(self) -> "_Query":
        return self

    async def __anext__(self) -> AsyncIterator[FoundEntity]:
        found, following = await self._client.page(self._first, self._end, self._limit)
        self.continuation_token = {"PartitionKey": "conversions", "RowKey": following} if following else None
        return _each(found)


async def _each(found: Sequence[FoundEntity]) -> AsyncIterator[FoundEntity]:
    for entity in found:
        yield entity
