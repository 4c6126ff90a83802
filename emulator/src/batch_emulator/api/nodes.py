"""Operations on the nodes of a pool and their users."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from batch_emulator.errors import BatchError
from batch_emulator.machine import node_logs
from batch_emulator.node import lifecycle as node_lifecycle
from batch_emulator.schema import pools as bodies
from batch_emulator.wire import listing
from batch_emulator.wire.call import REQUEST_ID, empty_response, entity_response, json_response

if TYPE_CHECKING:
    from aiohttp import web

    from batch_emulator.entity import Doc
    from batch_emulator.node.model import Node
    from batch_emulator.wire.call import Call

_PROPERTIES = [
    "id",
    "url",
    "state",
    "schedulingState",
    "stateTransitionTime",
    "lastBootTime",
    "allocationTime",
    "ipAddress",
    "ipv6Address",
    "affinityId",
    "vmSize",
    "totalTasksRun",
    "runningTasksCount",
    "runningTaskSlotsCount",
    "totalTasksSucceeded",
    "recentTasks",
    "startTask",
    "startTaskInfo",
    "certificateReferences",
    "errors",
    "isDedicated",
    "endpointConfiguration",
    "nodeAgentInfo",
    "virtualMachineInfo",
]
NODES = listing.kind(
    "nodes",
    _PROPERTIES,
    "id state schedulingState stateTransitionTime lastBootTime allocationTime isDedicated ipAddress affinityId "
    "totalTasksRun vmSize",
)
_EXTENSIONS = listing.kind("extensions", ["provisioningState", "vmExtension", "instanceView"], "")
_NODE_EXTENSION: Doc = {
    "name": "batchNodeExtension",
    "publisher": "Microsoft.Azure.Extensions",
    "type": "CustomScript",
    "typeHandlerVersion": "2.0",
    "autoUpgradeMinorVersion": True,
}
_UNREACHABLE = ("creating", "starting", "rebooting", "reimaging", "preempted", "leavingpool", "deallocated", "unknown")


async def list_nodes(call: Call) -> web.Response:
    pool = call.account.pool(call.path_variable("pool"))
    return listing.page(call, NODES, ((node.seq, node.doc) for node in pool.nodes.values()))


async def get_node(call: Call) -> web.Response:
    node = call.node()
    return entity_response(call, node, "nodes", listing.project(node.doc, listing.selected(call, NODES)))


def _usable(node: Node) -> Node:
    if node.removal is not None or node.state in _UNREACHABLE:
        raise BatchError("NodeNotReady", f"The node is {node.state}.", NodeState=node.state)
    return node


async def reboot_node(call: Call) -> web.Response:
    node = _usable(call.node())
    change = await call.body(bodies.reboot, optional=True)
    node_lifecycle.start_restart(node, option=change.get("nodeRebootOption", "requeue"), state="rebooting")
    return empty_response(202, node)


async def reimage_node(call: Call) -> web.Response:
    node = _usable(call.node())
    change = await call.body(bodies.reimage, optional=True)
    node_lifecycle.start_restart(node, option=change.get("nodeReimageOption", "requeue"), state="reimaging")
    return empty_response(202, node)


async def deallocate_node(call: Call) -> web.Response:
    node = _usable(call.node())
    change = await call.body(bodies.deallocate, optional=True)
    node_lifecycle.start_deallocate(node, option=change.get("nodeDeallocateOption", "requeue"))
    return empty_response(202, node)


async def start_node(call: Call) -> web.Response:
    node = call.node()
    if node.state != "deallocated":
        raise BatchError("OperationInvalidForCurrentState", f"The node is {node.state}.")
    node_lifecycle.start(node)
    return empty_response(202, node)


async def disable_node_scheduling(call: Call) -> web.Response:
    node = call.node()
    change = await call.body(bodies.disable_scheduling, optional=True)
    if node.doc["schedulingState"] == "disabled":
        raise BatchError("NodeAlreadyInTargetSchedulingState", "Scheduling is disabled on the node already.")
    node_lifecycle.disable_scheduling(node)
    option = change.get("nodeDisableSchedulingOption", "requeue")
    if option.lower() != "taskcompletion":
        call.account.run_in_background(asyncio.create_task(node_lifecycle.drain(node, option)))
    return empty_response(200, node)


async def enable_node_scheduling(call: Call) -> web.Response:
    node = call.node()
    if node.doc["schedulingState"] == "enabled":
        raise BatchError("NodeAlreadyInTargetSchedulingState", "Scheduling is enabled on the node already.")
    node_lifecycle.enable_scheduling(node)
    return empty_response(200, node)


async def get_node_remote_login_settings(call: Call) -> web.Response:
    call.node()
    return json_response(
        {
            "odata.metadata": f"{call.base}/$metadata#Microsoft.Azure.Batch.Protocol.Entities.Container.pools.nodes",
            "remoteLoginIPAddress": "127.0.0.1",
            "remoteLoginPort": 22,
            "ipv6RemoteLoginIPAddress": "::1",
            "ipv6RemoteLoginPort": 22,
        }
    )


async def create_node_user(call: Call) -> web.Response:
    node = call.node()
    name = (await call.body(bodies.create_user))["name"]
    if name in node.users:
        raise BatchError("NodeUserExists", "The specified user exists on the node already.")
    node.users.add(name)
    node.save()
    return empty_response(201, node, location=f"{node.doc['url']}/users/{name}")


async def replace_node_user(call: Call) -> web.Response:
    node = call.node()
    await call.body(bodies.replace_user)
    _known_user(call, node)
    return empty_response(200, node)


async def delete_node_user(call: Call) -> web.Response:
    node = call.node()
    node.users.discard(_known_user(call, node))
    node.save()
    return empty_response(200)


def _known_user(call: Call, node: Node) -> str:
    name = call.path_variable("user")
    if name not in node.users:
        raise BatchError("NodeUserNotFound", "The specified user does not exist on the node.")
    return name


async def list_node_extensions(call: Call) -> web.Response:
    return listing.page(call, _EXTENSIONS, enumerate(_extensions(call.node()), 1))


async def get_node_extension(call: Call) -> web.Response:
    wanted = call.path_variable("extension").lower()
    for extension in _extensions(call.node()):
        if extension["vmExtension"]["name"].lower() == wanted:
            return json_response({"odata.metadata": f"{call.base}/$metadata#extensions/@Element"} | extension)
    raise BatchError("ResourceNotFound", "The node has no such extension.")


def _extensions(node: Node) -> list[Doc]:
    """The extensions of its pool, and Batch's own."""
    configured = node.pool.doc.get("virtualMachineConfiguration", {}).get("extensions", [])
    status = {"code": "ProvisioningState/succeeded", "level": 0, "displayStatus": "Provisioning succeeded"}
    return [
        {
            "provisioningState": "Succeeded",
            "instanceView": {"name": each["name"], "statuses": [status]},
            "vmExtension": each,
        }
        for each in [*configured, _NODE_EXTENSION]
    ]


async def upload_node_logs(call: Call) -> web.Response:
    """Begin to upload a log of the node, which Batch does after its response, too."""
    node = call.node()
    given = await call.body(bodies.upload_logs)
    account = call.account
    folder = f"{account.options.account}/{node.pool.id}/{node.id}/{call.request[REQUEST_ID]}"
    account.run_in_background(asyncio.create_task(node_logs.upload(account.machine, node, given, folder)))
    kind = "Microsoft.Azure.Batch.Protocol.Entities.UploadBatchServiceLogsResult"
    head = {"odata.metadata": f"{call.base}/$metadata#{kind}"}
    return json_response(head | {"virtualDirectoryName": folder, "numberOfFilesUploaded": 1})
