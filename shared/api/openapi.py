"""The OpenAPI 3.1 description of the API, generated from the routes and the response types."""

from __future__ import annotations

import types
from functools import cache
from typing import (
    TYPE_CHECKING,
    Annotated,
    Literal,
    NotRequired,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from shared.api.errors import ERRORS
from shared.api.routes import COMMON_ERRORS, QUERY_ERRORS, ROUTES
from shared.api.schemas import Problem

if TYPE_CHECKING:
    from shared.api.contract import Body, Parameter, Route, Schema

_PLAIN: dict[object, Schema] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    type(None): {"type": "null"},
    object: {},
}
_HEADERS = {
    "Location": "the link",
    "ETag": "its version",
    "Last-Modified": "when it was last changed",
    "Accept-Ranges": "`bytes`",
    "Retry-After": "seconds until the next request is worth it, unless the status is final",
    "Content-Disposition": "the file name",
    "Content-Range": "which bytes these are, and the total",
}


@cache
def openapi() -> Schema:
    """The description."""
    schemas: dict[str, Schema] = {}
    schema_of(Problem, schemas)
    paths: dict[str, dict[str, Schema]] = {}
    for route in ROUTES:
        paths.setdefault(f"/{route.path}", {})[route.method.lower()] = _operation(route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "gifdrop",
            "version": "1",
            "summary": "Videos dropped into a blob container become animated GIFs; this API reports their status.",
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
    """The JSON schema of a response type; schemas of typed dictionaries are added to `schemas` by name.

    Raises `TypeError` for a type without a JSON schema.
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
        return _one_of([schema_of(argument, schemas) for argument in arguments])
    if origin is Literal:
        return {"type": "string", "enum": list(arguments)}
    if origin is NotRequired:
        return schema_of(arguments[0], schemas)
    if origin is list:
        return {"type": "array", "items": schema_of(arguments[0], schemas)}
    if origin is dict:
        return {"type": "object", "additionalProperties": schema_of(arguments[1], schemas)}
    if isinstance(type_, type) and is_typeddict(type_):
        return {"$ref": f"#/components/schemas/{_reference(type_, schemas)}"}
    raise TypeError(f"{type_!r} has no JSON schema")


def _reference(type_: type, schemas: dict[str, Schema]) -> str:
    name = type_.__name__.removesuffix("Response")
    if name not in schemas:
        schemas[name] = {}  # reserved, for a recursive type
        hints = get_type_hints(type_, include_extras=True)
        schemas[name] = {
            "type": "object",
            "description": (type_.__doc__ or "").strip(),
            "properties": {key: schema_of(hint, schemas) for key, hint in hints.items()},
            "required": [key for key in hints if key in type_.__required_keys__],  # type: ignore[attr-defined]
            "additionalProperties": False,
        }
    return name


def _one_of(schemas: list[Schema]) -> Schema:
    """One of several schemas; `X | None` of a plain type becomes a list of types."""
    null = {"type": "null"}
    others = [schema for schema in schemas if schema != null]
    if null in schemas and len(others) == 1 and isinstance(others[0].get("type"), str) and "enum" not in others[0]:
        return others[0] | {"type": [others[0]["type"], "null"]}
    return {"oneOf": schemas}


def _operation(route: Route, schemas: dict[str, Schema]) -> Schema:
    responses = {str(status): _response(body, schemas) for status, body in route.responses.items()}
    checked = () if route.public else QUERY_ERRORS
    for code in (*route.errors, *checked, *COMMON_ERRORS):
        status, note = ERRORS[code]
        line = f"`{code}`: {note}"
        response = responses.setdefault(str(status), {"description": "", "content": {}})
        response["description"] = "\n".join(filter(None, (response["description"], line)))
        _add_error_schema(response)
    if not route.public:
        responses["401"] = {"description": "The function key is missing or wrong."}
    operation: Schema = {
        "operationId": route.operation,
        "summary": route.summary,
        "responses": dict(sorted(responses.items())),
    }
    if route.request:
        content = {"application/json": {"schema": schema_of(route.request, schemas)}}
        operation["requestBody"] = {"required": route.request_required, "content": content}
    if route.parameters:
        operation["parameters"] = [_parameter(parameter) for parameter in route.parameters]
    if route.public:
        operation["security"] = []
    return operation


def _add_error_schema(response: Schema) -> None:
    error = {"$ref": "#/components/schemas/Problem"}
    response["content"]["application/problem+json"] = {"schema": error}


def _response(body: Body, schemas: dict[str, Schema]) -> Schema:
    response: Schema = {"description": body.note}
    if body.type:
        response["content"] = {"application/json": {"schema": schema_of(body.type, schemas)}}
    elif body.content:
        response["content"] = {content: {} for content in body.content}
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
