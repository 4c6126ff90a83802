"""Extracts shapes from the model classes of an Azure management library, by parsing them without importing."""

import ast
import re
from pathlib import Path
from typing import Any

PRIMITIVES = {"str": "string", "bool": "bool", "int": "int", "float": "int", "long": "int", "object": "any"}
STRING_FORMATS = {"iso-8601", "duration", "date", "time"}


def shapes_of(path: Path, resource: str) -> dict[str, Any]:
    """The shapes reachable from a resource class, in the form of types.json, the resource itself under ``""``."""
    body = ast.parse(path.read_text(encoding="utf-8")).body
    classes = {node.name: node for node in body if isinstance(node, ast.ClassDef)}
    shapes: dict[str, Any] = {}
    _add(shapes, classes, resource, "")
    # Bicep has the name as a property; libraries send it in the URL.
    shapes[""]["props"]["name"] = "string!"
    return shapes


def _add(shapes: dict[str, Any], classes: dict[str, ast.ClassDef], name: str, key: str) -> None:
    if key in shapes or name not in classes:
        return
    members = _members(classes[name])
    entry: dict[str, Any] = {"props": {}}
    shapes[key] = entry
    for attribute, spec in members["_attribute_map"].items():
        # `properties.severity` is a nested property; `odata\\.type` is a single name.
        *folders, last = [part.replace("\0", ".") for part in spec["key"].replace("\\.", "\0").split(".")]
        if not last:
            continue
        rules = members["_validation"].get(attribute, {})
        home, place = entry, key
        for folder in folders:
            place = f"{place}.{folder}"
            home["props"].setdefault(folder, f"{place}")
            home = shapes.setdefault(place, {"props": {}})
            if rules.get("required"):
                shapes[key]["props"][folder] = f"{place}!"
        type_ = _type(shapes, classes, spec["type"], members["doc"], attribute)
        home["props"][last] = type_ + "!" * bool(rules.get("required")) + "~" * bool(rules.get("readonly"))
    for attribute, variants in members["_subtype_map"].items():
        by = members["_attribute_map"][attribute]["key"].replace("\\.", ".")
        entry["by"], entry["of"] = by, {}
        for value, subclass in variants.items():
            _add(shapes, classes, subclass, subclass)
            own = shapes[subclass]["props"]
            entry["of"][value] = {**own, by: f"{value}!"}


def _type(shapes: dict[str, Any], classes: dict[str, ast.ClassDef], type_: str, doc: str, attribute: str) -> str:
    if type_.startswith("["):
        return f"{_type(shapes, classes, type_[1:-1], doc, attribute)}[]"
    if type_.startswith("{"):
        shapes.setdefault("{}", {"props": {}, "rest": "any"})
        return "{}"
    if type_ in STRING_FORMATS:
        return "string"
    if type_ == "str":
        found = re.search(rf":ivar {attribute}:(.*?):vartype", doc, re.DOTALL)
        known = re.search(r"Known values are:(.*?)\.\s", found[1] + " ", re.DOTALL) if found else None
        return " | ".join([*re.findall(r'"([^"]+)"', known[1]), "string"]) if known else "string"
    if type_ in PRIMITIVES:
        return PRIMITIVES[type_]
    _add(shapes, classes, type_, type_)
    return type_ if type_ in shapes else "string"


def _members(node: ast.ClassDef) -> dict[str, Any]:
    members: dict[str, Any] = {"_attribute_map": {}, "_validation": {}, "_subtype_map": {}}
    members["doc"] = ast.get_docstring(node) or ""
    for item in node.body:
        if isinstance(item, ast.Assign) and isinstance(item.targets[0], ast.Name) and item.targets[0].id in members:
            members[item.targets[0].id] = ast.literal_eval(item.value)
    return members
