"""Applications, supported images and usage of the account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.batch.errors import BatchError
from local.batch.node import packages
from local.batch.wire import listing
from local.batch.wire.call import json_response

if TYPE_CHECKING:
    from aiohttp import web

    from local.batch.entity import Doc
    from local.batch.wire.call import Call

_APPLICATIONS = listing.kind("applications", ["id", "displayName", "versions"], "")
_IMAGES = listing.kind(
    "supportedimages",
    ["nodeAgentSKUId", "imageReference", "osType", "capabilities", "batchSupportEndOfLife", "verificationType"],
    "nodeAgentSKUId osType verificationType",
)
_USAGE = listing.kind("poolusagemetrics", [], "poolId")
_LINUX = (
    ("canonical", "ubuntu-24_04-lts", "server", "batch.node.ubuntu 24.04"),
    ("canonical", "0001-com-ubuntu-server-jammy", "22_04-lts", "batch.node.ubuntu 22.04"),
    ("debian", "debian-12", "12-gen2", "batch.node.debian 12"),
    ("almalinux", "almalinux-x86_64", "9-gen2", "batch.node.el 9"),
)


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
    images: list[Doc] = [
        {
            "nodeAgentSKUId": agent,
            "imageReference": {"publisher": publisher, "offer": offer, "sku": sku, "version": "latest"},
            "osType": "linux",
            "capabilities": [],
            "verificationType": "verified",
        }
        for publisher, offer, sku, agent in _LINUX
    ]
    return listing.page(call, _IMAGES, enumerate(images, 1))


async def list_pool_usage_metrics(call: Call) -> web.Response:
    return listing.page(call, _USAGE, [])


async def not_supported(call: Call) -> web.Response:
    """Refuse an operation that the emulator does not have."""
    raise BatchError(
        "OperationNotSupported", f"The emulator does not support {call.request.method} {call.request.path}."
    )
