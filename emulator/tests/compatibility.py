"""Writes COMPATIBILITY.md from the routes and schemas: `python -m compatibility` in this folder."""

from __future__ import annotations

import inspect
import re

from batch_emulator.api.routes import ROUTES, Operation
from batch_emulator.arm.routes import ROUTES as ARM_ROUTES
from batch_emulator.schema.checks import Body
from batch_emulator.wire import old_versions
from support.emulators import ROOT

PAGE = ROOT / "COMPATIBILITY.md"
SINCE = {
    "list_supported_images": "2019-06-01.9.0",
    "list_node_agent_skus": "before 2019-06-01.9.0",
    "list_node_extensions": "2021-06-01.14.0",
    "get_node_extension": "2021-06-01.14.0",
    "deallocate_node": "2024-07-01.20.0",
    "start_node": "2024-07-01.20.0",
}
"""Operations that are newer than the oldest api-version that the emulator accepts."""


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


BATCH_14 = _names(
    "pool_exists create_pool get_pool list_pools update_pool delete_pool resize_pool enable_pool_auto_scale "
    "disable_pool_auto_scale evaluate_pool_auto_scale list_nodes reboot_node list_pool_node_counts create_job "
    "get_job update_job delete_job disable_job enable_job terminate_job get_job_task_counts create_task "
    "create_task_collection get_task list_tasks delete_task reactivate_task terminate_task download_task_file "
    "get_task_file_properties list_task_files create_job_schedule get_job_schedule delete_job_schedule "
    "list_applications list_supported_images"
)
"""What `sdks/azure_batch_14.py` calls."""
AZ = _names(
    "create_pool get_pool list_pools delete_pool create_job get_job_task_counts delete_job create_task_collection "
    "list_tasks list_task_files download_task_file get_task_file_properties"
)
"""What test_az.py calls."""
NODE = _names(
    "create_pool create_job create_task_collection get_job_task_counts list_tasks download_task_file get_job "
    "delete_job delete_pool"
)
"""What `node/client.cjs` calls."""
SNAKEMAKE = _names("create_job create_task get_task get_pool list_nodes download_task_file delete_job delete_pool")
"""What snakemake's azure-batch plugin calls."""
SAMPLES = _names(
    "create_pool create_job create_task_collection list_tasks get_task download_task_file delete_job delete_pool"
)
"""What Microsoft's quickstart and ffmpeg tutorial call."""
CLIENTS = {"azure-batch 14": BATCH_14, "az": AZ, "Node": NODE, "snakemake": SNAKEMAKE, "samples": SAMPLES}
_SDK_NAMES = {"create_task_collection": "create_tasks", "list_jobs_from_schedule": "list_jobs_from_schedule"}


def operations() -> dict[str, tuple[str, str, Operation]]:
    """Operation -> method, path and function, without those that are refused."""
    return {
        operation.__name__: (method, re.sub(r":[^}]*\}", "}", path), operation)
        for method, path, operation in ROUTES
        if operation.__name__ != "retired"
    }


def called_by_the_tests() -> set[str]:
    """Operations that the tests call through azure-batch 15."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py"))
    called = set(re.findall(r"client\.(?:begin_)?(\w+)\(", text))
    return {name for name in operations() if _SDK_NAMES.get(name, name) in called}


def body_of(operation: Operation) -> Body | None:
    """The schema of an operation's body, if it has one."""
    found = re.search(r"\bbodies\.(\w+)", inspect.getsource(operation))
    if found is None:
        return None
    schema = getattr(operation.__globals__["bodies"], found[1])
    return schema if isinstance(schema, Body) else None


def page() -> str:
    """The whole page."""
    tested = {"azure-batch 15": called_by_the_tests(), **CLIENTS}
    lines = [
        "# Compatibility",
        "",
        "Generated from the routes and the schemas by `tests/compatibility.py`; a test compares them. Other requests",
        "are refused, with the properties and parameters that are not listed here.",
        "",
        "## The Batch service",
        "",
        f"Accepted api-versions: from {old_versions.OLDEST}. *Since* is the api-version that introduced the",
        "operation, if it is later. *Tested by* names the clients whose tests here call the operation; Microsoft's own",
        "tests are in [CONFORMANCE.md](CONFORMANCE.md).",
        "",
        "| operation | request | since | tested by |",
        "|---|---|---|---|",
    ]
    for name, (method, path, _) in operations().items():
        clients = ", ".join(client for client, called in tested.items() if name in called)
        lines.append(f"| {name} | `{method} {path}` | {SINCE.get(name, '')} | {clients} |")
    lines += ["", "## Azure Resource Manager", "", "Tested by azure-mgmt-batch 19. Any api-version is accepted.", ""]
    lines += ["| operation | request |", "|---|---|"]
    for method, path, arm_operation in ARM_ROUTES:
        short = path.replace("/subscriptions/{subscription}", "…").replace("\\", "")
        lines.append(f"| {arm_operation.__name__} | `{method} {short}` |")
    lines += [
        "",
        "## Properties of request bodies",
        "",
        "Required ones are bold.",
        "",
        "| operation | properties |",
        "|---|---|",
    ]
    for name, (_, _, operation) in operations().items():
        body = body_of(operation)
        if body is not None:
            names = sorted(body.properties, key=lambda each: (each not in body.required, each.lower()))
            shown = ", ".join(f"**{each}**" if each in body.required else each for each in names)
            lines.append(f"| {name} | {shown} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
