"""The Bicep checker: it accepts our files and finds each kind of mistake in broken ones."""

import shutil
from pathlib import Path

import pytest

from infra.check.files import check, check_file
from infra.check.syntax import parse, text, walk
from tests.infra.bicep import INFRA

MODULE = """
@allowed(['a', 'b'])
param kind string
param count int = 1
param items thing[] = []
type thing = {
  name: string
  note: string?
}
var used = [kind, count, items]
output name string = string(used)
"""
MAIN = """
param place string
var zones = { first: 'x' }
var shapes = [
  { size: 1 }
]

resource account 'Microsoft.Storage/storageAccounts@2025-01-01' = {
  name: 'x${place}'
  location: place
  kind: 'StorageV2'
  sku: { name: 'Standard_LRS' }
  properties: {
    allowSharedKeyAccess: false
    networkAcls: { defaultAction: 'Deny' }
  }
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2025-01-01' = {
  parent: account
  name: 'default'
}

resource topic 'Microsoft.EventGrid/systemTopics/eventSubscriptions@2025-02-15' = {
  name: 'a/b'
  properties: {
    destination: {
      endpointType: 'AzureFunction'
      properties: { resourceId: 'x' }
    }
  }
}

module child 'child.bicep' = {
  name: 'child'
  params: {
    kind: 'a'
    count: 2
    items: [{ name: 'n' }]
  }
}

output all array = [account.properties.primaryEndpoints, child.outputs.name, zones.first]
output sizes array = [for shape in shapes: shape.size]
"""


def problems(folder: Path, main: str) -> list[str]:
    (folder / "child.bicep").write_text(MODULE)
    (folder / "main.bicep").write_text(main)
    parse.cache_clear()
    return [problem.text for problem in check(folder)]


def test_our_files_have_no_problems() -> None:
    parse.cache_clear()
    assert [str(problem) for problem in check(INFRA)] == []


def test_valid_file_has_no_problems(tmp_path: Path) -> None:
    assert problems(tmp_path, MAIN) == []


@pytest.mark.parametrize(
    ("right", "wrong", "found"),
    [
        ("allowSharedKeyAccess", "allowSharedKeyAcess", "no property 'allowSharedKeyAcess' (did you mean"),
        ("  kind: 'StorageV2'\n", "", "required property 'kind' is missing"),
        ("defaultAction: 'Deny'", "", "required property 'defaultAction' is missing"),
        ("'Standard_LRS'", "'Standard_LSR'", "'Standard_LSR' is not one of"),
        ("defaultAction: 'Deny'", "defaultAction: 'Refuse'", "'Refuse' is not one of Allow, Deny"),
        ("'StorageV2'", "'StorageV3'", "'StorageV3' is not one of"),
        ("allowSharedKeyAccess: false", "allowSharedKeyAccess: 'no'", "must be bool, not string"),
        ("allowSharedKeyAccess: false", "allowSharedKeyAccess: place", "but parameter place is string"),
        ("networkAcls: { defaultAction: 'Deny' }", "networkAcls: 'Deny'", "must be an object, not string"),
        ("allowSharedKeyAccess: false", "primaryLocation: 'x'", "is read-only"),
        ("'AzureFunction'", "'AzureFunktion'", "endpointType must be one of AzureFunction"),
        ("resourceId: 'x'", "resourceIdentity: 'x'", "no property 'resourceIdentity'"),
        ("  parent: account\n", "", "needs a parent"),
        ("name: 'default'", "name: 'other'", "'other' is not one of default"),
        ("storageAccounts@2025-01-01", "storageAccounts@1999-01-01", "is not in types.json"),
        ("    kind: 'a'\n", "", "needs parameter 'kind'"),
        ("count: 2", "counts: 2", "no parameter 'counts'"),
        ("count: 2", "count: 'two'", "must be int, not string"),
        ("kind: 'a'", "kind: 'c'", "'c' is not one of a, b"),
        ("{ name: 'n' }", "{ nmae: 'n' }", "no property 'nmae'"),
        ("'child.bicep'", "'chidl.bicep'", "chidl.bicep does not exist"),
        ("child.outputs.name", "child.outputs.nmae", "no output 'nmae'"),
        ("primaryEndpoints", "primaryEndpoint", "no property 'primaryEndpoint'"),
        ("zones.first", "zones.second", "no key 'second'"),
        ("shape.size", "shape.seize", "no key 'seize'"),
        ("location: place", "location: palce", "unknown name palce"),
        ("'x${place}'", "upper(place)", "unknown function upper"),
        ("var zones", "var unused = 1\nvar zones", "var unused is never used"),
        ("var zones", "var role = 'ba92f5b4-2d11-453d-a403-e96b0029c9fe'\nvar zones", "belong in roles.json"),
        ("var zones", "var query = loadTextContent('gone.kql')\nvar zones", "gone.kql is not a file"),
        ("sku: {", "sku: {{", "syntax error"),
    ],
)
def test_mistake_is_found(tmp_path: Path, right: str, wrong: str, found: str) -> None:
    assert right in MAIN

    reported = problems(tmp_path, MAIN.replace(right, wrong, 1))

    assert any(found in problem for problem in reported), reported


def test_every_misspelt_property_in_our_files_is_found(tmp_path: Path) -> None:
    copy = tmp_path / "infra"
    shutil.copytree(INFRA, copy, ignore=shutil.ignore_patterns("__pycache__"))
    # Prefixes of keys that are not checked: app settings, workbook content, declared types, the budget's notifications.
    unchecked: dict[str, tuple[str, ...]] = {
        "main.bicep": ("GIFDROP_",),
        "app.bicep": ("A", "WEBSITE_"),
        "workbook.bicep": ("",),
        "grants.bicep": ("",),
        "alerts.bicep": ("Actual", "Forecast"),
    }
    tried, missed = 0, []
    for path in sorted(copy.rglob("*.bicep")):
        content = path.read_bytes()
        for node in walk(parse(path).root):
            if node.type != "object_property" or len(node.named_children) < 2:
                continue
            key = node.named_children[0]
            if key.type != "identifier" or (path.name in unchecked and text(key).startswith(unchecked[path.name])):
                continue
            tried += 1
            # A new file each time, so that the modules it uses are parsed only once.
            broken = path.with_name(f"{tried}.bicep")
            broken.write_bytes(content[: key.end_byte] + b"x" + content[key.end_byte :])
            if not check_file(broken):
                missed.append(f"{path.name}:{key.start_point[0] + 1} {text(key)}")
            broken.unlink()
    parse.cache_clear()
    assert missed == []
    assert tried > 500
