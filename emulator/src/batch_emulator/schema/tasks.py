"""Schemas of task requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from batch_emulator.schema import common
from batch_emulator.schema.checks import anything, body, integer, invalid, many, one_of, text

if TYPE_CHECKING:
    from batch_emulator.entity import Doc

_exit_options = body(jobAction=one_of("none", "disable", "terminate"), dependencyAction=one_of("satisfy", "block"))
_exit_conditions = body(
    exitCodes=many(body("code exitOptions", code=integer(-(2**31)), exitOptions=_exit_options)),
    exitCodeRanges=many(
        body("start end exitOptions", start=integer(-(2**31)), end=integer(-(2**31)), exitOptions=_exit_options)
    ),
    preProcessingError=_exit_options,
    fileUploadError=_exit_options,
    default=_exit_options,
)

_ends = body("start end", start=integer(0), end=integer(0))


def _id_range(given: object, path: str) -> Doc:
    value = _ends(given, path)
    if value["start"] > value["end"]:
        raise invalid(path, f"{value['start']} to {value['end']}", "The start is after the end")
    return value


create = body(
    "id commandLine",
    **common.command,
    id=common.task_id,
    displayName=text(1024),
    exitConditions=_exit_conditions,
    outputFiles=many(common.output_file),
    affinityInfo=body("affinityId", affinityId=text()),
    constraints=common.constraints,
    requiredSlots=integer(1, 256),
    multiInstanceSettings=anything,
    dependsOn=body(
        taskIds=many(text(64)),
        taskIdRanges=many(_id_range),
    ),
    applicationPackageReferences=common.packages,
    authenticationTokenSettings=common.authentication_tokens,
)
collection = body("value", value=many(anything))
replace = body(constraints=common.constraints)
