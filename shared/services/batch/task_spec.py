"""Builds the Batch task of one attempt at a conversion: pure functions, no calls."""

from __future__ import annotations

import shlex
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote

from azure.batch import models

from shared.names import EXTRA_FILES, GIF_FILE, RESULT_FILE, content_type, package_variable, task_id
from shared.targets import TARGETS

if TYPE_CHECKING:
    from shared.conversion import Conversion
    from shared.options import Options
    from shared.settings import Settings

INPUT_FILE = "input.video"


def command_line(options: Options, settings: Settings) -> str:
    """The command line of the task. On the node the video is always `input.video`, whatever its blob's name.

    Batch runs no shell by itself; one is named here to expand the variable of the package's directory:
    https://learn.microsoft.com/azure/batch/batch-compute-node-environment-variables#command-line-expansion-of-environment-variables
    """
    path = f"${package_variable(settings.package_id, settings.package_version)}/launch.py"
    # The version is the SHA-256 of launch.py, which checks ffmpeg and all other files before it runs the converter.
    check = f'sha256sum --check --strict --quiet <<<"{settings.package_version}  {path}" >&2 || exit 1'
    script = f'{check}; exec python3 -I "{path}" {shlex.join([*_flags(options, settings), INPUT_FILE])}'
    return f"/bin/bash -c {shlex.quote(script)}"


def _flags(options: Options, settings: Settings) -> list[str]:
    """The converter's flags. It knows no targets, only their limits; an option that is not set has no flag."""
    target = TARGETS.get(options.target or "")
    budgets = [size for size in (options.max_bytes, target.bytes if target else None) if size is not None]
    values = {name: value for name, value in options.to_json().items() if name not in ("target", "max_bytes")} | {
        "budget": min(budgets, default=None),
        "max_width": target.width if target else None,
        "max_height": target.height if target else None,
        "max_frames": target.frames if target else None,
        "max_duration": settings.max_seconds,
        "max_bytes": settings.max_gif_bytes,
    }
    flags: list[str] = []
    for name, value in values.items():
        flag = f"--{name.replace('_', '-')}"
        match value:
            case None:
                pass
            case True:
                flags.append(flag)
            case list():
                flags += [flag, ",".join(value)]
            case float():
                flags += [flag, f"{value:.15g}"]
            case _:
                flags += [flag, str(value)]
    return flags


def build_task(conversion: Conversion, settings: Settings) -> models.BatchTaskCreateOptions:
    """The task of the conversion's present attempt. The pool's identity reads the video and writes the outputs."""
    identity = models.BatchNodeIdentityReference(resource_id=settings.pool_identity)
    id_ = task_id(conversion.id, conversion.attempt)

    def output(pattern: str, container: str, name: str, content_type: str, when: str) -> models.OutputFile:
        return models.OutputFile(
            file_pattern=pattern,
            destination=models.OutputFileDestination(
                container=models.OutputFileBlobContainerDestination(
                    container_url=f"{settings.storage_url}/{container}",
                    path=f"{id_}/{name}",
                    identity_reference=identity,
                    upload_headers=[models.OutputFileUploadHeader(name="Content-Type", value=content_type)],
                )
            ),
            upload_options=models.OutputFileUploadConfiguration(
                upload_condition=models.OutputFileUploadCondition(when)
            ),
        )

    pictures = [GIF_FILE, *(EXTRA_FILES[kind] for kind in conversion.options.also)]
    logs_when = "taskcompletion" if settings.logs == "always" else "taskfailure"
    return models.BatchTaskCreateOptions(
        id=id_,
        display_name=conversion.video,
        command_line=command_line(conversion.options, settings),
        application_package_references=[
            models.BatchApplicationPackageReference(
                application_id=settings.package_id, version=settings.package_version
            )
        ],
        resource_files=[
            models.ResourceFile(
                http_url=f"{settings.storage_url}/{settings.input_container}/{quote(conversion.video)}",
                file_path=INPUT_FILE,
                identity_reference=identity,
            )
        ],
        output_files=[
            # Only files that were asked for: a pattern that matches nothing could fail the task.
            *(output(name, settings.staging_container, name, content_type(name), "tasksuccess") for name in pictures),
            output(RESULT_FILE, settings.staging_container, RESULT_FILE, "application/json", "tasksuccess"),
            output("../stdout.txt", settings.logs_container, "stdout.txt", "text/plain", logs_when),
            output("../stderr.txt", settings.logs_container, "stderr.txt", "text/plain", logs_when),
        ],
        environment_settings=[
            # The converter writes it into result.json, which leads the event of that file to the video's record.
            models.EnvironmentSetting(name="GIFDROP_VIDEO", value=quote(conversion.video)),
            models.EnvironmentSetting(name="GIFDROP_SANDBOX", value=settings.sandbox),
        ],
        user_identity=models.UserIdentity(
            auto_user=models.AutoUserSpecification(
                scope=models.AutoUserScope.TASK, elevation_level=models.ElevationLevel.NON_ADMIN
            )
        ),
        constraints=models.BatchTaskConstraints(
            max_wall_clock_time=timedelta(seconds=settings.task_seconds),
            # A non-zero exit is a failure of the node: Batch retries at once, the app later and on another node.
            max_task_retry_count=1,
            retention_time=timedelta(hours=1),
        ),
    )
