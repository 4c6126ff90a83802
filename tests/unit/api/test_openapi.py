"""The OpenAPI description agrees with function_app.py, with the errors that the code raises, and with docs/api.md."""

import ast
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Annotated, TypedDict

import pytest

from shared.api.errors import ERRORS
from shared.api.openapi import openapi, schema_of
from shared.api.routes import COMMON_ERRORS, QUERY_ERRORS, ROUTES

ROOT = Path(__file__).parents[3]
DOCS = (ROOT / "docs" / "api.md").read_text()


@cache
def functions() -> dict[str, tuple[str, str, str]]:
    """Function -> method, path and authorisation level of its route, read from the source of function_app.py."""
    found = {}
    for node in ast.walk(ast.parse((ROOT / "function_app.py").read_text())):
        if not isinstance(node, ast.AsyncFunctionDef):
            continue
        for call in node.decorator_list:
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "route":
                options = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
                method, *others = ast.literal_eval(options["methods"])
                if method == "OPTIONS":
                    continue
                assert others == (["HEAD"] if method == "GET" else [])
                path = ast.literal_eval(call.args[0]).replace("{*", "{")
                found[node.name] = (method, path, options.get("auth_level", "func.AuthLevel.FUNCTION"))
    return found


def test_routes_are_exactly_those_of_function_app() -> None:
    level = {False: "func.AuthLevel.FUNCTION", True: "func.AuthLevel.ANONYMOUS"}
    assert functions() == {route.operation: (route.method, route.path, level[route.public]) for route in ROUTES}


def test_every_function_passes_its_own_name_to_the_handler() -> None:
    source = (ROOT / "function_app.py").read_text()
    passed = {
        node.name: ast.literal_eval(keyword.value)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.AsyncFunctionDef)
        for call in ast.walk(node)
        if isinstance(call, ast.Call)
        for keyword in call.keywords
        if keyword.arg == "operation"
    }
    assert passed == {name: name for name in functions()}


def test_route_without_a_name_comes_before_the_one_with_any_name() -> None:
    """The host tries routes in the order of the functions' names, and `retry/{*video}` takes `retry` too."""
    names = {path: name for name, (_, path, _) in functions().items()}
    assert names["status"] < names["status/{video}"]
    assert names["retry"] < names["retry/{video}"]


def calls(*names: str) -> list[ast.Call]:
    """Every call in shared/ of a function or class with one of these names."""
    return [
        node
        for path in (ROOT / "shared").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names
    ]


def literals(nodes: Iterable[ast.expr]) -> set[str]:
    """The strings among these expressions."""
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def test_errors_are_exactly_those_that_are_raised() -> None:
    raised = literals(call.args[0] for call in calls("ApiError", "RefusedError"))
    raised |= literals(call.args[1] for call in calls("check_rate"))
    assert raised | literals(call.args[2] for call in calls("whole_number")) == set(ERRORS)


def test_every_error_belongs_to_a_route() -> None:
    used = {code for route in ROUTES for code in route.errors} | {*COMMON_ERRORS, *QUERY_ERRORS}
    assert used == set(ERRORS)


def test_documentation_has_every_route_and_error() -> None:
    missing = [code for code in ERRORS if f"`{code}`" not in DOCS]
    missing += [route.path for route in ROUTES if f"`{route.method} {route.path}" not in DOCS]
    assert missing == []


def test_documentation_has_every_error_of_a_video() -> None:
    keywords = [keyword for call in calls("Problem") for keyword in call.keywords]
    codes = literals(keyword.value for keyword in keywords if keyword.arg == "code")
    table = DOCS.partition("## Errors of a video")[2].partition("\n## ")[0]
    assert [code for code in codes if f"`{code}`" not in table] == []
    assert len(codes) >= 10


def test_references_of_the_description_are_exactly_its_schemas() -> None:
    description = openapi()
    names = set(re.findall(r"#/components/schemas/(\w+)", str(description)))
    assert names == set(description["components"]["schemas"])


def test_schema_of_typed_dictionaries_has_their_fields_and_notes() -> None:
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


def test_schema_of_a_type_without_json_form_is_refused() -> None:
    with pytest.raises(TypeError, match="has no JSON schema"):
        schema_of(bytes, {})
