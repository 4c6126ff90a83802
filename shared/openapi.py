"""The API's description in OpenAPI 3.1, made from the routes and the types of the answers."""

from __future__ import annotations

import types
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict

from shared.answers import ErrorBody
from shared.api import ERRORS
from shared.routes import EVERYWHERE, ROUTES, Body, Parameter, Route

Schema = dict[str, Any]

_PLAIN: dict[object, Schema] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    type(None): {"type": "null"},
}
_HEADERS = {
    "Location": "where it is",
    "ETag": "its version",
    "Last-Modified": "when that version came",
    "Accept-Ranges": "`bytes`",
    "Content-Range": "which bytes these are, and of how many",
}


@cache
def contract() -> Schema:
    """The whole description."""
    schemas: dict[str, Schema] = {}
    schema_of(ErrorBody, schemas)
    paths: dict[str, dict[str, Schema]] = {}
    for route in ROUTES:
        paths.setdefault(f"/{route.path}", {})[route.method.lower()] = _operation(route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "gifdrop",
            "version": "1",
            "summary": "MP4s dropped into a blob container become animated GIFs; this tells how they are doing.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/api"}],
        "security": [{"header": []}, {"query": []}],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "securitySchemes": {
                "header": {"type": "apiKey", "in": "header", "name": "x-functions-key"},
                "query": {"type": "apiKey", "in": "query", "name": "code"},
            },
        },
    }


def schema_of(type_: object, schemas: dict[str, Schema]) -> Schema:
    """The JSON schema of a type of shared/answers.py; those of typed dictionaries are put into `schemas` by name.

    Raises `TypeError` for a type that JSON has no like of.
    """
    if type_ in _PLAIN:
        return dict(_PLAIN[type_])
    origin, arguments = get_origin(type_), get_args(type_)
    if origin is Annotated:
        schema = schema_of(arguments[0], schemas)
        for note in arguments[1:]:
            schema |= {"description": note} if isinstance(note, str) else dict([note])
        return schema
    if origin in (Union, types.UnionType):
        return _either([schema_of(argument, schemas) for argument in arguments])
    if origin is Literal:
        return {"type": "string", "enum": list(arguments)}
    if origin is list:
        return {"type": "array", "items": schema_of(arguments[0], schemas)}
    if origin is dict:
        return {"type": "object", "additionalProperties": schema_of(arguments[1], schemas)}
    if isinstance(type_, type) and is_typeddict(type_):
        return {"$ref": f"#/components/schemas/{_component(type_, schemas)}"}
    raise TypeError(f"{type_!r} has no JSON schema")


def _component(type_: type, schemas: dict[str, Schema]) -> str:
    name = type_.__name__.removesuffix("Answer")
    if name not in schemas:
        schemas[name] = {}  # taken, for a type that holds itself
        hints = get_type_hints(type_, include_extras=True)
        schemas[name] = {
            "type": "object",
            "description": (type_.__doc__ or "").strip(),
            "properties": {key: schema_of(hint, schemas) for key, hint in hints.items()},
            "required": list(hints),
            "additionalProperties": False,
        }
    return name


def _either(schemas: list[Schema]) -> Schema:
    """One of several schemas; `X | None` of a plain type is told by the type alone."""
    null = {"type": "null"}
    others = [schema for schema in schemas if schema != null]
    if null in schemas and len(others) == 1 and isinstance(others[0].get("type"), str) and "enum" not in others[0]:
        return others[0] | {"type": [others[0]["type"], "null"]}
    return {"oneOf": schemas}


def _operation(route: Route, schemas: dict[str, Schema]) -> Schema:
    responses = {str(status): _response(body, schemas) for status, body in route.answers.items()}
    for code in (*route.errors, *EVERYWHERE):
        status, note = ERRORS[code]
        line = f"`{code}`: {note}"
        response = responses.setdefault(str(status), {"description": "", "content": {}})
        response["description"] = "\n".join(filter(None, (response["description"], line)))
        _admit_error(response)
    if not route.public:
        responses["401"] = {"description": "The function key is missing or wrong."}
    operation: Schema = {
        "operationId": route.operation,
        "summary": route.summary,
        "responses": dict(sorted(responses.items())),
    }
    if route.parameters:
        operation["parameters"] = [_parameter(parameter) for parameter in route.parameters]
    if route.public:
        operation["security"] = []
    return operation


def _admit_error(response: Schema) -> None:
    error = {"$ref": "#/components/schemas/ErrorBody"}
    content = response["content"].setdefault("application/json", {"schema": error})
    if error not in (content["schema"], *content["schema"].get("oneOf", ())):
        content["schema"] = {"oneOf": [content["schema"], error]}


def _response(body: Body, schemas: dict[str, Schema]) -> Schema:
    response: Schema = {"description": body.note}
    if body.type:
        response["content"] = {"application/json": {"schema": schema_of(body.type, schemas)}}
    elif body.content:
        response["content"] = {body.content: {}}
    if body.headers:
        response["headers"] = {
            name: {"description": _HEADERS[name], "schema": {"type": "string"}} for name in body.headers
        }
    return response


def _parameter(parameter: Parameter) -> Schema:
    described: Schema = {
        "name": parameter.name,
        "in": parameter.where,
        "description": parameter.note,
        "schema": parameter.schema,
    }
    if parameter.where == "path":
        described["required"] = True
    if parameter.example:
        described["example"] = parameter.example
    return described
