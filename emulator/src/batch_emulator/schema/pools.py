"""Schemas of pool and node requests."""

from __future__ import annotations

from batch_emulator.schema import common, images, networks
from batch_emulator.schema.checks import (
    Check,
    anything,
    body,
    boolean,
    duration,
    identifier,
    integer,
    many,
    moment,
    one_of,
    text,
)

start_task = body("commandLine", **common.command, maxTaskRetryCount=integer(-1), waitForSuccess=boolean)
_deallocation = one_of("requeue", "terminate", "taskcompletion", "retaineddata")
_evaluation_interval = duration(300, 168 * 3600)
_machine: dict[str, Check] = {
    "displayName": text(1024),
    "vmSize": text(),
    "virtualMachineConfiguration": images.machine,
    "enableInterNodeCommunication": boolean,
    "networkConfiguration": networks.network,
    "startTask": start_task,
    "applicationPackageReferences": common.packages,
    "taskSlotsPerNode": integer(1, 256),
    "taskSchedulingPolicy": body(
        "nodeFillType", jobDefaultOrder=one_of("none", "creationtime"), nodeFillType=one_of("Spread", "Pack")
    ),
    "userAccounts": many(anything),
    "metadata": common.metadata,
    "mountConfiguration": many(anything),
    "upgradePolicy": anything,
    "targetNodeCommunicationMode": one_of("default", "classic", "simplified"),
    "resourceTags": anything,
}
_size: dict[str, Check] = {
    "resizeTimeout": duration(300, 168 * 3600),
    "targetDedicatedNodes": integer(0),
    "targetLowPriorityNodes": integer(0),
    "enableAutoScale": boolean,
    "autoScaleFormula": text(),
    "autoScaleEvaluationInterval": _evaluation_interval,
}
_old_properties: dict[str, Check] = {
    "certificateReferences": common.certificates,
    "cloudServiceConfiguration": common.unsupported("Pools with cloudServiceConfiguration, which are retired,"),
    "applicationLicenses": many(anything),
}

specification = body("vmSize virtualMachineConfiguration", **_machine, **_size, **_old_properties)
create = body("id vmSize virtualMachineConfiguration", **_machine, **_size, **_old_properties, id=identifier)
seed = body(
    "id vmSize",
    **_machine,
    **_size,
    id=identifier,
    identity=body(
        type=text(),
        userAssignedIdentities=many(body("resourceId", resourceId=text(), clientId=text(), principalId=text())),
    ),
)
update = body(**_machine, **_old_properties)
arm_size = body(**_size, nodeDeallocationOption=_deallocation)
replace = body(
    startTask=start_task,
    applicationPackageReferences=common.packages,
    metadata=common.metadata,
    certificateReferences=common.certificates,
    targetNodeCommunicationMode=text(),
)
resize = body(
    targetDedicatedNodes=integer(0),
    targetLowPriorityNodes=integer(0),
    resizeTimeout=duration(300, 168 * 3600),
    nodeDeallocationOption=_deallocation,
)
enable_autoscale = body(autoScaleFormula=text(), autoScaleEvaluationInterval=_evaluation_interval)
evaluate_autoscale = body("autoScaleFormula", autoScaleFormula=text())
remove_nodes = body(
    "nodeList",
    nodeList=many(text(64), max_items=100),
    resizeTimeout=duration(300, 168 * 3600),
    nodeDeallocationOption=_deallocation,
)
reboot = body(nodeRebootOption=_deallocation)
reimage = body(nodeReimageOption=_deallocation)
deallocate = body(nodeDeallocateOption=_deallocation)
disable_scheduling = body(nodeDisableSchedulingOption=one_of("requeue", "terminate", "taskcompletion"))
upload_logs = body(
    "containerUrl startTime",
    containerUrl=text(),
    startTime=moment,
    endTime=moment,
    identityReference=common.identity,
)
create_user = body("name", name=text(64), isAdmin=boolean, expiryTime=moment, password=text(), sshPublicKey=text())
replace_user = body(expiryTime=moment, password=text(), sshPublicKey=text())
