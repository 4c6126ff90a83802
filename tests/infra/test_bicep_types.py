"""The cached resource types: exactly those in use, and how they are read from a library's models."""

from pathlib import Path

from infra.check.models import shapes_of
from infra.check.refresh import resource_types
from infra.check.types import Property, enum_values, load, property_from
from tests.infra.bicep import INFRA

MODELS = '''
class Rule(Base):
    """A rule.

    :ivar name: The name.
    :vartype name: str
    :ivar severity: How bad. Known values are: "Low" and "High".
    :vartype severity: str
    """

    _validation = {"name": {"readonly": True}, "severity": {"required": True}, "parts": {"required": True}}
    _attribute_map = {
        "name": {"key": "name", "type": "str"},
        "severity": {"key": "properties.severity", "type": "str"},
        "parts": {"key": "properties.parts", "type": "[Part]"},
        "tags": {"key": "tags", "type": "{str}"},
    }


class Part(Model):
    _validation = {"kind": {"required": True}}
    _attribute_map = {"kind": {"key": "odata\\\\.type", "type": "str"}}
    _subtype_map = {"kind": {"Small": "SmallPart"}}


class SmallPart(Part):
    _attribute_map = {"kind": {"key": "odata\\\\.type", "type": "str"}, "size": {"key": "size", "type": "int"}}
'''


def test_cached_types_are_those_that_our_files_use() -> None:
    assert sorted(load()) == sorted(name.lower() for name in resource_types(INFRA))


def test_enum_is_open_only_if_it_includes_string() -> None:
    assert enum_values("Allow | Deny") == ({"Allow", "Deny"}, False)
    assert enum_values("Allow | Deny | string") == ({"Allow", "Deny"}, True)


def test_property_suffixes_mean_required_and_read_only() -> None:
    assert property_from("string!") == Property("string", required=True, read_only=False)
    assert property_from("Thing[]~") == Property("Thing[]", required=False, read_only=True)


def test_library_models_become_shapes(tmp_path: Path) -> None:
    path = tmp_path / "models.py"
    path.write_text(MODELS, encoding="utf-8")

    shapes = shapes_of(path, "Rule")

    assert shapes[""]["props"] == {"name": "string!", "properties": ".properties!", "tags": "{}"}
    assert shapes[".properties"]["props"] == {"severity": "Low | High | string!", "parts": "Part[]!"}
    assert shapes["Part"]["by"] == "odata.type"
    assert shapes["Part"]["of"] == {"Small": {"odata.type": "Small!", "size": "int"}}
