"""A request as the operations see it, and helpers for their responses."""

from __future__ import annotations

import json
from dataclasses import dataclass
from email.utils import format_datetime
from typing import TYPE_CHECKING, TypeVar

from aiohttp import web

from batch_emulator import clock, registries
from batch_emulator.errors import BatchError
from batch_emulator.schema.common import refuse_containers
from batch_emulator.wire import old_versions, preconditions

if TYPE_CHECKING:
    from batch_emulator.account import Account
    from batch_emulator.entity import Doc, Entity
    from batch_emulator.job.model import Job
    from batch_emulator.node.model import Node
    from batch_emulator.pool.model import Pool
    from batch_emulator.schedule.model import JobSchedule
    from batch_emulator.schema.checks import Body
    from batch_emulator.task.model import Task

_E = TypeVar("_E", bound="Entity")

JSON = "application/json; odata=minimalmetadata"
REQUEST_ID = web.RequestKey("request_id", str)
STANDARD_HEADERS = web.RequestKey("standard_headers", dict[str, str])


def encode(doc: object) -> bytes:
    """JSON as sent."""
    return json.dumps(doc, separators=(",", ":"), ensure_ascii=False, default=registries.public).encode(
        errors="replace"
    )


@dataclass(slots=True)
class Call:
    """One request to one operation."""

    request: web.Request
    account: Account

    @property
    def base(self) -> str:
        """The account's URL as the client used it, unless the options name one."""
        if self.account.options.public_url is not None:
            return self.account.url
        return str(self.request.url.origin())

    @property
    def version(self) -> str:
        """The api-version of the request, which only the control endpoint does without."""
        return self.request.query.get("api-version", old_versions.NEWEST)

    def link(self, url: str) -> str:
        """A URL of a document, as the client would use it."""
        return url.replace(self.account.url, self.base, 1)

    def path_variable(self, name: str) -> str:
        """A variable part of the path."""
        return self.request.match_info[name]

    def pool(self) -> Pool:
        """The pool in the path. Checks the preconditions."""
        return self._checked(self.account.pool(self.path_variable("pool")))

    def node(self) -> Node:
        """The node in the path."""
        return self.account.node(self.path_variable("pool"), self.path_variable("node"))

    def job(self) -> Job:
        """The job in the path. Checks the preconditions."""
        return self._checked(self.account.job(self.path_variable("job")))

    def task(self) -> Task:
        """The task in the path. Checks the preconditions."""
        return self._checked(self.account.task(self.path_variable("job"), self.path_variable("task")))

    def schedule(self) -> JobSchedule:
        """The job schedule in the path. Checks the preconditions."""
        return self._checked(self.account.schedule(self.path_variable("schedule")))

    def _checked(self, entity: _E) -> _E:
        self.check_preconditions(entity)
        return entity

    def check_preconditions(self, entity: Entity) -> None:
        """Check the preconditions against `entity`."""
        headers = self.request.headers
        if "If-Match" in headers or "If-None-Match" in headers or "If-Modified-Since" in headers:
            preconditions.check(headers, entity, reading=self.request.method in ("GET", "HEAD"))
        elif "If-Unmodified-Since" in headers:
            preconditions.check(headers, entity, reading=False)

    async def body(self, schema: Body, *, optional: bool = False) -> Doc:
        """The request's JSON, checked."""
        content = await self.request.read()
        if not content and optional:
            return {}
        try:
            text = content.decode("utf-8-sig")
            value = json.loads(text)
            if "\\u" in text:  # an escaped lone surrogate cannot be encoded in a response
                json.dumps(value, ensure_ascii=False).encode()
        except (ValueError, RecursionError):
            raise BatchError("InvalidRequestBody", Reason="The body is not JSON") from None
        if value is None and optional:
            return {}
        found = schema.read(old_versions.normal(value, self.version))
        if self.account.options.containers == "refuse":
            refuse_containers(found)
        return found


def empty_response(status: int, entity: Entity | None = None, *, location: str | None = None) -> web.Response:
    """A response without a body, with the headers of `entity`."""
    response = web.Response(status=status)
    if entity is not None:
        _add_headers(response, entity)
    if location is not None:
        response.headers["Location"] = location
    return response


def entity_response(call: Call, entity: Entity, kind: str, doc: Doc | None = None) -> web.Response:
    """A response with `doc`, by default the whole document of `entity`."""
    body = {"odata.metadata": f"{call.base}/$metadata#{kind}/@Element"} | (entity.doc if doc is None else doc)
    response = json_response(body)
    _add_headers(response, entity)
    return response


def json_response(body: object) -> web.Response:
    """A response with any JSON."""
    return web.Response(body=encode(body), headers={"Content-Type": JSON})


def _add_headers(response: web.Response, entity: Entity) -> None:
    doc = entity.doc
    if "eTag" in doc:
        response.headers["ETag"] = doc["eTag"]
        response.headers["Last-Modified"] = format_datetime(clock.moment(doc["lastModified"]), usegmt=True)
    response.headers["DataServiceId"] = doc["url"]
