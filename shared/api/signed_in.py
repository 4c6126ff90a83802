"""The API below `user/`: the same routes for people who have signed in with Entra ID, without a key.

These paths are anonymous to the Functions host, which checks keys only. All others keep their function key.
"""

from __future__ import annotations

import logging
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING

from shared.api.access import OPERATOR, acting_as_operator, signed_in_user
from shared.api.errors import ApiError
from shared.api.handler import handle
from shared.api.http import with_route_parameters
from shared.api.routes import matching
from shared.settings import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from shared.api.access import User
    from shared.api.contract import Route
    from shared.api.http import AzureRequest, AzureResponse
    from shared.api.schemas import UserResponse
    from shared.settings import Settings

log = logging.getLogger(__name__)

READS = ("GET", "HEAD")
REQUEST_HEADER = "x-requested-with"
"""Requests need it, with any value: another site's page cannot send it with this site's cookie."""


async def signed_in_response(
    request: AzureRequest, functions: Mapping[str, object], settings: Callable[[], Settings], *, operation: str
) -> AzureResponse:
    """The response to a request below `user/`.

    functions: The functions of function_app.py by name.
    settings: Reads the app's settings; may raise `SettingsError`.
    operation: The name of the function that calls this.
    """
    path = request.route_params.get("path", "")
    answer = partial(handle, request=request, operation=operation)
    if request.method in READS and path == "me":
        return await answer(lambda: describe(request.headers, settings()))
    try:
        user = authorize(request, settings())
        route, parameters = find(request.method, path)
    except (ApiError, SettingsError) as error:
        return await answer(partial(_raise, error))
    if route.method not in READS:
        log.info("%s by %s", route.operation, user.id)
    with acting_as_operator() if OPERATOR in user.roles else nullcontext():
        response: AzureResponse = await functions[route.operation](  # type: ignore[operator]  # a FunctionBuilder
            with_route_parameters(request, parameters)
        )
    return response


def authorize(request: AzureRequest, settings: Settings) -> User:
    """The person who sends the request and may. Raises `ApiError`."""
    user = signed_in_user(request.headers, settings)
    if user is None:
        raise ApiError("SignInRequired", "Sign in at /.auth/login/aad, or use a function key.")
    if not request.headers.get(REQUEST_HEADER):
        raise ApiError("HeaderRequired", f"Send the header {REQUEST_HEADER}, with any value.")
    user.check_role(changes=request.method not in READS)
    return user


def describe(headers: Mapping[str, str], settings: Settings) -> UserResponse:
    """Who has signed in, for the page. Raises `ApiError` `NotConfigured`."""
    if settings.sign_in != "on":
        return {"sign_in": False, "name": None, "roles": []}
    user = signed_in_user(headers, settings)
    return {"sign_in": True, "name": user.name if user else None, "roles": list(user.roles) if user else []}


def find(method: str, path: str) -> tuple[Route, dict[str, str]]:
    """The route below `user/` of a decoded path, and its parameters. Raises `ApiError` `UnknownRoute`."""
    for route, parameters in matching(path):
        if route.method == ("GET" if method == "HEAD" else method) and not route.public:
            return route, parameters
    raise ApiError("UnknownRoute", "There is no such route for people who have signed in.")


def _raise(error: Exception) -> None:
    raise error
