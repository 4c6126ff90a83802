"""HTTP functions in the host: routes, keys, requests and responses."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from yarl import URL

from tests.support.waiting import wait_until_async

if TYPE_CHECKING:
    import aiohttp

    from tests.functions.host_process import RunningHost


async def echo(client: aiohttp.ClientSession, path: str) -> dict[str, Any]:
    async with client.get(URL(path, encoded=True)) as response:
        assert response.status == 200
        found: dict[str, Any] = await response.json()
        return found


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("cats/tom.mp4", "cats/tom.mp4"),
        ("cats%2Ftom.mp4", "cats/tom.mp4"),
        ("a%20b+c.mp4", "a b+c.mp4"),
        ("k%C3%A4tzchen%F0%9F%98%BA.mp4", "kätzchen😺.mp4"),
        ("100%2525.mp4", "100%25.mp4"),
        ("%22%3Cb%3E'.mp4", "\"<b>'.mp4"),
        ("line%0Abreak", "line\nbreak"),
        ("cats//tom", "cats//tom"),
        ("dir/", "dir/"),
        ("-v.mp4", "-v.mp4"),
    ],
)
async def test_catch_all_is_the_decoded_rest_of_the_path(client: aiohttp.ClientSession, raw: str, value: str) -> None:
    assert (await echo(client, f"/api/echo/{raw}"))["route"] == {"rest": value}


@pytest.mark.parametrize("path", ["/api/echo", "/api/echo/", "/API/Echo"])
async def test_empty_catch_all_has_no_value(client: aiohttp.ClientSession, path: str) -> None:
    assert (await echo(client, path))["route"] == {}


async def test_query_values_are_joined_and_empty_ones_omitted(client: aiohttp.ClientSession) -> None:
    seen = await echo(client, "/api/echo?a=1&a=2&b=x+y%2B&c=&d")
    assert seen["params"] == {"a": "1,2", "b": "x y+"}
    assert seen["url"].endswith("/api/echo?a=1&a=2&b=x+y%2B&c=&d")


async def test_request_has_method_headers_and_body(client: aiohttp.ClientSession) -> None:
    async with client.post("/api/echo/x", data=b"\x00\xff", headers={"X-Thing": "Some"}) as response:
        seen = await response.json()
    assert seen["method"] == "POST"
    assert seen["headers"]["x-thing"] == "Some"
    assert seen["body"] == "\x00\xff"


async def test_sync_function_runs_in_a_thread_with_its_context(client: aiohttp.ClientSession) -> None:
    async with client.get("/api/item/tom") as response:
        seen = await response.json(content_type="text/plain")
        assert response.headers["x-item"] == "yes"
        assert response.headers["Set-Cookie"] == "a=b; Path=/"
    assert seen["name"] == "tom"
    assert seen["function"] == "item"
    assert seen["thread"] is True
    assert len(seen["invocation"]) == 36


async def test_response_has_status_content_type_and_bytes(client: aiohttp.ClientSession) -> None:
    async with client.get("/api/bytes") as response:
        assert (response.status, response.content_type) == (203, "image/gif")
        assert await response.read() == bytes(range(256))


async def test_returned_string_is_plain_text(client: aiohttp.ClientSession) -> None:
    async with client.get("/api/text") as response:
        assert (response.status, response.content_type, await response.text()) == (200, "text/plain", "plain")


@pytest.mark.parametrize("path", ["/api/fails", "/api/nothing"])
async def test_exception_or_missing_return_value_is_an_empty_500(client: aiohttp.ClientSession, path: str) -> None:
    async with client.get(path) as response:
        assert (response.status, await response.read()) == (500, b"")


async def test_log_has_the_error_with_its_traceback(client: aiohttp.ClientSession, host: RunningHost) -> None:
    async with client.get("/api/fails"):
        pass
    log = host.log.read_text()
    assert "Executing 'Functions.fails' (Reason='GET /api/fails'" in log
    assert "Executed 'Functions.fails' (Failed, Id=" in log
    assert "ValueError: this is what went wrong" in log


async def test_line_break_in_a_path_cannot_forge_a_log_line(client: aiohttp.ClientSession, host: RunningHost) -> None:
    await echo(client, "/api/echo/x%0AExecuted 'Functions.forged'".replace(" ", "%20"))
    assert not any(line.startswith("Executed 'Functions.forged'") for line in host.log.read_text().splitlines())


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("HEAD", "/api/item/tom", 200),
        ("POST", "/api/item/tom", 404),
        ("HEAD", "/api/bytes", 404),
        ("GET", "/api/item", 404),
        ("GET", "/api/item/tom/more", 404),
        ("GET", "/api/item//tom", 404),
        ("GET", "/api/unknown", 404),
        ("GET", "/item/tom", 404),
        ("GET", "/", 200),
        ("GET", "/api/item/%00", 400),
    ],
)
async def test_requests_are_matched_by_route_and_method(
    client: aiohttp.ClientSession, method: str, path: str, status: int
) -> None:
    async with client.request(method, URL(path, encoded=True)) as response:
        assert response.status == status
        if method == "HEAD":
            assert await response.read() == b""


@pytest.mark.parametrize(
    ("path", "key", "status"),
    [
        ("/api/guarded", None, 401),
        ("/api/guarded", "", 401),
        ("/api/guarded", "wrong", 401),
        ("/api/guarded", "the function key", 200),
        ("/api/guarded", "master/key", 200),
        ("/api/guarded", "events", 401),
        ("/api/ruled", "the function key", 401),
        ("/api/ruled", "master/key", 200),
        ("/api/text", "wrong", 200),
    ],
)
async def test_key_is_accepted_in_header_and_query(
    client: aiohttp.ClientSession, path: str, key: str | None, status: int
) -> None:
    headers = {} if key is None else {"x-functions-key": key}
    async with client.get(path, headers=headers) as response:
        assert response.status == status
    async with client.get(path, params={} if key is None else {"code": key}) as response:
        assert response.status == status


async def test_key_in_the_header_takes_precedence_over_the_query(client: aiohttp.ClientSession) -> None:
    async with client.get(
        "/api/guarded", params={"code": "the function key"}, headers={"x-functions-key": "wrong"}
    ) as response:
        assert response.status == 401


async def test_unknown_route_is_404_without_a_key(client: aiohttp.ClientSession) -> None:
    async with client.post("/api/guarded/more") as response:
        assert response.status == 404


async def test_requests_run_concurrently(client: aiohttp.ClientSession, host: RunningHost) -> None:
    async def request_slow() -> int:
        async with client.get("/api/slow", params={"seconds": "1.5"}) as response:
            return response.status

    began, ended = len(host.notes_with(slow="began")), len(host.notes_with(slow="ended"))
    slow = asyncio.create_task(request_slow())
    await wait_until_async(lambda: len(host.notes_with(slow="began")) > began)
    async with client.get("/api/text") as quick:
        assert quick.status == 200
    assert len(host.notes_with(slow="ended")) == ended
    assert await slow == 200
