"""The contract, the code and the documentation say the same."""

import ast
import re
from functools import cache
from pathlib import Path
from typing import Annotated, TypedDict

import pytest

from shared.api import ERRORS
from shared.openapi import contract, schema_of
from shared.routes import EVERYWHERE, ROUTES

ROOT = Path(__file__).parents[2]


@cache
def functions() -> dict[str, tuple[str, str, str]]:
    """Function -> method, path and authorisation level of its route, read from function_app.py as it stands."""
    found = {}
    for node in ast.walk(ast.parse((ROOT / "function_app.py").read_text())):
        if not isinstance(node, ast.AsyncFunctionDef):
            continue
        for call in node.decorator_list:
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "route":
                options = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
                (method,) = ast.literal_eval(options["methods"])
                path = ast.literal_eval(call.args[0]).replace("{*", "{")
                found[node.name] = (method, path, options.get("auth_level", "func.AuthLevel.FUNCTION"))
    return found


def test_every_route_of_the_app_is_in_the_contract_and_none_besides() -> None:
    level = {False: "func.AuthLevel.FUNCTION", True: "func.AuthLevel.ANONYMOUS"}
    assert functions() == {route.operation: (route.method, route.path, level[route.public]) for route in ROUTES}


def test_a_route_for_all_comes_before_the_one_that_takes_any_name() -> None:
    """The host tries routes in the order of the functions' names, and `retry/{*video}` takes `retry` too."""
    names = {path: name for name, (_, path, _) in functions().items()}
    assert names["status"] < names["status/{video}"]
    assert names["retry"] < names["retry/{video}"]


def raised() -> set[tuple[int, str]]:
    """Status and code of every ApiError that the code makes."""
    found = set()
    for path in (ROOT / "shared").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(func=ast.Name(id="ApiError" | "_error"), args=[ast.Constant() as status, code, *_]):
                    found.add((ast.literal_eval(status), ast.literal_eval(code)))
    return found


def test_every_error_is_listed_and_every_listed_one_is_raised() -> None:
    assert raised() == {(status, code) for code, (status, _) in ERRORS.items()}


def test_every_error_belongs_to_a_route() -> None:
    used = {code for route in ROUTES for code in route.errors} | set(EVERYWHERE)
    assert used == set(ERRORS)


def test_the_documentation_tells_of_every_route_and_error() -> None:
    text = (ROOT / "docs" / "api.md").read_text()
    missing = [code for code in ERRORS if f"`{code}`" not in text]
    missing += [route.path for route in ROUTES if f"`{route.method} {route.path}" not in text]
    assert missing == []


def test_the_documentation_tells_of_every_error_that_a_video_can_end_with() -> None:
    sources = "".join(path.read_text() for path in (ROOT / "shared").glob("*.py"))
    codes = set(re.findall(r'code="(\w+)"|refused\("(\w+)"', sources))
    table = (ROOT / "docs" / "api.md").read_text().partition("## Errors of a video")[2].partition("\n## ")[0]
    assert [code for pair in codes for code in pair if code and f"`{code}`" not in table] == []
    assert len(codes) >= 10


def test_every_reference_of_the_contract_leads_somewhere() -> None:
    description = contract()
    names = set(re.findall(r"#/components/schemas/(\w+)", str(description)))
    assert names == set(description["components"]["schemas"])


def test_types_become_schemas() -> None:
    class Inner(TypedDict):
        """Inside."""

        sizes: list[int]

    class Outer(TypedDict):
        """Outside."""

        name: Annotated[str, "what it is called", ("maxLength", 9)]
        inner: Inner | None
        counts: dict[str, int]
        ratio: Annotated[float | None, ("minimum", 0)]

    schemas: dict[str, object] = {}
    assert schema_of(Outer, schemas) == {"$ref": "#/components/schemas/Outer"}  # type: ignore[arg-type]
    assert schemas["Outer"] == {
        "type": "object",
        "description": "Outside.",
        "properties": {
            "name": {"type": "string", "description": "what it is called", "maxLength": 9},
            "inner": {"oneOf": [{"$ref": "#/components/schemas/Inner"}, {"type": "null"}]},
            "counts": {"type": "object", "additionalProperties": {"type": "integer"}},
            "ratio": {"type": ["number", "null"], "minimum": 0},
        },
        "required": ["name", "inner", "counts", "ratio"],
        "additionalProperties": False,
    }


def test_a_type_that_json_does_not_know_is_refused() -> None:
    with pytest.raises(TypeError, match="has no JSON schema"):
        schema_of(bytes, {})
