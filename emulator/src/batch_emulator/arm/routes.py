"""The routes of Azure Resource Manager. Resource ids are case-insensitive."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from aiohttp import web

from batch_emulator.arm import operations
from batch_emulator.arm.operations import ArmCall
from batch_emulator.errors import BatchError
from batch_emulator.wire.preconditions import NotModifiedError

if TYPE_CHECKING:
    from batch_emulator.account import Account
    from batch_emulator.wire.auth import Authenticator

ArmOperation = Callable[[ArmCall], Awaitable[web.Response]]
AUDIENCES = ("https://management.azure.com", "https://management.core.windows.net")


def _path(text: str) -> str:
    """A path whose fixed parts match in any case."""
    parts = text.split("/")
    return "/".join(
        part if part.startswith("{") or not part else f"{{_{n}:(?i:{part})}}" for n, part in enumerate(parts)
    )


_SUBSCRIPTION = "/subscriptions/{subscription}"
_GROUP = f"{_SUBSCRIPTION}/resourceGroups/{{group}}"
_PROVIDER = "/providers/Microsoft\\.Batch/batchAccounts"
_ACCOUNT = f"{_GROUP}{_PROVIDER}/{{account}}"
_POOL = f"{_ACCOUNT}/pools/{{pool}}"
ROUTES: tuple[tuple[str, str, ArmOperation], ...] = (
    ("GET", f"{_SUBSCRIPTION}{_PROVIDER}", operations.list_accounts),
    ("GET", f"{_GROUP}{_PROVIDER}", operations.list_accounts),
    ("GET", _ACCOUNT, operations.get_account),
    ("POST", f"{_ACCOUNT}/listKeys", operations.list_keys),
    ("GET", f"{_ACCOUNT}/pools", operations.list_pools),
    ("PUT", _POOL, operations.put_pool),
    ("GET", _POOL, operations.get_pool),
    ("PATCH", _POOL, operations.patch_pool),
    ("DELETE", _POOL, operations.delete_pool),
    ("POST", f"{_POOL}/disableAutoScale", operations.disable_auto_scale),
    ("POST", f"{_POOL}/stopResize", operations.stop_resize),
    ("GET", f"{_ACCOUNT}/poolOperationResults/{{result}}", operations.get_operation_result),
)


def add_to(app: web.Application, account: Account, authenticator: Authenticator) -> None:
    """Add the routes to the application."""
    for method, path, operation in ROUTES:
        app.router.add_route(method, _path(path), _handler(account, authenticator, operation))


def _handler(
    account: Account, authenticator: Authenticator, operation: ArmOperation
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            authenticator.check_token(request, AUDIENCES)
            call = ArmCall(request, account, authenticator.key)
            call.check()
            response = await operation(call)
            account.store.flush()
        except NotModifiedError:
            return web.Response(status=304)
        except BatchError as error:
            text = " ".join([error.message, *(f"{name}: {value}." for name, value in error.details.items())])
            body = {"error": {"code": error.code, "message": text}}
            headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else {}
            return web.json_response(body, status=error.status, headers=headers)
        else:
            return response

    return handle
