"""A route's result, or its exception, becomes an HTTP response."""

import json
import logging

import pytest
from azure.functions import HttpRequest

from shared.api.errors import ERRORS, ApiError
from shared.api.handler import handle
from shared.api.http import Response
from shared.api.methods import methods_response
from shared.services.errors import NotFoundError, ServiceError
from shared.settings import SettingsError


async def asynchronous() -> object:
    return {"name": "☃"}


def raising(error: Exception) -> object:
    raise error


async def test_result_becomes_json_that_is_not_cached() -> None:
    response = await handle(asynchronous)
    assert (response.status_code, response.mimetype) == (200, "application/json")
    assert json.loads(response.get_body()) == {"name": "☃"}
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Content-Type-Options"] == "nosniff"


async def test_synchronous_route_is_called_too() -> None:
    response = await handle(lambda: [1, 2])
    assert json.loads(response.get_body()) == [1, 2]


async def test_response_is_returned_as_it_is_and_overrides_headers() -> None:
    own = Response(status=206, body=b"GIF", content_type="image/gif", headers={"Cache-Control": "private"})
    response = await handle(lambda: own)
    assert (response.status_code, response.get_body(), response.mimetype) == (206, b"GIF", "image/gif")
    assert response.headers["Cache-Control"] == "private"
    assert response.headers["X-Content-Type-Options"] == "nosniff"


async def test_api_error_becomes_its_own_response_and_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    error = ApiError("RangeNotSatisfiable", "The GIF has 9 bytes.", headers={"Content-Range": "bytes */9"})
    response = await handle(lambda: raising(error))
    assert (response.status_code, response.mimetype) == (416, "application/problem+json")
    assert json.loads(response.get_body()) == {
        "type": "urn:gifdrop:error:RangeNotSatisfiable",
        "title": "the range is beyond the end of the GIF",
        "status": 416,
        "detail": "The GIF has 9 bytes.",
        "code": "RangeNotSatisfiable",
        "request_id": response.headers["X-Request-Id"],
        "error": {"code": "RangeNotSatisfiable", "message": "The GIF has 9 bytes."},
    }
    assert response.headers["Content-Range"] == "bytes */9"
    assert caplog.records == []


@pytest.mark.parametrize("code", ERRORS)
async def test_api_error_has_the_status_of_its_code(code: str) -> None:
    response = await handle(lambda: raising(ApiError(code, "Why.")))
    assert response.status_code == ERRORS[code][0]


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (SettingsError("GIFDROP_POOL_ID is not set"), 503, "NotConfigured"),
        (ServiceError("secret", status=500), 503, "Unavailable"),
        (NotFoundError("secret", status=404), 503, "Unavailable"),
        (TimeoutError("secret"), 503, "Unavailable"),
        (ConnectionResetError("secret"), 503, "Unavailable"),
        (ValueError("secret"), 500, "Internal"),
    ],
)
async def test_other_exception_is_logged_and_its_message_is_not_returned(
    error: Exception, status: int, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    response = await handle(lambda: raising(error))
    assert response.status_code == status
    body = json.loads(response.get_body())
    assert body["error"]["code"] == code
    assert str(error) not in body["error"]["message"]
    (record,) = caplog.records
    assert body["request_id"] == response.headers["X-Request-Id"]
    assert body["request_id"] in record.getMessage()
    assert record.levelno == logging.ERROR
    assert record.exc_info
    assert record.exc_info[1] is error


async def test_exception_of_an_asynchronous_route_becomes_a_response() -> None:
    async def route() -> object:
        raise ApiError("UnknownVideo", "There is no video of this name.")

    assert (await handle(route)).status_code == 404


async def test_result_without_json_form_is_an_internal_error() -> None:
    response = await handle(object)
    assert response.status_code == 500
    assert json.loads(response.get_body())["error"]["code"] == "Internal"


def request(method: str = "GET", **query: str) -> HttpRequest:
    return HttpRequest(method=method, url="/api/status", params=query, body=b"")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("limt", "There is no query parameter 'limt'. Did you mean limit?"),
        ("via", "There is no query parameter 'via'."),
        ("x" * 900, f"There is no query parameter '{'x' * 64}'."),
    ],
)
async def test_unknown_query_parameter_is_refused(name: str, message: str) -> None:
    response = await handle(asynchronous, request=request(**{name: "5"}), operation="list_videos")
    assert response.status_code == 400
    body = json.loads(response.get_body())
    assert (body["code"], body["detail"]) == ("UnknownParameter", message)


async def test_keys_in_the_query_and_the_routes_own_parameters_are_accepted() -> None:
    sent = request(code="key", clientId="default", limit="5", state="failed")
    assert (await handle(asynchronous, request=sent, operation="list_videos")).status_code == 200


async def test_public_route_accepts_any_query() -> None:
    assert (await handle(asynchronous, request=request(utm="x"), operation="show_page_file")).status_code == 200


async def test_head_has_the_headers_of_get_without_its_body() -> None:
    own = Response(body=b"GIF", content_type="image/gif", headers={"ETag": '"1"'})
    response = await handle(lambda: own, request=request("HEAD"), operation="show_gif")
    assert (response.status_code, response.get_body(), response.mimetype) == (200, b"", "image/gif")
    assert response.headers["ETag"] == '"1"'


async def test_every_response_has_its_own_request_id() -> None:
    ids = {(await handle(asynchronous)).headers["X-Request-Id"] for _ in range(9)}
    assert len(ids) == 9


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("status", "GET, HEAD, OPTIONS"),
        ("status/cats/tom.mp4", "GET, HEAD, OPTIONS"),
        ("retry/tom.mp4", "OPTIONS, POST"),
    ],
)
def test_options_lists_the_methods_of_a_route(path: str, allowed: str) -> None:
    response = methods_response(path)
    assert (response.status, response.headers["Allow"]) == (204, allowed)


def test_options_of_an_unknown_route_is_not_found() -> None:
    with pytest.raises(ApiError) as caught:
        methods_response("statuses")
    assert (caught.value.status, caught.value.code) == (404, "UnknownRoute")
