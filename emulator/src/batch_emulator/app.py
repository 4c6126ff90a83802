"""The HTTP application: authenticates requests, dispatches them to operations, turns errors into responses."""

from __future__ import annotations

import logging
import re
import uuid
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from typing import TYPE_CHECKING

from aiohttp import web

from batch_emulator import clock, control, injection
from batch_emulator.api.routes import ROUTES, Operation
from batch_emulator.arm import routes as arm
from batch_emulator.errors import BatchError
from batch_emulator.wire import old_versions
from batch_emulator.wire.call import JSON, REQUEST_ID, STANDARD_HEADERS, Call, encode
from batch_emulator.wire.preconditions import NotModifiedError

if TYPE_CHECKING:
    from batch_emulator.account import Account
    from batch_emulator.faults import Faults
    from batch_emulator.wire.auth import Authenticator

log = logging.getLogger(__name__)

_VERSION = re.compile(r"^20\d\d-\d\d-\d\d(\.\d+\.\d+)?(-preview)?$")
# The query parameters of Batch's operations; not all of them have an effect here.
_PARAMETERS = frozenset(
    [
        "api-version",
        "timeout",
        "$select",
        "$expand",
        "$filter",
        "$skiptoken",
        "maxresults",
        "recursive",
        "force",
        "starttime",
        "endtime",
    ]
)
_MAX_BODY_BYTES = 1 << 20
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def build(account: Account, authenticator: Authenticator, faults: Faults | None = None) -> web.Application:
    """The application that serves `account`; with `faults` also the control endpoint."""
    delivery = [] if faults is None else [injection.delivery(faults)]
    app = web.Application(client_max_size=_MAX_BODY_BYTES, middlewares=[*delivery, _envelope])
    for method, path, operation in ROUTES:
        app.router.add_route(method, path, _handler(account, authenticator, operation, faults))
    app.router.add_get("/_control/health", _health)
    arm.add_to(app, account, authenticator)
    if faults is not None:
        operations = {operation.__name__ for _, _, operation in ROUTES}
        for route in control.routes(account, faults, operations):
            app.router.add_route(route.method, route.path, _authenticated(authenticator, route.handler))
        app.on_shutdown.append(faults.stop)
    return app


async def _health(_request: web.Request) -> web.Response:
    """The only operation without authentication: it says no more than that the emulator serves."""
    return web.json_response({"status": "ok"})


def _authenticated(authenticator: Authenticator, handler: Handler) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        authenticator.check(request)
        return await handler(request)

    return handle


def _handler(account: Account, authenticator: Authenticator, operation: Operation, faults: Faults | None) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        version = request.query.get("api-version")
        if version is None:
            raise BatchError("MissingRequiredQueryParameter", QueryParameterName="api-version")
        if not _VERSION.fullmatch(version) or version < old_versions.OLDEST:
            raise BatchError(
                "UnsupportedRequestVersion",
                f"The api-version {version} is not supported; the oldest is {old_versions.OLDEST}.",
            )
        unknown = [name for name in request.query if name.lower() not in _PARAMETERS]
        if unknown:
            raise BatchError(
                "InvalidQueryParameterValue", QueryParameterName=unknown[0], Reason="The parameter does not exist"
            )
        call = Call(request, account)
        response = await operation(call)
        account.store.flush()
        if call.base != account.url:
            _follow_host(response, call)
        if old_versions.renames(version) and isinstance(response, web.Response) and isinstance(response.body, bytes):
            response.body = old_versions.spoken(response.body, version)
        return response

    if faults is None:
        return _authenticated(authenticator, handle)

    async def handle_with_faults(request: web.Request) -> web.StreamResponse:
        faults.requests[operation.__name__] += 1
        fault = faults.take(operation.__name__, request)
        if fault is None:
            return await handle(request)
        return await injection.inject(account, faults, fault, request, handle)

    return _authenticated(authenticator, handle_with_faults)


def _follow_host(response: web.StreamResponse, call: Call) -> None:
    """Make links begin with the URL that the client used."""
    if isinstance(response, web.Response):
        if isinstance(response.body, bytes):
            response.body = response.body.replace(f'"{call.account.url}/'.encode(), f'"{call.base}/'.encode())
        for name in ("Location", "DataServiceId"):
            if name in response.headers:
                response.headers[name] = call.link(response.headers[name])


@web.middleware
async def _envelope(request: web.Request, handler: Handler) -> web.StreamResponse:
    headers = request[STANDARD_HEADERS] = _standard_headers(request)
    try:
        response = await handler(request)
    except NotModifiedError:
        response = web.Response(status=304)
    except BatchError as error:
        response = _error_response(request, error)
    except web.HTTPRequestEntityTooLarge:
        response = _error_response(request, BatchError("RequestBodyTooLarge", "The request body is larger than 1 MB."))
    except web.HTTPMethodNotAllowed:
        response = _error_response(
            request, BatchError("UnsupportedHttpVerb", "The resource does not support this HTTP verb.")
        )
    except web.HTTPNotFound:
        response = _error_response(request, BatchError("ResourceNotFound", "The request names no resource of Batch."))
    except Exception:
        log.exception("%s %s", request.method, request.path)
        response = _error_response(request, BatchError("InternalError", "The emulator failed.", status=500))
    if not response.prepared:
        response.headers.update(headers)
    return response


def _standard_headers(request: web.Request) -> dict[str, str]:
    request_id = request[REQUEST_ID] = str(uuid.uuid4())
    headers = {
        "request-id": request_id,
        "DataServiceVersion": "3.0",
        "Server": "Microsoft-HTTPAPI/2.0",
        "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
        "X-Content-Type-Options": "nosniff",
        "Date": formatdate(usegmt=True),
    }
    client_id = request.headers.get("client-request-id")
    if client_id is not None and request.headers.get("return-client-request-id", "").lower() == "true":
        headers["client-request-id"] = client_id
    return headers


def _error_response(request: web.Request, error: BatchError) -> web.Response:
    body = {"odata.metadata": f"{request.url.origin()}/$metadata#errors/@Element"}
    body |= error.body(request_id=request[REQUEST_ID], time=clock.now())  # type: ignore[arg-type]
    response = web.Response(status=error.status, body=encode(body), headers={"Content-Type": JSON} | error.headers)
    if error.status == 401:
        response.headers["WWW-Authenticate"] = (
            'Bearer authorization_uri="https://login.microsoftonline.com/common", '
            'resource_id="https://batch.core.windows.net/"'
        )
    return response
