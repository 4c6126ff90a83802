"""Applications, supported images and usage of the account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from batch_emulator.errors import BatchError
from batch_emulator.machine import packages
from batch_emulator.schema import images
from batch_emulator.wire import listing, old_versions
from batch_emulator.wire.call import json_response

if TYPE_CHECKING:
    from aiohttp import web

    from batch_emulator.entity import Doc
    from batch_emulator.wire.call import Call

_APPLICATIONS = listing.kind("applications", ["id", "displayName", "versions"], "")
_IMAGES = listing.kind(
    "supportedimages",
    ["nodeAgentSKUId", "imageReference", "osType", "capabilities", "batchSupportEndOfLife", "verificationType"],
    "nodeAgentSKUId osType verificationType",
)
_NODE_AGENTS = listing.kind("nodeagentskus", [], "id osType")
_USAGE = listing.kind("poolusagemetrics", [], "poolId")


def _application(name: str, versions: list[str]) -> Doc:
    return {"id": name, "displayName": name, "versions": versions}


async def list_applications(call: Call) -> web.Response:
    found = packages.available(call.account.options.applications)
    return listing.page(call, _APPLICATIONS, ((i, _application(*each)) for i, each in enumerate(found.items(), 1)))


async def get_application(call: Call) -> web.Response:
    wanted = call.path_variable("application").lower()
    for name, versions in packages.available(call.account.options.applications).items():
        if name.lower() == wanted:
            head = {"odata.metadata": f"{call.base}/$metadata#applications/@Element"}
            return json_response(head | _application(name, versions))
    raise BatchError("ApplicationNotFound", "The specified application does not exist.")


async def list_supported_images(call: Call) -> web.Response:
    found: list[Doc] = [
        {
            "nodeAgentSKUId": agent,
            "imageReference": {"publisher": publisher, "offer": offer, "sku": sku, "version": "latest"},
            "osType": "windows" if "windows" in agent else "linux",
            "capabilities": list(capabilities),
            "verificationType": "verified",
        }
        for publisher, offer, sku, agent, capabilities in images.SUPPORTED
    ]
    return listing.page(call, _IMAGES, enumerate(found, 1))


async def list_node_agent_skus(call: Call) -> web.Response:
    """The node agents with their images: what api-versions before 2019-06-01 have instead of supported images."""
    if not old_versions.has_node_agents(call.version):
        raise BatchError("ResourceNotFound", "Since 2019-06-01, Batch lists supported images instead of node agents.")
    found: dict[str, Doc] = {}
    for publisher, offer, sku, agent, _ in images.SUPPORTED:
        system = "windows" if "windows" in agent else "linux"
        doc = found.setdefault(agent, {"id": agent, "verifiedImageReferences": [], "osType": system})
        doc["verifiedImageReferences"].append({"publisher": publisher, "offer": offer, "sku": sku, "version": "latest"})
    return listing.page(call, _NODE_AGENTS, enumerate(found.values(), 1))


async def list_pool_usage_metrics(call: Call) -> web.Response:
    return listing.page(call, _USAGE, [])


async def retired(_call: Call) -> web.Response:
    """Refuse an operation that Batch has retired."""
    raise BatchError("OperationNotSupported", "Batch has retired this operation.")


async def not_supported(call: Call) -> web.Response:
    """Refuse an operation that the emulator does not have."""
    raise BatchError(
        "OperationNotSupported", f"The emulator does not support {call.request.method} {call.request.path}."
    )
