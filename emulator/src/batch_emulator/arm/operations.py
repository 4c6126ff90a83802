"""Operations of Azure Resource Manager on the account and its pools."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from aiohttp import web

from batch_emulator.arm import pool_document
from batch_emulator.errors import BatchError
from batch_emulator.pool import autoscale as pool_autoscale
from batch_emulator.pool import creation as pool_creation
from batch_emulator.pool import lifecycle as pool_lifecycle
from batch_emulator.pool import resize as pool_resize
from batch_emulator.schema import pools as bodies
from batch_emulator.schema.common import refuse_containers
from batch_emulator.wire import preconditions

if TYPE_CHECKING:
    from batch_emulator.account import Account
    from batch_emulator.entity import Doc
    from batch_emulator.pool.model import Pool

_LOCATION = "local"
# Clients choose the size of a machine from the families for which there is a quota.
_FAMILIES = ("Dv2", "DSv2", "Dv3", "DSv3", "DSv4", "DDSv4", "DSv5", "DDSv5", "DASv5", "DADSv5", "ESv5", "EDSv5", "FSv2")
_IMMUTABLE = ("vmSize", "virtualMachineConfiguration", "networkConfiguration")
_RETRY_SECONDS = "1"


@dataclass(frozen=True, slots=True)
class ArmCall:
    """One request to Resource Manager."""

    request: web.Request
    account: Account
    key: str

    @property
    def account_id(self) -> str:
        """The resource id of the account, as the request spells it."""
        found = re.match(r".*?/batchAccounts/[^/]+", self.request.path, re.IGNORECASE)
        if found is not None:
            return found[0]
        match = self.request.match_info
        group = f"/subscriptions/{match['subscription']}/resourceGroups/{match.get('group', 'local')}"
        return f"{group}/providers/Microsoft.Batch/batchAccounts/{self.account.options.account}"

    def check(self) -> None:
        """Refuse a request without a version, and one for another account.

        Clients that derive the account's name from its URL send the first part of the host.
        """
        if "api-version" not in self.request.query:
            raise BatchError("MissingApiVersionParameter")
        name = self.request.match_info.get("account", self.account.options.account).lower()
        host = (self.request.url.host or "").partition(".")[0].lower()
        served = (urlsplit(self.account.url).hostname or "").partition(".")[0]
        if name not in (self.account.options.account.lower(), host, served):
            raise BatchError("ResourceNotFound", f"The resource {self.account_id} was not found.")

    def pool(self) -> Pool:
        """The pool in the path. Checks the preconditions."""
        pool = self.account.pool(self.request.match_info["pool"])
        preconditions.check(self.request.headers, pool, reading=self.request.method == "GET")
        return pool

    def show(self, pool: Pool) -> Doc:
        return pool_document.from_batch(
            pool.doc, resource_id=f"{self.account_id}/pools/{pool.id}", account_id=self.account_id
        )

    async def body(self) -> object:
        """The request's JSON."""
        try:
            body: object = json.loads(await self.request.text())
        except (ValueError, RecursionError):
            raise BatchError("InvalidRequestBody", Reason="The body is not JSON") from None
        if self.account.options.containers == "refuse":
            refuse_containers(body)
        return body


def _account(call: ArmCall) -> Doc:
    account, options = call.account, call.account.options
    endpoint = urlsplit(account.url).netloc
    return {
        "id": call.account_id,
        "name": options.account,
        "type": "Microsoft.Batch/batchAccounts",
        "location": _LOCATION,
        "identity": {"type": "None"},
        "tags": {},
        "properties": {
            "accountEndpoint": endpoint,
            "nodeManagementEndpoint": endpoint,
            "provisioningState": "Succeeded",
            "poolAllocationMode": "BatchService",
            "publicNetworkAccess": "Enabled",
            "dedicatedCoreQuota": account.limits.nodes,
            "lowPriorityCoreQuota": account.limits.nodes,
            "dedicatedCoreQuotaPerVMFamily": [
                {"name": f"standard{name}Family", "coreQuota": account.limits.nodes} for name in _FAMILIES
            ],
            "dedicatedCoreQuotaPerVMFamilyEnforced": False,
            "poolQuota": account.limits.pools,
            "activeJobAndJobScheduleQuota": account.limits.active_jobs,
            "allowedAuthenticationModes": ["SharedKey", "AAD", "TaskAuthenticationToken"],
        },
    }


async def get_account(call: ArmCall) -> web.Response:
    return web.json_response(_account(call))


async def list_accounts(call: ArmCall) -> web.Response:
    return web.json_response({"value": [_account(call)]})


async def list_keys(call: ArmCall) -> web.Response:
    # There is one key: the secondary is the same.
    return web.json_response({"accountName": call.account.options.account, "primary": call.key, "secondary": call.key})


async def list_pools(call: ArmCall) -> web.Response:
    return web.json_response({"value": [call.show(pool) for pool in call.account.pools.values()]})


async def get_pool(call: ArmCall) -> web.Response:
    return _pool_response(call, call.pool())


def _pool_response(call: ArmCall, pool: Pool) -> web.Response:
    doc = call.show(pool)
    warning = {} if pool.warning is None else {"Warning": f'299 batch-emulator "{pool.warning}"'}
    return web.json_response(doc, headers={"ETag": doc["etag"]} | warning)


async def put_pool(call: ArmCall) -> web.Response:
    """Create the pool, or change it if it exists."""
    name = call.request.match_info["pool"]
    spec = pool_document.to_batch(await call.body())
    pool = call.account.pools.get(name.lower())
    if pool is not None:
        preconditions.check(call.request.headers, pool, reading=False)
        _change(pool, spec)
    elif call.request.headers.get("If-Match") not in (None, "*"):
        raise BatchError("ConditionNotMet")
    else:
        identity = spec.pop("identity", None)
        spec.pop("nodeDeallocationOption", None)  # a new pool has no nodes to deallocate
        checked = bodies.create.read({"id": name} | spec)
        pool = pool_creation.create(call.account, checked | ({"identity": identity} if identity else {}))
    return _pool_response(call, pool)


async def patch_pool(call: ArmCall) -> web.Response:
    pool = call.pool()
    _change(pool, pool_document.to_batch(await call.body()))
    return _pool_response(call, pool)


def _change(pool: Pool, spec: Doc) -> None:
    """Apply the properties of a request; those that make another pool must be as they are."""
    pool_lifecycle.check_changeable(pool)
    size = {name: spec.pop(name) for name in list(spec) if name in _SIZE}
    identity = {"identity": spec.pop("identity")} if "identity" in spec else {}
    changes = bodies.update.read(spec) | identity
    for name in _IMMUTABLE:
        if name in changes and changes[name] != pool.doc.get(name):
            raise BatchError("PropertyCannotBeUpdated", PropertyName=name)
    checked_size = bodies.arm_size.read(size)
    if "startTask" in changes:
        changes["startTask"] = pool_creation.start_task(changes["startTask"])
    pool.doc |= changes
    pool.touch()
    _resize(pool, checked_size)


_SIZE = frozenset(bodies.arm_size.properties)


def _resize(pool: Pool, size: Doc) -> None:
    if size.get("enableAutoScale"):
        same = (size.get("autoScaleFormula"), size.get("autoScaleEvaluationInterval", "PT15M"))
        if not pool.doc["enableAutoScale"] or same != (
            pool.doc["autoScaleFormula"],
            pool.doc["autoScaleEvaluationInterval"],
        ):
            pool_autoscale.enable(pool, size.get("autoScaleFormula"), size.get("autoScaleEvaluationInterval"))
        return
    if not size:
        return
    if pool.doc["enableAutoScale"]:
        pool_autoscale.disable(pool)
    dedicated, low_priority = size.get("targetDedicatedNodes"), size.get("targetLowPriorityNodes")
    present = (pool.doc["targetDedicatedNodes"], pool.doc["targetLowPriorityNodes"])
    wanted = (present[0] if dedicated is None else dedicated, present[1] if low_priority is None else low_priority)
    if wanted != present:
        pool_resize.resize(
            pool,
            dedicated=dedicated,
            low_priority=low_priority,
            option=size.get("nodeDeallocationOption", "requeue"),
            timeout=size.get("resizeTimeout"),
        )


async def delete_pool(call: ArmCall) -> web.Response:
    """Begin to delete the pool; its operation's result is ready when it is gone."""
    pool = call.account.pools.get(call.request.match_info["pool"].lower())
    if pool is None:
        return web.Response(status=204)
    preconditions.check(call.request.headers, pool, reading=False)
    pool_lifecycle.start_delete(pool)
    version = call.request.query["api-version"]
    result = f"{call.account_id}/poolOperationResults/delete-{pool.id}-{pool.seq}?api-version={version}"
    location = f"{call.request.url.origin()}{result}"
    return web.Response(status=202, headers={"Location": location, "Retry-After": _RETRY_SECONDS})


async def get_operation_result(call: ArmCall) -> web.Response:
    found = re.fullmatch(r"delete-(.+)-(\d+)", call.request.match_info["result"])
    if found is None:
        raise BatchError("ResourceNotFound")
    pool = call.account.pools.get(found[1].lower())
    if pool is None or pool.seq != int(found[2]):
        return web.Response(status=200)
    return web.Response(status=202, headers={"Location": str(call.request.url), "Retry-After": _RETRY_SECONDS})


async def disable_auto_scale(call: ArmCall) -> web.Response:
    pool = call.pool()
    pool_lifecycle.check_changeable(pool)
    pool_autoscale.disable(pool)
    return _pool_response(call, pool)


async def stop_resize(call: ArmCall) -> web.Response:
    pool = call.pool()
    pool_lifecycle.check_changeable(pool)
    pool_resize.stop(pool)
    return _pool_response(call, pool)
