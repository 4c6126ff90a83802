"""Translates pools between Azure Resource Manager's form and that of the Batch service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from batch_emulator.errors import BatchError
from batch_emulator.registries import Registry

if TYPE_CHECKING:
    from batch_emulator.entity import Doc

# Resource Manager's name of a property, at any depth -> the Batch service's.
_RENAMED = {
    "dynamicVnetAssignmentScope": "dynamicVNetAssignmentScope",
    "inboundNatPools": "inboundNATPools",
    "nodeAgentSkuId": "nodeAgentSKUId",
    "userName": "username",
}
_RENAMED_BACK = {batch: arm for arm, batch in _RENAMED.items()}
# Values that the two spell differently.
_VALUES = {
    "elevationLevel": {"admin": "Admin", "nonadmin": "NonAdmin"},
    "type": {"dockercompatible": "DockerCompatible", "cricompatible": "CriCompatible"},
    "scope": {"pool": "Pool", "task": "Task"},
    "protocol": {"tcp": "TCP", "udp": "UDP"},
    "targetNodeCommunicationMode": {"default": "Default", "classic": "Classic", "simplified": "Simplified"},
}
_COMMON = (
    "displayName",
    "vmSize",
    "networkConfiguration",
    "taskSlotsPerNode",
    "taskSchedulingPolicy",
    "userAccounts",
    "metadata",
    "startTask",
    "mountConfiguration",
    "targetNodeCommunicationMode",
    "upgradePolicy",
    "resourceTags",
)
"""Properties of the same name in both forms."""
_READ_ONLY = frozenset(
    [
        "lastModified",
        "creationTime",
        "provisioningState",
        "provisioningStateTransitionTime",
        "allocationState",
        "allocationStateTransitionTime",
        "currentDedicatedNodes",
        "currentLowPriorityNodes",
        "currentNodeCommunicationMode",
        "autoScaleRun",
        "resizeOperationStatus",
    ]
)
_OWN = frozenset(
    ["deploymentConfiguration", "scaleSettings", "interNodeCommunication", "applicationPackages", "certificates"]
)


def to_batch(body: object) -> Doc:
    """The pool of a request's body as a specification for the Batch service, not checked yet.

    Raises InvalidRequestBody for what has no meaning there.
    """
    whole = _object(body, "the top")
    properties = _object(whole.get("properties"), "properties")
    unknown = properties.keys() - _READ_ONLY - _OWN - set(_COMMON)
    if unknown:
        raise BatchError("InvalidRequestBody", Reason=f"The property '{min(unknown)}' does not exist at properties")
    spec: Doc = {name: _to_batch(properties[name]) for name in _COMMON if properties.get(name) is not None}
    if whole.get("tags"):
        spec["resourceTags"] = whole["tags"]
    deployment = _object(properties.get("deploymentConfiguration"), "deploymentConfiguration")
    if "cloudServiceConfiguration" in deployment:
        raise BatchError("OperationNotSupported", "Pools with cloudServiceConfiguration are retired.")
    if deployment.get("virtualMachineConfiguration") is not None:
        machine = _object(deployment["virtualMachineConfiguration"], "virtualMachineConfiguration")
        image = machine.get("imageReference")
        if isinstance(image, dict) and "id" in image:
            machine = machine | {"imageReference": {"virtualMachineImageId": image["id"]}}
        spec["virtualMachineConfiguration"] = _to_batch(machine)
    if properties.get("certificates"):
        raise BatchError("OperationNotSupported", "Certificates are retired.")
    communication = properties.get("interNodeCommunication")
    if communication is not None:
        spec["enableInterNodeCommunication"] = str(communication).lower() == "enabled"
    packages = properties.get("applicationPackages")
    if packages is not None:
        spec["applicationPackageReferences"] = [_package(each) for each in _array(packages, "applicationPackages")]
    if properties.get("scaleSettings") is not None:
        spec |= _size(_object(properties["scaleSettings"], "scaleSettings"))
    identity = _identity(_object(whole.get("identity"), "identity"))
    return spec if identity is None else spec | {"identity": identity}


def _object(value: object, path: str) -> Doc:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BatchError("InvalidRequestBody", Reason=f"An object is expected at {path}")
    return value


def _array(value: object, path: str) -> list[object]:
    if not isinstance(value, list):
        raise BatchError("InvalidRequestBody", Reason=f"An array is expected at {path}")
    return value


def _to_batch(value: object) -> object:
    if isinstance(value, dict):
        return {_RENAMED.get(name, name): _to_batch(item) for name, item in value.items()}
    return [_to_batch(item) for item in value] if isinstance(value, list) else value


def _package(value: object) -> Doc:
    """A reference to an application package; Resource Manager names the application by its resource id."""
    given = _object(value, "applicationPackages")
    found: Doc = {"applicationId": str(given.get("id", "")).rstrip("/").rpartition("/")[2]}
    return found | ({"version": given["version"]} if given.get("version") is not None else {})


def _size(settings: Doc) -> Doc:
    fixed, auto = settings.get("fixedScale"), settings.get("autoScale")
    if fixed is not None and auto is not None:
        raise BatchError("MutuallyExclusiveProperties", "Only one of fixedScale, autoScale is allowed.")
    if auto is not None:
        given = _object(auto, "autoScale")
        found = {
            "autoScaleFormula": given.get("formula"),
            "autoScaleEvaluationInterval": given.get("evaluationInterval"),
        }
        return {"enableAutoScale": True} | {name: value for name, value in found.items() if value is not None}
    given = _object(fixed, "fixedScale")
    names = ("resizeTimeout", "targetDedicatedNodes", "targetLowPriorityNodes", "nodeDeallocationOption")
    found = {name: given[name] for name in names if given.get(name) is not None}
    return found if "resizeTimeout" in found and len(found) == 1 else {"targetDedicatedNodes": 0} | found


def _identity(given: Doc) -> Doc | None:
    if not given or str(given.get("type", "")).lower() == "none":
        return None
    if str(given.get("type", "")).lower() != "userassigned":
        raise BatchError("InvalidPropertyValue", PropertyName="identity.type", PropertyValue=given.get("type"))
    identities = _object(given.get("userAssignedIdentities"), "userAssignedIdentities")
    if not identities:
        raise BatchError("MissingRequiredProperty", PropertyName="identity.userAssignedIdentities")
    return {"type": "UserAssigned", "userAssignedIdentities": [{"resourceId": name} for name in identities]}


def from_batch(doc: Doc, *, resource_id: str, account_id: str) -> Doc:
    """A pool of the Batch service in Resource Manager's form."""
    properties: Doc = {
        "provisioningState": "Succeeded" if doc["state"] == "active" else "Deleting",
        "provisioningStateTransitionTime": doc["stateTransitionTime"],
        "allocationState": doc["allocationState"].capitalize(),
        "deploymentConfiguration": {"virtualMachineConfiguration": _machine(doc)},
        "interNodeCommunication": "Enabled" if doc["enableInterNodeCommunication"] else "Disabled",
        "scaleSettings": _scale_settings(doc),
        "resizeOperationStatus": _resize_status(doc),
    }
    same = ("creationTime", "lastModified", "allocationStateTransitionTime", "currentDedicatedNodes")
    for name in (*same, "currentLowPriorityNodes", *_COMMON):
        if name in doc:
            properties[name] = _from_batch(doc[name], name)
    if "applicationPackageReferences" in doc:
        properties["applicationPackages"] = [
            {"id": f"{account_id}/applications/{each['applicationId']}"}
            | ({"version": each["version"]} if "version" in each else {})
            for each in doc["applicationPackageReferences"]
        ]
    if "autoScaleRun" in doc:
        run = dict(doc["autoScaleRun"])
        properties["autoScaleRun"] = {"evaluationTime": run.pop("timestamp")} | run
    found: Doc = {
        "id": resource_id,
        "name": doc["id"],
        "type": "Microsoft.Batch/batchAccounts/pools",
        "etag": f'W/"{doc["eTag"]}"',
        "properties": properties,
    }
    if "identity" in doc:
        found["identity"] = {
            "type": "UserAssigned",
            "userAssignedIdentities": {
                each["resourceId"]: {name: each[name] for name in ("clientId", "principalId") if name in each}
                for each in doc["identity"]["userAssignedIdentities"]
            },
        }
    return found


def _from_batch(value: object, name: str = "") -> object:
    if isinstance(value, Registry):
        return value.doc  # its `username` has the same name in both forms
    if isinstance(value, dict):
        return {_RENAMED_BACK.get(key, key): _from_batch(item, key) for key, item in value.items()}
    if isinstance(value, list):
        return [_from_batch(item) for item in value]
    return _VALUES.get(name, {}).get(value.lower(), value) if isinstance(value, str) else value


def _machine(doc: Doc) -> Doc:
    machine: Doc = doc.get("virtualMachineConfiguration", {})
    image = machine.get("imageReference", {})
    if "virtualMachineImageId" in image:
        machine = machine | {"imageReference": {"id": image["virtualMachineImageId"]}}
    return _object(_from_batch(machine), "virtualMachineConfiguration")


def _scale_settings(doc: Doc) -> Doc:
    if doc["enableAutoScale"]:
        interval = doc["autoScaleEvaluationInterval"]
        return {"autoScale": {"formula": doc["autoScaleFormula"], "evaluationInterval": interval}}
    names = ("resizeTimeout", "targetDedicatedNodes", "targetLowPriorityNodes")
    return {"fixedScale": {name: doc[name] for name in names}}


def _resize_status(doc: Doc) -> Doc:
    names = ("resizeTimeout", "targetDedicatedNodes", "targetLowPriorityNodes")
    status: Doc = {name: doc[name] for name in names}
    status |= {"nodeDeallocationOption": "Requeue", "startTime": doc["allocationStateTransitionTime"]}
    if "resizeErrors" in doc:
        status["errors"] = [{"code": each["code"], "message": each["message"]} for each in doc["resizeErrors"]]
    return status
