"""Twenty mistakes that the Bicep compiler reports: those that the schema lint finds, and those that only CI finds."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from infra.check.files import check
from infra.check.syntax import parse
from tests.infra.bicep import ROOT

CHILD = """
param kind string
param count int = 1
output name string = '${kind}${count}'
"""
MAIN = """
@minLength(3)
param place string
@allowed(['small', 'large'])
param size string = 'small'
param extra bool = false
var short = take(place, 3)
var long = '${short}-${size}'

resource account 'Microsoft.Storage/storageAccounts@2025-01-01' = {
  name: 'x${long}'
  location: place
  kind: 'StorageV2'
  sku: { name: 'Standard_LRS' }
  properties: {
    allowSharedKeyAccess: false
  }
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2025-01-01' = {
  parent: account
  name: 'default'
}

module child 'child.bicep' = {
  name: 'child'
  params: {
    kind: toLower(place)
    count: 2
  }
}

module other 'child.bicep' = if (extra) {
  name: 'other'
  params: { kind: 'b' }
}

output id string = account.id
output names string[] = [child.outputs.name, blobs.name]
output otherName string = extra ? other!.outputs.name : ''
"""


@dataclass(frozen=True)
class Mistake:
    """`right` becomes `wrong`; `found` is in the lint's message, empty if only the compiler finds it."""

    right: str
    wrong: str
    found: str


MISTAKES = {
    "misspelt property": Mistake("allowSharedKeyAccess", "allowSharedKeyAcess", "no property"),
    "missing property": Mistake("  kind: 'StorageV2'\n", "", "required property 'kind'"),
    "literal of another type": Mistake("allowSharedKeyAccess: false", "allowSharedKeyAccess: 'no'", "must be bool"),
    "unknown name": Mistake("location: place", "location: palce", "unknown name palce"),
    "unknown function": Mistake("toLower(place)", "lower(place)", "unknown function lower"),
    "missing parameter": Mistake("    kind: toLower(place)\n", "", "needs parameter 'kind'"),
    "unknown parameter": Mistake("count: 2", "counts: 2", "no parameter 'counts'"),
    "unknown output": Mistake("child.outputs.name", "child.outputs.nmae", "no output 'nmae'"),
    "missing file": Mistake("-${size}", "-${size}${loadTextContent('gone.txt')}", "gone.txt is not a file"),
    "duplicate declaration": Mistake("var short", "var extra = 1\nvar short", "extra is declared twice"),
    "duplicate property": Mistake("  kind: 'StorageV2'", "  kind: 'StorageV2'\n  kind: 'StorageV2'", "given twice"),
    "cycle of variables": Mistake("take(place, 3)", "take(long, 3)", "cycle: short -> long -> short"),
    "cycle of resources": Mistake("  kind: 'StorageV2'", "  kind: 'StorageV2'\n  dependsOn: [blobs]", "cycle: account"),
    "output of another type": Mistake("output id string", "output id int", "output id must be int, not string"),
    "expression of another type": Mistake("count: 2", "count: toLower(place)", "child.count must be int, not string"),
    "missing argument": Mistake("take(place, 3)", "take(place)", "take() takes 2 arguments, not 1"),
    "decorator of another type": Mistake("@minLength(3)", "@minValue(3)", "@minValue does not fit place"),
    "default not allowed": Mistake("string = 'small'", "string = 'medium'", "'medium' of size is not one of"),
    "arithmetic with text": Mistake("take(place, 3)", "take(place, 'a' + 1)", ""),
    "output of a conditional module": Mistake("other!.outputs", "other.outputs", ""),
}


def found(folder: Path, main: str) -> list[str]:
    (folder / "child.bicep").write_text(CHILD)
    (folder / "main.bicep").write_text(main)
    parse.cache_clear()
    return [problem.text for problem in check(folder)]


def test_file_without_a_mistake_has_no_problems(tmp_path: Path) -> None:
    assert found(tmp_path, MAIN) == []


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_lint_finds_the_mistake_or_leaves_it_to_the_compiler(tmp_path: Path, mistake: Mistake) -> None:
    assert mistake.right in MAIN
    problems = found(tmp_path, MAIN.replace(mistake.right, mistake.wrong, 1))
    if mistake.found:
        assert any(mistake.found in problem for problem in problems), problems
    else:
        assert problems == []


def test_operations_guide_says_how_many_mistakes_only_ci_finds() -> None:
    left = [name for name, mistake in MISTAKES.items() if not mistake.found]
    guide = " ".join((ROOT / "docs" / "operations.md").read_text(encoding="utf-8").split())
    assert len(MISTAKES) == 20
    assert f"{len(MISTAKES) - len(left)} of {len(MISTAKES)}" in guide
    assert all(name in guide for name in left)


@pytest.mark.parametrize(
    "addition",
    [
        "var short = 'again'",
        "output id string = place",
        "resource account 'Microsoft.Storage/storageAccounts@2025-01-01' existing = { name: 'y' }",
    ],
)
def test_name_declared_twice_is_found_for_every_kind_of_declaration(tmp_path: Path, addition: str) -> None:
    assert any("declared twice" in problem for problem in found(tmp_path, MAIN + addition + "\n"))


def test_output_may_have_the_name_of_a_variable(tmp_path: Path) -> None:
    assert found(tmp_path, MAIN + "output short string = short\n") == []


def test_outputs_of_resources_and_modules_are_compared_with_their_types(tmp_path: Path) -> None:
    for value in ("account.properties.primaryEndpoints", "child.outputs.name", "[place]", "empty(place)"):
        assert any("must be int" in problem for problem in found(tmp_path, MAIN + f"output wrong int = {value}\n")), (
            value
        )
    for value in ("account.properties.primaryEndpoints.blob", "child.outputs.name", "extra ? place : size"):
        assert found(tmp_path, MAIN + f"output right string = {value}\n") == [], value


@pytest.mark.parametrize("array", ["[first, second]", "concat([first], extra ? [second] : [])"])
def test_missing_key_is_found_in_elements_of_a_computed_array(tmp_path: Path, array: str) -> None:
    values = f"var first = {{ a: 1, b: 1 }}\nvar second = {{ a: 1 }}\nvar both = {array}\n"
    use = "output keys array = [for item in both: item.{}]\n"
    assert found(tmp_path, MAIN + values + use.format("a")) == []
    assert "item has no key 'b'" in found(tmp_path, MAIN + values + use.format("b"))
