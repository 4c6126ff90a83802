"""Requests that the API refuses, by error code, and requests without a valid function key."""

import pytest

from tests.support.stack_client import StackClient


@pytest.fixture(scope="module")
async def converted(client: StackClient, tiny_video: bytes) -> None:
    """There is a video that succeeded."""
    await client.drop("errors/tom & jérry.mp4", tiny_video)
    await client.final_status("errors/tom & jérry.mp4")


@pytest.mark.usefixtures("converted")
@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("POST", "retry/unknown.mp4", 404, "UnknownVideo"),
        ("POST", "retry/errors/tom%20%26%20j%C3%A9rry.mp4", 409, "NotFailed"),
        ("POST", "retry/%01.mp4", 400, "InvalidName"),
        ("POST", "retry?error=a%20b", 400, "InvalidError"),
        ("GET", "gifs/unknown.gif", 404, "UnknownGif"),
        ("GET", "gifs/unknown.gif?via=pigeon", 400, "InvalidVia"),
        ("GET", "gifs/a%01b.gif", 400, "InvalidName"),
        ("GET", "status/unknown.mp4", 404, "UnknownVideo"),
        ("GET", "status/holiday.avi", 404, "UnsupportedName"),
        ("GET", "status?limt=5", 400, "UnknownParameter"),
        ("GET", "gifs/unknown.gif?widht=5", 400, "UnknownParameter"),
        ("POST", "retry?state=failed", 400, "UnknownParameter"),
        ("DELETE", "videos/unknown.mp4", 404, "UnknownVideo"),
        ("DELETE", "videos/a%01b.mp4", 400, "InvalidName"),
        ("POST", "uploads", 400, "InvalidBody"),
        ("GET", "logs/unknown.mp4", 404, "UnknownVideo"),
        ("GET", "links/unknown.gif", 404, "UnknownGif"),
        ("GET", "links/unknown.gif?minutes=0", 400, "InvalidMinutes"),
        ("GET", "status?include=everything", 400, "InvalidInclude"),
        ("GET", "gifs/unknown.gif?download=yes", 400, "InvalidDownload"),
        ("OPTIONS", "statuses", 404, "UnknownRoute"),
        ("GET", "status/a%0Ab.mp4", 400, "InvalidName"),
        ("GET", "status/" + "x" * 1025, 400, "InvalidName"),
        ("GET", "status?state=paused", 400, "InvalidState"),
        ("GET", "status?sort=size", 400, "InvalidSort"),
        ("GET", "status?limit=many", 400, "InvalidLimit"),
        ("GET", "status?prefix=%01", 400, "InvalidPrefix"),
        ("GET", "status?cursor=%FF", 400, "InvalidCursor"),
        ("GET", "status?sort=newest&cursor=WyJhIixudWxsXQ", 400, "InvalidCursor"),
        ("GET", "dashboard/..%5C..%5Capi.py", 404, "UnknownFile"),
        ("GET", "dashboard/index.html", 404, "UnknownFile"),
    ],
)
async def test_invalid_request_gets_its_error_code(
    client: StackClient, method: str, path: str, status: int, code: str
) -> None:
    response = await client.change(method, path)
    assert (response.status, response.json()["error"]["code"]) == (status, code)
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.json()["request_id"] == response.headers["X-Request-Id"]


@pytest.mark.parametrize("key", ["", "wrong"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "status"),
        ("GET", "status/tom.mp4"),
        ("GET", "gifs/a.gif"),
        ("POST", "retry/a.mp4"),
        ("POST", "retry"),
        ("POST", "uploads"),
        ("DELETE", "videos/a.mp4"),
        ("GET", "logs/a.mp4"),
        ("GET", "links/a.gif"),
        ("GET", "health"),
        ("GET", "openapi.json"),
        ("HEAD", "status"),
    ],
)
async def test_request_without_a_valid_key_gets_401_and_no_body(
    client: StackClient, method: str, path: str, key: str
) -> None:
    response = await client.request(method, path, key=key)
    assert (response.status, response.body) == (401, b"")
