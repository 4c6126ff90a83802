"""Schemas that tasks, jobs and pools share."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from batch_emulator import defaults
from batch_emulator.errors import BatchError
from batch_emulator.schema import containers
from batch_emulator.schema.checks import (
    Check,
    body,
    duration,
    exactly_one,
    identifier,
    integer,
    many,
    one_of,
    text,
)

if TYPE_CHECKING:
    from batch_emulator.entity import Doc

metadata = many(body("name value", name=text(), value=text()))
environment = many(body("name", name=text(), value=text()))
identity = body(resourceId=text())
packages = many(body("applicationId", applicationId=text(64), version=text(64)))
_user_identity = body(
    username=text(),
    autoUser=body(scope=one_of("task", "pool"), elevationLevel=one_of("nonadmin", "admin")),
)


def user_identity(given: object, path: str) -> Doc:
    value = _user_identity(given, path)
    return value if "username" in value else {"autoUser": defaults.USER["autoUser"] | value.get("autoUser", {})}


constraints = body(maxWallClockTime=duration(), retentionTime=duration(), maxTaskRetryCount=integer(-1))
_resource_file = body(
    autoStorageContainerName=text(),
    storageContainerUrl=text(),
    httpUrl=text(),
    blobPrefix=text(),
    filePath=text(),
    fileMode=text(),
    identityReference=identity,
)


def resource_file(given: object, path: str) -> Doc:
    value = _resource_file(given, path)
    source = exactly_one(value, ("httpUrl", "storageContainerUrl", "autoStorageContainerName"), path)
    if source == "httpUrl":
        exactly_one(value, ("filePath",), path)
    return value


_upload_condition = one_of("tasksuccess", "taskfailure", "taskcompletion")
output_file = body(
    "filePattern destination uploadOptions",
    filePattern=text(),
    destination=body(
        "container",
        container=body(
            "containerUrl",
            path=text(),
            containerUrl=text(),
            identityReference=identity,
            uploadHeaders=many(body("name", name=text(), value=text())),
        ),
    ),
    uploadOptions=body("uploadCondition", uploadCondition=_upload_condition),
)


def unsupported(what: str) -> Check:
    """Refuse any value: the emulator does not support `what`."""

    def check(_value: object, _path: str) -> NoReturn:
        raise BatchError("OperationNotSupported", f"{what} are not supported by the emulator.")

    return check


authentication_tokens = body(access=many(one_of("job")))
# Clients send an empty array where they have none.
certificates = many(unsupported("Certificates"))

# The common properties of tasks, start tasks, preparation and release tasks.
command: dict[str, Check] = {
    "commandLine": text(),
    "containerSettings": containers.settings,
    "resourceFiles": many(resource_file),
    "environmentSettings": environment,
    "userIdentity": user_identity,
}
task_id = identifier

_WITHOUT_CONTAINERS = ("startTask", "jobManagerTask", "jobPreparationTask", "jobReleaseTask")


def refuse_containers(value: object) -> None:
    """Refuse a start, manager, preparation or release task with container settings, wherever it is in `value`."""
    for name, item in value.items() if isinstance(value, dict) else ():
        if name in _WITHOUT_CONTAINERS and isinstance(item, dict) and item.get("containerSettings") is not None:
            raise BatchError("OperationNotSupported", "Container tasks are not supported; see --containers.")
        refuse_containers(item)
