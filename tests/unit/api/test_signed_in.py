"""The routes below `user/`."""

import json
from collections.abc import Mapping
from dataclasses import replace

import azure.functions as func
import pytest

from shared.api.access import OPERATOR, VIEWER, is_operator
from shared.api.routes import ROUTES
from shared.api.signed_in import REQUEST_HEADER, find, signed_in_response
from shared.settings import Settings, SettingsError, read_settings
from tests.support.principal import principal_header
from tests.support.settings import MINIMAL_SETTINGS

SETTINGS = read_settings(MINIMAL_SETTINGS)
ON = replace(SETTINGS, sign_in="on", app_service_authentication="true")


async def echo(req: func.HttpRequest) -> func.HttpResponse:
    seen = {"route": dict(req.route_params), "params": dict(req.params), "operator": is_operator()}
    return func.HttpResponse(json.dumps(seen))


OPERATIONS = {"GET": "user_reads", "HEAD": "user_reads", "POST": "user_changes", "DELETE": "user_deletes"}
FUNCTIONS = {route.operation: echo for route in ROUTES}


async def call(
    method: str, path: str, headers: Mapping[str, str], settings: Settings = ON
) -> tuple[int, dict[str, object]]:
    request = func.HttpRequest(
        method, f"/api/user/{path}", headers=headers, params={"a": "1"}, route_params={"path": path}, body=b""
    )
    response = await signed_in_response(request, FUNCTIONS, lambda: settings, operation=OPERATIONS[method])
    return response.status_code, json.loads(response.get_body())


def code_of(body: Mapping[str, object]) -> object:
    return body["code"]


async def test_route_gets_its_parameters_and_the_query() -> None:
    status, body = await call("GET", "status/cats/tom.mp4", principal_header(VIEWER))
    assert (status, body) == (200, {"route": {"video": "cats/tom.mp4"}, "params": {"a": "1"}, "operator": False})


async def test_operator_needs_no_operator_key() -> None:
    status, body = await call("POST", "retry", principal_header(OPERATOR))
    assert (status, body["operator"]) == (200, True)
    assert not is_operator()


@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "code"),
    [
        ("GET", "status", {}, 401, "SignInRequired"),
        ("POST", "retry", {REQUEST_HEADER: "page"}, 401, "SignInRequired"),
        ("GET", "status", principal_header(), 403, "RoleRequired"),
        ("POST", "retry", principal_header(VIEWER), 403, "RoleRequired"),
        ("POST", "retry/tom.mp4", principal_header(VIEWER), 403, "RoleRequired"),
        ("POST", "retry", principal_header(OPERATOR) | {REQUEST_HEADER: ""}, 403, "HeaderRequired"),
        ("GET", "status", principal_header(OPERATOR) | {REQUEST_HEADER: ""}, 403, "HeaderRequired"),
        ("GET", "", principal_header(OPERATOR), 404, "UnknownRoute"),
        ("GET", "user/status", principal_header(OPERATOR), 404, "UnknownRoute"),
        ("GET", "status/", principal_header(OPERATOR), 404, "UnknownRoute"),
        ("GET", "retry", principal_header(OPERATOR), 404, "UnknownRoute"),
        ("POST", "status", principal_header(OPERATOR), 404, "UnknownRoute"),
        ("GET", "_raise", principal_header(OPERATOR), 404, "UnknownRoute"),
    ],
)
async def test_request_is_refused(method: str, path: str, headers: dict[str, str], status: int, code: str) -> None:
    assert (got := await call(method, path, headers))[0] == status
    assert code_of(got[1]) == code


@pytest.mark.parametrize("path", ["status", "retry"])
async def test_principal_of_a_client_is_ignored_without_sign_in(path: str) -> None:
    method = "POST" if path == "retry" else "GET"
    status, body = await call(method, path, principal_header(OPERATOR), SETTINGS)
    assert (status, code_of(body)) == (404, "SignInOff")
    on_by_mistake = replace(SETTINGS, sign_in="on")
    status, body = await call(method, path, principal_header(OPERATOR), on_by_mistake)
    assert (status, code_of(body)) == (503, "NotConfigured")


async def test_me_says_who_has_signed_in() -> None:
    assert await call("GET", "me", {}, SETTINGS) == (200, {"sign_in": False, "name": None, "roles": []})
    forged = principal_header(OPERATOR)
    assert await call("GET", "me", forged, SETTINGS) == (200, {"sign_in": False, "name": None, "roles": []})
    assert await call("GET", "me", {}) == (200, {"sign_in": True, "name": None, "roles": []})
    assert await call("GET", "me", forged) == (200, {"sign_in": True, "name": "me@example.com", "roles": [OPERATOR]})


@pytest.mark.parametrize("path", ["me", "status"])
async def test_missing_settings_are_reported(path: str) -> None:
    def missing() -> Settings:
        raise SettingsError("GIFDROP_POOL_ID is not set")

    request = func.HttpRequest("GET", "/api/user/", headers={}, route_params={"path": path}, body=b"")
    response = await signed_in_response(request, FUNCTIONS, missing, operation="user_reads")
    assert (response.status_code, code_of(json.loads(response.get_body()))) == (503, "NotConfigured")


async def test_viewer_may_use_every_route_that_reads_and_no_other() -> None:
    for route in ROUTES:
        if route.public:
            continue
        path = route.path.replace("{", "").replace("}", "")
        status, body = await call(route.method, path, principal_header(VIEWER))
        assert (status, body.get("code")) == ((200, None) if route.method == "GET" else (403, "RoleRequired")), route
        assert (await call(route.method, path, principal_header(OPERATOR)))[0] == 200


def test_there_is_a_function_for_the_methods_of_all_routes() -> None:
    methods = {route.method for route in ROUTES}
    assert {route.method for route in ROUTES if route.path == "user/{path}"} == methods
    assert set(OPERATIONS) == {*methods, "HEAD"}


def test_every_route_with_a_key_is_there_but_the_page() -> None:
    with_key = [route for route in ROUTES if not route.public]
    assert len(with_key) >= 7
    for route in with_key:
        path = route.path.replace("{video}", "a/b").replace("{gif}", "a/b")
        assert find(route.method, path)[0] == route
        if route.method == "GET":
            assert find("HEAD", path)[0] == route
