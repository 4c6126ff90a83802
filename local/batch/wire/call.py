"""A request as the operations see it, and the replies they give."""

from __future__ import annotations

import json
from dataclasses import dataclass
from email.utils import format_datetime
from typing import TYPE_CHECKING, TypeVar

from aiohttp import web

from local.batch import clock
from local.batch.errors import BatchError
from local.batch.wire import conditions

if TYPE_CHECKING:
    from local.batch.domain.account import Account
    from local.batch.domain.entity import Doc, Entity
    from local.batch.domain.job import Job
    from local.batch.domain.node import Node
    from local.batch.domain.pool import Pool
    from local.batch.domain.schedule import JobSchedule
    from local.batch.domain.task import Task
    from local.batch.schema.checks import Body

_E = TypeVar("_E", bound="Entity")

JSON = "application/json; odata=minimalmetadata"


def encode(doc: object) -> bytes:
    """A document on the wire."""
    return json.dumps(doc, separators=(",", ":"), ensure_ascii=False).encode(errors="replace")


@dataclass(slots=True)
class Call:
    """One request to one operation."""

    request: web.Request
    account: Account

    @property
    def base(self) -> str:
        """The address that the client used for the account."""
        return str(self.request.url.origin())

    def part(self, name: str) -> str:
        """A variable part of the path."""
        return self.request.match_info[name]

    def pool(self) -> Pool:
        """The pool in the path, its conditions met."""
        return self._met(self.account.pool(self.part("pool")))

    def node(self) -> Node:
        """The node in the path."""
        return self.account.node(self.part("pool"), self.part("node"))

    def job(self) -> Job:
        """The job in the path, its conditions met."""
        return self._met(self.account.job(self.part("job")))

    def task(self) -> Task:
        """The task in the path, its conditions met."""
        return self._met(self.account.task(self.part("job"), self.part("task")))

    def schedule(self) -> JobSchedule:
        """The job schedule in the path, its conditions met."""
        return self._met(self.account.schedule(self.part("schedule")))

    def _met(self, entity: _E) -> _E:
        self.conditions(entity)
        return entity

    def conditions(self, entity: Entity) -> None:
        """Check the conditional headers against `entity`."""
        headers = self.request.headers
        if "If-Match" in headers or "If-None-Match" in headers or "If-Modified-Since" in headers:
            conditions.check(headers, entity, reading=self.request.method in ("GET", "HEAD"))
        elif "If-Unmodified-Since" in headers:
            conditions.check(headers, entity, reading=False)

    async def body(self, schema: Body, *, optional: bool = False) -> Doc:
        """The request's JSON, checked."""
        content = await self.request.read()
        if not content and optional:
            return {}
        try:
            text = content.decode("utf-8-sig")
            value = json.loads(text)
            if "\\u" in text:  # escapes can make half a character, which no answer could hold
                json.dumps(value, ensure_ascii=False).encode()
        except (ValueError, RecursionError):
            raise BatchError("InvalidRequestBody", Reason="The body is not JSON") from None
        if value is None and optional:
            return {}
        return schema.read(value)


def done(status: int, entity: Entity | None = None, *, location: str | None = None) -> web.Response:
    """A reply without a body, with the headers that tell of `entity`."""
    response = web.Response(status=status)
    if entity is not None:
        _describe(response, entity)
    if location is not None:
        response.headers["Location"] = location
    return response


def show(call: Call, entity: Entity, kind: str, doc: Doc | None = None) -> web.Response:
    """A reply with a document, by default the whole one of `entity`."""
    body = {"odata.metadata": f"{call.base}/$metadata#{kind}/@Element"} | (entity.doc if doc is None else doc)
    response = answer(body)
    _describe(response, entity)
    return response


def answer(body: object) -> web.Response:
    """A reply with any JSON."""
    return web.Response(body=encode(body), headers={"Content-Type": JSON})


def _describe(response: web.Response, entity: Entity) -> None:
    doc = entity.doc
    if "eTag" in doc:
        response.headers["ETag"] = doc["eTag"]
        response.headers["Last-Modified"] = format_datetime(clock.moment(doc["lastModified"]), usegmt=True)
    response.headers["DataServiceId"] = doc["url"]
