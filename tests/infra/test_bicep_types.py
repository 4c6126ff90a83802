"""The kept resource types: those that are used and no others, and how they are read from a library's models."""

from pathlib import Path

from infra.check.models import shapes_of
from infra.check.refresh import resource_types
from infra.check.types import Property, load, property_from, words
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


def test_the_types_that_are_kept_are_those_that_our_files_use() -> None:
    assert sorted(load()) == sorted(name.lower() for name in resource_types(INFRA))


def test_a_type_of_two_words_is_closed_and_one_with_string_is_open() -> None:
    assert words("Allow | Deny") == ({"Allow", "Deny"}, False)
    assert words("Allow | Deny | string") == ({"Allow", "Deny"}, True)


def test_marks_tell_required_and_read_only() -> None:
    assert property_from("string!") == Property("string", required=True, read_only=False)
    assert property_from("Thing[]~") == Property("Thing[]", required=False, read_only=True)


def test_models_of_a_library_become_shapes(tmp_path: Path) -> None:
    path = tmp_path / "models.py"
    path.write_text(MODELS, encoding="utf-8")

    shapes = shapes_of(path, "Rule")

    assert shapes[""]["props"] == {"name": "string!", "properties": ".properties!", "tags": "{}"}
    assert shapes[".properties"]["props"] == {"severity": "Low | High | string!", "parts": "Part[]!"}
    assert shapes["Part"]["by"] == "odata.type"
    assert shapes["Part"]["of"] == {"Small": {"odata.type": "Small!", "size": "int"}}
