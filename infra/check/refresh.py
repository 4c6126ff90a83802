"""Regenerates types.json: python -m infra.check.refresh (requires x64 Linux and a network; takes some minutes).

Most types come from @azure/mcp-linux-x64 on npm, which contains Microsoft's Bicep types except those of Monitor,
private DNS and locks. These are read from the models of Azure management libraries on PyPI.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from infra.check.models import shapes_of
from infra.check.syntax import parse
from infra.check.types import CACHE

NPM_PACKAGE = "@azure/mcp-linux-x64@2.0.5"
MONITOR = "azure-mgmt-monitor==7.0.0"
OLDER_MONITOR = "azure-mgmt-monitor==6.0.2"
PRIVATE_DNS = "azure-mgmt-privatedns==1.2.0"
RESOURCE = "azure-mgmt-resource==23.4.0"
FROM_MODELS = {
    "Microsoft.Authorization/locks@2016-09-01": (
        RESOURCE,
        "azure/mgmt/resource/locks/v2016_09_01/models",
        "ManagementLockObject",
    ),
    "Microsoft.Insights/actionGroups@2023-01-01": (MONITOR, "azure/mgmt/monitor/models", "ActionGroupResource"),
    "Microsoft.Insights/metricAlerts@2018-03-01": (MONITOR, "azure/mgmt/monitor/models", "MetricAlertResource"),
    "Microsoft.Insights/scheduledQueryRules@2023-12-01": (
        MONITOR,
        "azure/mgmt/monitor/models",
        "ScheduledQueryRuleResource",
    ),
    "Microsoft.Insights/diagnosticSettings@2021-05-01-preview": (
        OLDER_MONITOR,
        "azure/mgmt/monitor/v2021_05_01_preview/models",
        "DiagnosticSettingsResource",
    ),
    "Microsoft.Network/privateDnsZones@2024-06-01": (PRIVATE_DNS, "azure/mgmt/privatedns/models", "PrivateZone"),
    "Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01": (
        PRIVATE_DNS,
        "azure/mgmt/privatedns/models",
        "VirtualNetworkLink",
    ),
}
"""Resource type -> library, folder of its models, class name."""


def resource_types(infra: Path) -> list[str]:
    """The resource types, with API version, that the Bicep files under a folder use."""
    found = set()
    for path in sorted(infra.rglob("*.bicep")):
        for item in parse(path).declarations:
            if item.kind == "resource":
                found.add(item.resource_type)
    return sorted(found)


def main() -> int:
    work = Path(tempfile.mkdtemp(prefix="bicep-types-"))
    npm = Path(sys.executable).with_name("npm")
    subprocess.run([npm, "install", "--prefix", work, "--no-audit", "--no-fund", NPM_PACKAGE], check=True)
    azmcp = next(work.rglob("dist/azmcp"))
    types = {}
    for name in resource_types(Path(__file__).parents[1]):
        print(name, flush=True)
        types[name] = _from_models(work, *FROM_MODELS[name]) if name in FROM_MODELS else _from_bicep(azmcp, name)
    lines = []
    for name, shapes in types.items():
        rows = ",\n".join(f"   {json.dumps(key)}: {json.dumps(value)}" for key, value in shapes.items())
        lines.append(f' {json.dumps(name)}: {{"shapes": {{\n{rows}\n }}}}')
    CACHE.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    shutil.rmtree(work)
    return 0


def _from_models(work: Path, requirement: str, folder: str, name: str) -> dict[str, Any]:
    home = work / requirement
    if not home.exists():
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(home), requirement]
        subprocess.run(pip, check=True)
        with zipfile.ZipFile(next(home.glob("*.whl"))) as wheel:
            wheel.extractall(home)
    return shapes_of(home / folder / "_models_py3.py", name)


def _from_bicep(azmcp: Path, name: str) -> dict[str, Any]:
    """The shapes of a type from `azmcp bicepschema get`, reduced to those that a template can write."""
    command = [str(azmcp), "bicepschema", "get", "--resource-type", name.partition("@")[0]]
    environment = {**os.environ, "AZURE_MCP_COLLECT_TELEMETRY": "false"}
    result = subprocess.run(command, check=True, capture_output=True, env=environment)
    entries = json.loads(result.stdout)["results"]["BicepSchemaResult"]
    resource = next(entry for entry in entries if entry["$type"] == "Resource")
    if resource["name"].lower() != name.lower():
        raise SystemExit(f"{name} is used, but the published type is {resource['name']}")
    named = {entry["name"]: entry for entry in entries if "Object" in entry["$type"]}
    shapes: dict[str, Any] = {"": _entry(resource["bodyType"])}
    pending = [shapes[""]]
    while pending:
        for type_ in _types_in(pending.pop()):
            if type_ in named and type_ not in shapes:
                shapes[type_] = _entry(named[type_])
                pending.append(shapes[type_])
    return shapes


def _entry(source: dict[str, Any]) -> dict[str, Any]:
    if source["$type"] == "DiscriminatedObject":
        by = source["discriminator"]
        variants = {}
        for element in source["elements"]:
            marks = _marks(element["properties"])
            variants[marks[by].strip("!~")] = marks
        return {"by": by, "props": _marks(source["baseProperties"]), "of": variants}
    entry: dict[str, Any] = {"props": _marks(source["properties"])}
    if source.get("additionalPropertiesType"):
        entry["rest"] = source["additionalPropertiesType"]
    return entry


def _marks(source: list[dict[str, Any]]) -> dict[str, str]:
    marks = {}
    for item in source:
        flags = item.get("flags", "")
        marks[item["name"]] = item["type"] + "!" * ("Required" in flags) + "~" * ("ReadOnly" in flags)
    return marks


def _types_in(entry: dict[str, Any]) -> list[str]:
    marks = [*entry["props"].values(), entry.get("rest", "")]
    for variant in entry.get("of", {}).values():
        marks += variant.values()
    # Templates cannot write read-only properties, so their shapes are not needed.
    return [mark.removesuffix("!").removesuffix("[]") for mark in marks if not mark.endswith("~")]


if __name__ == "__main__":
    sys.exit(main())
